//! 3×3 convolution, stride 1, in a quarter of the multiplications: Winograd's F(4×4, 3×3), and
//! F(4×4, 2×2) on the four parities of a map that is enlarged twice (0.17 of the multiplications).
//!
//! For a block of tiles, small enough for the cache: phase 1 transforms the input, V = Bᵀ·d·B, for
//! all channels; phase 2 takes stripes of outputs: for each 64–80 channels it transforms the weights
//! (they stay f16 in memory: transformed they are eight times the size), adds up N² small products
//! into M, and sends Aᵀ·M·A through the epilogue. Cost: N²·C·K/16 multiply-adds a pixel, and
//! transforms of about 5 % at 320 channels. Traps: the planes' strides are odd numbers of cache
//! lines, or all N² fall into one cache set; the depth of a sum depends on the channels alone, never
//! on threads or tiles, so that results are the same bits on any number of threads.
#![expect(unsafe_code, reason = "raw pointers into scratch, disjoint writes of the result")]

use crate::ops::cpu::context::Context;
use crate::ops::cpu::conv::gather::Gather;
use crate::ops::cpu::conv::scatter::Scatter;
use crate::ops::cpu::gemm::epilogue::Epilogue;
use crate::ops::cpu::gemm::matrix::{PANEL, PackedMatrix};
use crate::ops::cpu::gemm::rows::Map;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{even_part, part_start};
use crate::ops::cpu::isa::{Level, Task};
use crate::ops::cpu::memory::shared::Shared;
use crate::ops::cpu::stop::KernelError;
use crate::ops::cpu::view::Source;

/// Distance between tiles of V: the most channels summed from zero.
pub(super) const STRIDE: usize = 80;
/// Numbers of V that the shared cache holds.
const V_NUMBERS: usize = 1_500_000;
/// Most tiles of one job of phase 2: M for 32 outputs is then 590 KB.
const JOB_TILES: usize = 128;
/// From this many numbers on, a result is written past the caches.
const STREAM: usize = if cfg!(test) { 5_000 } else { 8 << 20 };
/// Sides of the outputs of a tile.
pub(super) const OUT: usize = 4;

/// Channels that are summed together.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    /// 0 or 1: the part of the source.
    pub part: usize,
    /// First channel within the part.
    pub start: usize,
    /// First channel of the weights.
    pub weight: usize,
    pub count: usize,
}

/// One convolution. `N` is 6 for the window on the map itself, 5 for a parity of the enlarged map.
pub(super) struct Winograd<'a, const N: usize> {
    pub source: Source<'a>,
    pub map: Map,
    /// `(outputs, channels·9)`.
    pub weights: &'a PackedMatrix,
    pub epilogue: Epilogue<'a>,
    /// Which of the enlarged map's pixels: (row, column) parity; (0, 0) for N = 6.
    pub parity: (usize, usize),
}

/// Most numbers of transformed weights that are kept whole for a call.
const U_NUMBERS: usize = 1_400_000;
/// Most numbers of V of a job that does both phases by itself.
const OWN_V_NUMBERS: usize = 200_000;
/// Its tiles.
const OWN_TILES: usize = 28;

/// Sizes that all jobs share.
pub(super) struct Plan {
    pub depths: Vec<Depth>,
    /// Tiles down and across one picture.
    pub tiles: (usize, usize),
    /// Distance between planes of V, of U and of M.
    pub v_plane: usize,
    pub u_plane: usize,
    pub m_plane: usize,
    /// Outputs of a stripe: two vectors.
    pub stripe: usize,
    /// How many jobs share a block's tiles for one stripe.
    pub chunks: usize,
    /// Whether y is too large for the caches and written past them, a whole line at a time.
    pub stream: bool,
}

/// Cuts a part's channels into sums of 64 to 80.
fn depths(source: &Source<'_>) -> Vec<Depth> {
    let mut list = Vec::new();
    let mut weight = 0;
    for (part, (_, channels)) in source.parts().into_iter().enumerate() {
        let size = match channels {
            0 => continue,
            c if c <= STRIDE => c,
            c if c % 80 == 0 => 80,
            c if c % 64 == 0 => 64,
            c => c.div_ceil(c.div_ceil(STRIDE)).next_multiple_of(16),
        };
        for start in (0..channels).step_by(size) {
            list.push(Depth { part, start, weight: weight + start, count: size.min(channels - start) });
        }
        weight += channels;
    }
    list
}

impl<const N: usize> Winograd<'_, N> {
    /// Computes `y`: all of it for N = 6, the pixels of one parity for N = 5.
    pub fn run(&self, context: &Context, y: Shared<f32>) -> Result<(), KernelError> {
        let lanes = if context.level == Level::Avx512 { 16 } else { 8 };
        let stripe = 2 * lanes;
        let stripes = (self.weights.panels() * PANEL).div_ceil(stripe);
        let tiles = (self.map.height.div_ceil(OUT), self.map.width.div_ceil(OUT));
        let total = self.map.batch * tiles.0 * tiles.1;
        let depths = depths(&self.source);
        let weights = N * N * depths.len() * (STRIDE * stripe + 16) * stripes;
        let own_v = OWN_TILES * N * N * depths.len() * STRIDE;
        if weights <= U_NUMBERS && own_v <= OWN_V_NUMBERS && total >= 8 * OWN_TILES * context.threads() {
            return self.run_private(context, depths, (total, tiles), (stripe, stripes), y);
        }
        let chunks = (2 * context.threads()).div_ceil(stripes);
        let fitting = (V_NUMBERS / (N * N * depths.len() * STRIDE)).clamp(8, JOB_TILES * chunks);
        let blocks = total.div_ceil(fitting);
        let block_tiles = total.div_ceil(blocks);
        let chunks = chunks.min(block_tiles.div_ceil(8));
        let plan = Plan {
            v_plane: (block_tiles | 1) * STRIDE,
            u_plane: STRIDE * stripe + 16,
            m_plane: block_tiles.div_ceil(chunks) * stripe + 16,
            tiles,
            stripe,
            chunks,
            stream: self.stream(context, y),
            depths,
        };
        let zeros = self.source.parts().iter().map(|p| p.1).max().unwrap_or(0) + 16;
        let mut shared = context.arena.take(zeros + N * N * plan.v_plane * plan.depths.len())?;
        shared[..zeros].fill(0.0);
        let own = N * N * (plan.u_plane + plan.m_plane);
        let mut scratch = context.arena.take(own * context.threads())?;
        let (shared, scratch) = (Shared::new(&mut shared), Shared::new(&mut scratch));
        for block in 0..blocks {
            let count = even_part(total, blocks, block);
            let first = part_start(total, blocks, block);
            const GROUP: usize = 4;
            context.each(count.div_ceil(GROUP), |_, item| Scatter {
                winograd: self,
                plan: &plan,
                zeros: shared.at(0),
                first: first + item * GROUP,
                at: item * GROUP,
                count: GROUP.min(count - item * GROUP),
                v: shared.at(zeros),
            })?;
            let chunks = plan.chunks.min(count);
            context.each(stripes * chunks, |worker, item| Gather {
                winograd: self,
                plan: &plan,
                stripe: item / chunks,
                first,
                at: part_start(count, chunks, item % chunks),
                count: even_part(count, chunks, item % chunks),
                v: shared.at(zeros),
                u: scratch.at(worker * own),
                ready: false,
                m: scratch.at(worker * own + N * N * plan.u_plane),
                y,
            })?;
        }
        Ok(())
    }

    /// The same for few channels and many tiles: all weights are transformed once, then each job does
    /// both phases for a few tiles, whose V stays in its own L2.
    fn run_private(
        &self,
        context: &Context,
        depths: Vec<Depth>,
        (total, tiles): (usize, (usize, usize)),
        (stripe, stripes): (usize, usize),
        y: Shared<f32>,
    ) -> Result<(), KernelError> {
        let jobs = total.div_ceil(OWN_TILES).next_multiple_of(context.threads());
        let most = total.div_ceil(jobs);
        let plan = Plan {
            v_plane: (most | 1) * STRIDE,
            u_plane: STRIDE * stripe + 16,
            m_plane: most * stripe + 16,
            tiles,
            stripe,
            chunks: 1,
            stream: self.stream(context, y),
            depths,
        };
        let zeros = self.source.parts().iter().map(|p| p.1).max().unwrap_or(0) + 16;
        let u_stripe = N * N * plan.u_plane * plan.depths.len();
        let mut shared = context.arena.take(zeros + u_stripe * stripes)?;
        shared[..zeros].fill(0.0);
        let own_v = N * N * plan.v_plane * plan.depths.len();
        let own = own_v + N * N * plan.m_plane;
        let mut scratch = context.arena.take(own * context.threads())?;
        let (shared, scratch) = (Shared::new(&mut shared), Shared::new(&mut scratch));
        let gather = |stripe: usize, worker: usize, first: usize, count: usize| Gather {
            winograd: self,
            plan: &plan,
            stripe,
            first,
            at: 0,
            count,
            v: scratch.at(worker * own),
            u: shared.at(zeros + stripe * u_stripe),
            ready: true,
            m: scratch.at(worker * own + own_v),
            y,
        };
        context.each(stripes * plan.depths.len(), |worker, item| Weights {
            gather: gather(item / plan.depths.len(), worker, 0, 0),
            number: item % plan.depths.len(),
        })?;
        context.each(jobs, |worker, item| {
            let (first, count) = (part_start(total, jobs, item), even_part(total, jobs, item));
            let scatter = Scatter {
                winograd: self,
                plan: &plan,
                zeros: shared.at(0),
                first,
                at: 0,
                count,
                v: scratch.at(worker * own),
            };
            Private { scatter, gather: gather(0, worker, first, count), stripes, u_stripe }
        })
    }

    /// Whether the result is written past the caches.
    fn stream(&self, context: &Context, y: Shared<f32>) -> bool {
        let numbers = self.map.pixels() * self.weights.outputs();
        context.level == Level::Avx512
            && numbers >= STREAM
            && self.weights.outputs().is_multiple_of(PANEL)
            && y.at(0).addr().is_multiple_of(64)
    }

    /// Picture, row and column of tile `tile`.
    pub fn place(&self, plan: &Plan, tile: usize) -> (usize, usize, usize) {
        let (down, across) = plan.tiles;
        (tile / (down * across), tile / across % down, tile % across)
    }
}

/// The transformed weights of one depth of one stripe, once for a whole call.
struct Weights<'a, const N: usize> {
    gather: Gather<'a, N>,
    number: usize,
}

impl<const N: usize> Task for Weights<'_, N> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let u = self.gather.u.wrapping_add(self.number * N * N * self.gather.plan.u_plane);
        // SAFETY: the stripe and depth exist; U has room for all of them, this one is written here.
        unsafe {
            self.gather.transform_weights::<S>(
                &self.gather.plan.depths[self.number],
                self.gather.vectors::<S>(),
                u,
            )
        };
    }
}

/// Both phases for some tiles.
struct Private<'a, const N: usize> {
    scatter: Scatter<'a, N>,
    gather: Gather<'a, N>,
    stripes: usize,
    u_stripe: usize,
}

impl<const N: usize> Task for Private<'_, N> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the scratch is this worker's own; the weights are all transformed.
        unsafe {
            self.scatter.run::<S>();
            let mut gather = self.gather;
            for _ in 0..self.stripes {
                gather.run::<S>();
                gather.stripe += 1;
                gather.u = gather.u.wrapping_add(self.u_stripe);
            }
        }
    }
}
