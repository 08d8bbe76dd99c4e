//! Winograd's second phase: weights transformed block by block, N² small products into M, and
//! y = Aᵀ·M·A through the epilogue.
//!
//! Trap: the outputs are 16 lines of memory for each vector; asking for them two tiles ahead halves
//! the time of the last step.
#![expect(unsafe_code, reason = "raw pointers into scratch, disjoint writes of the result")]
#![expect(clippy::needless_range_loop, reason = "small matrices are read by row and column")]

use crate::ops::cpu::conv::transform;
use crate::ops::cpu::conv::winograd::{Depth, OUT, Plan, STRIDE, Winograd};
use crate::ops::cpu::gemm::epilogue::Place;
use crate::ops::cpu::gemm::matrix::PANEL;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, Write, prefetch, prefetch_write, run_rows};
use crate::ops::cpu::memory::shared::Shared;

/// How many tiles ahead the outputs are asked for.
const TILES_AHEAD: usize = 2;

/// Phase 2 for a stripe of outputs and some tiles: y = Aᵀ·(Σ V·U)·A.
#[derive(Clone, Copy)]
pub(super) struct Gather<'a, const N: usize> {
    pub winograd: &'a Winograd<'a, N>,
    pub plan: &'a Plan,
    pub stripe: usize,
    pub first: usize,
    pub at: usize,
    pub count: usize,
    pub v: *const f32,
    pub u: *mut f32,
    /// Whether U holds all depths, transformed; else room for one.
    pub ready: bool,
    pub m: *mut f32,
    pub y: Shared<f32>,
}

impl<const N: usize> Task for Gather<'_, N> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let plan = self.plan;
        let vectors = self.vectors::<S>();
        for (number, depth) in plan.depths.iter().enumerate() {
            // SAFETY: U and M belong to this worker; V's rows of these tiles were written in phase 1.
            unsafe {
                let u = if self.ready {
                    self.u.wrapping_add(number * N * N * plan.u_plane)
                } else {
                    self.transform_weights::<S>(depth, vectors, self.u);
                    self.u
                };
                for f in 0..N * N {
                    if !self.ready {
                        self.ask_for_weights(number + 1, vectors * S::LANES, f);
                    }
                    let v = self.v.add((number * N * N + f) * plan.v_plane + self.at * STRIDE);
                    let tile = Tile {
                        a: v,
                        k_stride: 1,
                        b: u.add(f * plan.u_plane),
                        c: self.m.add(f * plan.m_plane),
                        c_stride: plan.stripe,
                        k: depth.count,
                        write: if number == 0 { Write::Store } else { Write::Add },
                        next: v,
                    };
                    if vectors == 2 {
                        run_rows::<S, 2, STRIDE, false>(self.count, tile);
                    } else {
                        run_rows::<S, 1, STRIDE, false>(self.count, tile);
                    }
                }
            }
        }
        for i in 0..self.count {
            if i + TILES_AHEAD < self.count {
                self.ask_ahead(i + TILES_AHEAD, vectors * S::LANES);
            }
            for vector in 0..vectors {
                // SAFETY: M is complete; these outputs of this tile are written here alone.
                unsafe { self.finish::<S>(i, vector) };
            }
        }
        if plan.stream {
            // SAFETY: the CPU has `S`.
            unsafe { S::fence() };
        }
    }
}

impl<const N: usize> Gather<'_, N> {
    /// Vectors of the stripe that have weights: 2, or 1 at the end.
    #[inline(always)]
    pub fn vectors<S: Simd>(&self) -> usize {
        let columns = self.winograd.weights.panels() * PANEL - self.stripe * self.plan.stripe;
        (columns / S::LANES).min(2)
    }

    /// U = G·g·Gᵀ for one depth of the stripe.
    #[inline(always)]
    pub unsafe fn transform_weights<S: Simd>(&self, depth: &Depth, vectors: usize, to: *mut f32) {
        let (py, px) = self.winograd.parity;
        for c in 0..depth.count {
            for vector in 0..vectors {
                let column = self.stripe * self.plan.stripe + vector * S::LANES;
                // SAFETY: the panel and channel exist; U has room for STRIDE channels of two vectors.
                unsafe {
                    let taps =
                        self.winograd.weights.taps::<S>(column / PANEL, depth.weight + c, column % PANEL);
                    let zero = S::splat(0.0);
                    let mut half = [[zero; 3]; 6];
                    for j in 0..3 {
                        let line = transform::fold::<S, N>([taps[0][j], taps[1][j], taps[2][j]], py);
                        let line = transform::weights::<S, N>(line);
                        for i in 0..N {
                            half[i][j] = line[i];
                        }
                    }
                    let u = to.add((c * vectors + vector) * S::LANES);
                    for (i, line) in half.iter().enumerate().take(N) {
                        let line = transform::weights::<S, N>(transform::fold::<S, N>(*line, px));
                        for (j, value) in line.iter().enumerate().take(N) {
                            S::store(u.add((i * N + j) * self.plan.u_plane), *value);
                        }
                    }
                }
            }
        }
    }

    /// Asks for one of N² parts of the weights that are transformed next.
    #[inline(always)]
    fn ask_for_weights(&self, number: usize, width: usize, part: usize) {
        let Some(depth) = self.plan.depths.get(number) else { return };
        let rows = depth.count * 9;
        let (start, end) = (rows * part / (N * N), rows * (part + 1) / (N * N));
        for column in (0..width).step_by(PANEL) {
            let panel = (self.stripe * self.plan.stripe + column) / PANEL;
            self.winograd.weights.ask_for(panel, depth.weight * 9 + start, end - start);
        }
    }

    /// Asks for the outputs and residuals of a tile.
    #[inline(always)]
    fn ask_ahead(&self, i: usize, width: usize) {
        let (plan, map) = (self.plan, self.winograd.map);
        let (picture, down, across) = self.winograd.place(plan, self.first + self.at + i);
        let outputs = self.winograd.weights.outputs();
        let (scale, (py, px)) = (if N == 6 { 1 } else { 2 }, self.winograd.parity);
        let row = ((picture * map.height + down * OUT) * scale + py) * map.width * scale
            + across * OUT * scale
            + px;
        for pixel in 0..OUT * OUT {
            let row = row + pixel / OUT * scale * map.width * scale + pixel % OUT * scale;
            let start = row * outputs + self.stripe * plan.stripe;
            for lane in (0..width).step_by(16) {
                if !plan.stream {
                    prefetch_write(self.y.at(start + lane));
                }
                if let Some(residual) = self.winograd.epilogue.residual {
                    prefetch(residual.as_ptr().wrapping_add(start + lane));
                }
            }
        }
    }

    /// y = Aᵀ·M·A for one vector of outputs of one tile, through the epilogue.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, i: usize, vector: usize) {
        let (plan, map) = (self.plan, self.winograd.map);
        let (picture, down, across) = self.winograd.place(plan, self.first + self.at + i);
        let outputs = self.winograd.weights.outputs();
        let column = self.stripe * plan.stripe + vector * S::LANES;
        if column >= outputs {
            return;
        }
        let (scale, (py, px)) = (if N == 6 { 1 } else { 2 }, self.winograd.parity);
        // SAFETY: M holds this tile; the pixels and outputs exist.
        unsafe {
            let m = self.m.add(i * plan.stripe + vector * S::LANES);
            let zero = S::splat(0.0);
            let mut half = [[zero; 6]; OUT];
            for j in 0..N {
                let mut line = [zero; 6];
                for i in 0..N {
                    line[i] = S::load(m.add((i * N + j) * plan.m_plane));
                }
                let line = transform::output::<S, N>(line);
                for i in 0..OUT {
                    half[i][j] = line[i];
                }
            }
            for (i, line) in half.iter().enumerate() {
                let line = transform::output::<S, N>(*line);
                let y = down * OUT + i;
                for (j, value) in line.iter().enumerate() {
                    let x = across * OUT + j;
                    if y < map.height && x < map.width {
                        let row =
                            ((picture * map.height + y) * scale + py) * map.width * scale + x * scale + px;
                        let place = Place {
                            row,
                            picture,
                            column,
                            count: outputs - column,
                            outputs,
                            stream: plan.stream,
                        };
                        self.winograd.epilogue.finish::<S>(*value, place, self.y.at(0));
                    }
                }
            }
        }
    }
}
