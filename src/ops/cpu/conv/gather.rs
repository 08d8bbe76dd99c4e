//! Winograd's second phase: weights transformed block by block, N² small products into M, and
//! y = Aᵀ·M·A through the epilogue.
//!
//! Trap: the outputs are 16 lines of memory for each vector; prefetching them two tiles ahead halves
//! the time of the last step.
#![expect(unsafe_code, reason = "raw pointers into scratch, disjoint writes of the result")]

use crate::ops::cpu::conv::plan::{OUT, STRIDE};
use crate::ops::cpu::conv::stripe::Stripe;
use crate::ops::cpu::conv::transform;
use crate::ops::cpu::gemm::epilogue::Place;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::micro_kernel::run_rows;
use crate::ops::cpu::isa::prefetch::{prefetch, prefetch_write};
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, Write};
use crate::ops::cpu::memory::shared::Places;

/// How many tiles ahead the outputs are prefetched.
const TILES_AHEAD: usize = 2;

/// Transformed weights of a stripe.
pub(super) enum Transformed<'a> {
    /// Room for one depth.
    Room(&'a mut [f32]),
    /// All depths.
    Ready(&'a [f32]),
}

/// Phase 2 for a stripe of outputs and some tiles: y = Aᵀ·(Σ V·U)·A.
pub(super) struct Gather<'a, const N: usize> {
    pub stripe: Stripe<'a, N>,
    /// The first tile of the block, and the job's place in the block.
    pub first: usize,
    pub at: usize,
    pub count: usize,
    /// The block's tiles.
    pub v: &'a [f32],
    pub u: Transformed<'a>,
    pub m: &'a mut [f32],
    /// The result, whose outputs of this stripe in these tiles are this job's.
    pub y: Places<'a, f32>,
}

impl<const N: usize> Task for Gather<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.check();
        self.multiply(s);
        let (vectors, m) = (self.stripe.vectors::<S>(), self.m.as_ptr());
        for i in 0..self.count {
            if i + TILES_AHEAD < self.count {
                self.prefetch_ahead(i + TILES_AHEAD, vectors * S::LANES);
            }
            for vector in 0..vectors {
                // SAFETY: M is complete; these outputs of this tile are written here alone.
                unsafe { self.finish(s, m, i, vector) };
            }
        }
        if self.stripe.plan.stream {
            s.fence();
        }
    }
}

impl<const N: usize> Gather<'_, N> {
    /// # Panics
    /// Unless tiles, V, U and M are as large as the plan says.
    fn check(&self) {
        let (plan, map) = (self.stripe.plan, self.stripe.winograd.map);
        let tiles = map.batch * plan.tiles.0 * plan.tiles.1;
        assert!(self.first + self.at + self.count <= tiles, "the job's tiles exist");
        let planes = plan.depths.len() * N * N;
        let v = planes.saturating_sub(1) * plan.v_plane + (self.at + self.count) * STRIDE;
        assert!(self.v.len() >= v, "V has the job's tiles in each plane");
        assert!(self.m.len() >= (N * N - 1) * plan.m_plane + self.count * plan.stripe, "M has room for them");
        if let Transformed::Ready(u) = self.u {
            assert!(u.len() >= planes * plan.u_plane, "U has all depths");
        }
    }

    /// M = Σ V·U over all depths.
    #[inline(always)]
    fn multiply<S: Simd>(&mut self, s: S) {
        let (stripe, plan) = (self.stripe, self.stripe.plan);
        let vectors = stripe.vectors::<S>();
        let m = self.m.as_mut_ptr();
        for (number, depth) in plan.depths.iter().enumerate() {
            let next = plan.depths.get(number + 1);
            let (u, next) = match &mut self.u {
                Transformed::Ready(u) => (u.as_ptr().wrapping_add(number * N * N * plan.u_plane), None),
                Transformed::Room(u) => {
                    stripe.transform(s, depth, u);
                    (u.as_ptr(), next)
                }
            };
            for f in 0..N * N {
                if let Some(next) = next {
                    stripe.prefetch::<S>(next, f);
                }
                let v = self.v.as_ptr().wrapping_add((number * N * N + f) * plan.v_plane + self.at * STRIDE);
                let tile = Tile {
                    a: v,
                    k_stride: 1,
                    b: u.wrapping_add(f * plan.u_plane),
                    c: m.wrapping_add(f * plan.m_plane),
                    c_stride: plan.stripe,
                    k: depth.count,
                    write: if number == 0 { Write::Store } else { Write::Add },
                    next: v,
                };
                // SAFETY: by the plan V has these tiles, U these channels and M these rows in each plane.
                unsafe {
                    if vectors == 2 {
                        run_rows::<S, 2, STRIDE, false>(s, self.count, tile);
                    } else {
                        run_rows::<S, 1, STRIDE, false>(s, self.count, tile);
                    }
                }
            }
        }
    }

    /// Prefetches the outputs and residuals of a tile.
    #[inline(always)]
    fn prefetch_ahead(&self, i: usize, width: usize) {
        let (plan, winograd) = (self.stripe.plan, self.stripe.winograd);
        let map = winograd.map;
        let (picture, down, across) = plan.place(self.first + self.at + i);
        let outputs = winograd.weights.outputs();
        let (scale, (py, px)) = (if N == 6 { 1 } else { 2 }, winograd.parity);
        let row = ((picture * map.height + down * OUT) * scale + py) * map.width * scale
            + across * OUT * scale
            + px;
        for pixel in 0..OUT * OUT {
            let row = row + pixel / OUT * scale * map.width * scale + pixel % OUT * scale;
            let start = row * outputs + self.stripe.column();
            for lane in (0..width).step_by(16) {
                if !plan.stream {
                    prefetch_write(self.y.address(start + lane));
                }
                if let Some(residual) = winograd.epilogue.residual {
                    prefetch(residual.as_ptr().wrapping_add(start + lane));
                }
            }
        }
    }

    /// y = Aᵀ·M·A for one vector of outputs of one tile, through the epilogue.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "small matrices are read by row and column")]
    unsafe fn finish<S: Simd>(&self, s: S, m: *const f32, i: usize, vector: usize) {
        let (plan, winograd) = (self.stripe.plan, self.stripe.winograd);
        let map = winograd.map;
        let (picture, down, across) = plan.place(self.first + self.at + i);
        let outputs = winograd.weights.outputs();
        let column = self.stripe.column() + vector * S::LANES;
        if column >= outputs {
            return;
        }
        let (scale, (py, px)) = (if N == 6 { 1 } else { 2 }, winograd.parity);
        // SAFETY: M holds this tile; the pixels and outputs exist.
        unsafe {
            let m = m.add(i * plan.stripe + vector * S::LANES);
            let zero = s.splat(0.0);
            let mut half = [[zero; 6]; OUT];
            for j in 0..N {
                let mut line = [zero; 6];
                for i in 0..N {
                    line[i] = s.load(m.add((i * N + j) * plan.m_plane));
                }
                let line = transform::output::<S, N>(s, line);
                for i in 0..OUT {
                    half[i][j] = line[i];
                }
            }
            for (i, line) in half.iter().enumerate() {
                let line = transform::output::<S, N>(s, *line);
                let y = down * OUT + i;
                for (j, value) in line.iter().enumerate() {
                    let x = across * OUT + j;
                    if y < map.height && x < map.width {
                        let row =
                            ((picture * map.height + y) * scale + py) * map.width * scale + x * scale + px;
                        let (count, stream) = (outputs - column, plan.stream);
                        let place = Place { row, picture, column, count, outputs, stream };
                        winograd.epilogue.finish(s, *value, place, self.y.at(0));
                    }
                }
            }
        }
    }
}
