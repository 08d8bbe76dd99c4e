//! 3×3 convolution, stride 1, in a quarter of the multiplications: Winograd's F(4×4, 3×3), and
//! F(4×4, 2×2) on the four parities of a map that is enlarged twice (0.17 of the multiplications). After
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016).
//!
//! For a block of tiles, small enough for the cache: phase 1 transforms the input, V = Bᵀ·d·B, for
//! all channels; phase 2 takes stripes of outputs: for each 64–80 channels it transforms the weights
//! (they stay f16 in memory: transformed they are eight times the size), adds up N² small products
//! into M, and sends Aᵀ·M·A through the epilogue. Cost: N²·C·K/16 multiply-adds a pixel, and
//! transforms of about 5 % at 320 channels.
#![expect(unsafe_code, reason = "jobs claim their parts of scratch and result")]

use crate::ops::cpu::context::Context;
use crate::ops::cpu::conv::gather::{Gather, Transformed};
use crate::ops::cpu::conv::plan::{Depth, OUT, Plan, STRIDE, Winograd};
use crate::ops::cpu::conv::scatter::Scatter;
use crate::ops::cpu::conv::stripe::{Stripe, Weights};
use crate::ops::cpu::cut::{Pieces, even_part, part_start};
use crate::ops::cpu::gemm::panel::PANEL;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::{Isa, Task};
use crate::ops::cpu::memory::shared::{Places, Shared};
use crate::ops::cpu::stop::KernelError;

/// Numbers of V that the shared cache holds.
const V_NUMBERS: usize = 1_500_000;
/// Most tiles of one job of phase 2: M for 32 outputs is then 590 KB.
const JOB_TILES: usize = 128;
/// From this many numbers on, a result is written past the caches.
const STREAM: usize = if cfg!(test) { 5_000 } else { 8 << 20 };
/// Tiles of one job of phase 1.
const GROUP: usize = 4;
/// Most numbers of transformed weights that are kept whole for a call.
const U_NUMBERS: usize = 1_400_000;
/// Most numbers of V of a job that does both phases by itself.
const OWN_V_NUMBERS: usize = 200_000;
/// Its tiles.
const OWN_TILES: usize = 28;

/// Sizes that follow from the convolution and the instruction set.
struct Sizes {
    depths: Vec<Depth>,
    /// Tiles down and across one picture, and of all pictures.
    tiles: (usize, usize),
    total: usize,
    /// Outputs of a stripe, and stripes.
    stripe: usize,
    stripes: usize,
    /// Zeros that stand for what lies outside the map.
    zeros: usize,
    stream: bool,
}

impl<const N: usize> Winograd<'_, N> {
    /// Computes `y`: all of it for N = 6, the pixels of one parity for N = 5.
    pub fn run(&self, context: &Context, y: &mut [f32]) -> Result<(), KernelError> {
        let (_, stripe) = context.level().tile_shape();
        let tiles = (self.map.height.div_ceil(OUT), self.map.width.div_ceil(OUT));
        let sizes = Sizes {
            depths: Depth::all(&self.source),
            tiles,
            total: self.map.batch * tiles.0 * tiles.1,
            stripe,
            stripes: (self.weights.panels() * PANEL).div_ceil(stripe),
            zeros: self.source.parts().iter().map(|p| p.1).max().unwrap_or(0) + 16,
            stream: self.stream(context, y),
        };
        let weights = N * N * sizes.depths.len() * (STRIDE * stripe + 16) * sizes.stripes;
        let own_v = OWN_TILES * N * N * sizes.depths.len() * STRIDE;
        let many = sizes.total >= 8 * OWN_TILES * context.threads();
        if weights <= U_NUMBERS && own_v <= OWN_V_NUMBERS && many {
            return self.run_private(context, sizes, y);
        }
        self.run_shared(context, sizes, y)
    }

    /// Blocks of tiles that all threads work on: first V, then the stripes of outputs.
    fn run_shared(&self, context: &Context, sizes: Sizes, y: &mut [f32]) -> Result<(), KernelError> {
        let Sizes { depths, tiles, total, stripe, stripes, zeros, stream } = sizes;
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
            stream,
            depths,
        };
        let mut shared = context.arena().take(zeros + N * N * plan.v_plane * plan.depths.len())?;
        let (zeros, v) = shared.split_at_mut(zeros);
        zeros.fill(0.0);
        let zeros: &[f32] = zeros;
        let own_u = N * N * plan.u_plane;
        let own = own_u + N * N * plan.m_plane;
        let mut scratch = context.arena().take(own * context.threads())?;
        let (scratch, y) = (Shared::new(&mut scratch), Shared::new(y));
        for block in 0..blocks {
            let count = even_part(total, blocks, block);
            let first = part_start(total, blocks, block);
            let to = Shared::new(v);
            context.each(count.div_ceil(GROUP), |_, item| {
                let (at, count) = (item * GROUP, GROUP.min(count - item * GROUP));
                // SAFETY: each tile has its rows of V, and each job its tiles.
                let v = unsafe { to.claim_places() };
                Scatter { winograd: self, plan: &plan, zeros, first: first + at, at, count, v }
            })?;
            let v: &[f32] = v;
            let chunks = chunks.min(count);
            context.each(stripes * chunks, |worker, item| {
                // SAFETY: a worker's number belongs to one thread, which is done with its scratch by the
                // next job.
                let own = unsafe { scratch.claim(worker * own..(worker + 1) * own) };
                let (u, m) = own.split_at_mut(own_u);
                Gather {
                    stripe: Stripe { winograd: self, plan: &plan, number: item / chunks },
                    first,
                    at: part_start(count, chunks, item % chunks),
                    count: even_part(count, chunks, item % chunks),
                    v,
                    u: Transformed::Room(u),
                    m,
                    // SAFETY: jobs differ in their stripe or in their tiles, and write where both meet.
                    y: unsafe { y.claim_places() },
                }
            })?;
        }
        Ok(())
    }

    /// The same for few channels and many tiles: all weights are transformed once, then each job does
    /// both phases for a few tiles, whose V stays in its own L2.
    fn run_private(&self, context: &Context, sizes: Sizes, y: &mut [f32]) -> Result<(), KernelError> {
        let Sizes { depths, tiles, total, stripe, stripes, zeros, stream } = sizes;
        let jobs = total.div_ceil(OWN_TILES).next_multiple_of(context.threads());
        let most = total.div_ceil(jobs);
        let plan = Plan {
            v_plane: (most | 1) * STRIDE,
            u_plane: STRIDE * stripe + 16,
            m_plane: most * stripe + 16,
            tiles,
            stripe,
            stream,
            depths,
        };
        let depths = plan.depths.len();
        let u_depth = N * N * plan.u_plane;
        let mut shared = context.arena().take(zeros + u_depth * depths * stripes)?;
        let (zeros, u) = shared.split_at_mut(zeros);
        zeros.fill(0.0);
        let stripe = |number: usize| Stripe { winograd: self, plan: &plan, number };
        let pieces = Pieces::new(stripes * depths, u_depth, u_depth);
        context.each_piece(u, pieces, |start, to| {
            let item = start / u_depth;
            Weights { stripe: stripe(item / depths), depth: &plan.depths[item % depths], to }
        })?;
        let own_v = N * N * plan.v_plane * depths;
        let own = own_v + N * N * plan.m_plane;
        let mut scratch = context.arena().take(own * context.threads())?;
        let (scratch, y) = (Shared::new(&mut scratch), Shared::new(y));
        context.each(jobs, |worker, item| Private {
            winograd: self,
            plan: &plan,
            stripes,
            zeros,
            first: part_start(total, jobs, item),
            count: even_part(total, jobs, item),
            u,
            // SAFETY: a worker's number belongs to one thread, which is done with its scratch by the next
            // job.
            own: unsafe { scratch.claim(worker * own..(worker + 1) * own) },
            own_v,
            // SAFETY: each tile has its outputs, and each job its tiles.
            y: unsafe { y.claim_places() },
        })
    }

    /// Whether the result is written past the caches.
    fn stream(&self, context: &Context, y: &[f32]) -> bool {
        let numbers = self.map.pixels() * self.weights.outputs();
        context.level().isa() == Isa::Avx512
            && numbers >= STREAM
            && self.weights.outputs().is_multiple_of(PANEL)
            && y.as_ptr().addr().is_multiple_of(64)
    }
}

/// Both phases for some tiles.
struct Private<'a, const N: usize> {
    winograd: &'a Winograd<'a, N>,
    plan: &'a Plan,
    stripes: usize,
    zeros: &'a [f32],
    first: usize,
    count: usize,
    /// The weights of all stripes, transformed.
    u: &'a [f32],
    /// The worker's scratch: V, then M.
    own: &'a mut [f32],
    own_v: usize,
    /// The result, whose outputs in these tiles are this job's.
    y: Places<'a, f32>,
}

impl<const N: usize> Task for Private<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Private { winograd, plan, zeros, first, count, .. } = self;
        let (v, m) = self.own.split_at_mut(self.own_v);
        // SAFETY: V is this worker's own.
        let places = unsafe { Shared::new(v).claim_places() };
        Scatter { winograd, plan, zeros, first, at: 0, count, v: places }.run(s);
        let u_stripe = N * N * plan.u_plane * plan.depths.len();
        for number in 0..self.stripes {
            let stripe = Stripe { winograd, plan, number };
            let u = Transformed::Ready(&self.u[number * u_stripe..]);
            Gather { stripe, first, at: 0, count, v: &*v, u, m: &mut *m, y: self.y.reborrow() }.run(s);
        }
    }
}
