//! A stripe of a convolution's outputs and its weights, transformed: U = G·g·Gᵀ.
#![expect(unsafe_code, reason = "raw pointers into packed weights and scratch")]

use crate::ops::cpu::conv::plan::{Depth, Plan, Winograd};
use crate::ops::cpu::conv::transform;
use crate::ops::cpu::gemm::panel::PANEL;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::simd::Simd;

/// Two vectors of outputs, or one at the end.
#[derive(Clone, Copy)]
pub(super) struct Stripe<'a, const N: usize> {
    pub winograd: &'a Winograd<'a, N>,
    pub plan: &'a Plan,
    /// Which one.
    pub number: usize,
}

impl<const N: usize> Stripe<'_, N> {
    /// The first output.
    #[inline(always)]
    pub fn column(&self) -> usize {
        self.number * self.plan.stripe
    }

    /// Vectors that have weights.
    #[inline(always)]
    pub fn vectors<S: Simd>(&self) -> usize {
        let columns = self.winograd.weights.panels() * PANEL - self.column();
        (columns / S::LANES).min(2)
    }

    /// U for one depth: N² planes of a row of the stripe's vectors for each channel.
    #[inline(always)]
    pub fn transform<S: Simd>(&self, s: S, depth: &Depth, to: &mut [f32]) {
        let (weights, vectors) = (self.winograd.weights, self.vectors::<S>());
        let last = (N * N - 1) * self.plan.u_plane + depth.count * vectors * S::LANES;
        assert!(to.len() >= last, "U has a row for each channel in each plane");
        assert!((depth.weight + depth.count) * 9 <= weights.columns(), "the depth's channels have weights");
        let to = to.as_mut_ptr();
        for c in 0..depth.count {
            for vector in 0..vectors {
                let column = self.column() + vector * S::LANES;
                // SAFETY: the panel and channel exist, and U has room for them.
                unsafe {
                    let taps = weights.taps(s, column / PANEL, depth.weight + c, column % PANEL);
                    let u = to.add((c * vectors + vector) * S::LANES);
                    transform_taps::<S, N>(s, taps, self.winograd.parity, u, self.plan.u_plane);
                }
            }
        }
    }

    /// Prefetches one of N² parts of a depth's weights.
    #[inline(always)]
    pub fn prefetch<S: Simd>(&self, depth: &Depth, part: usize) {
        let rows = depth.count * 9;
        let (start, end) = (rows * part / (N * N), rows * (part + 1) / (N * N));
        for column in (0..self.vectors::<S>() * S::LANES).step_by(PANEL) {
            let panel = (self.column() + column) / PANEL;
            self.winograd.weights.prefetch(panel, depth.weight * 9 + start, end - start);
        }
    }
}

/// One vector of 3×3 taps to its N² places in U.
#[inline(always)]
unsafe fn transform_taps<S: Simd, const N: usize>(
    s: S,
    taps: [[S::V; 3]; 3],
    (py, px): (usize, usize),
    u: *mut f32,
    plane: usize,
) {
    let zero = s.splat(0.0);
    let mut half = [[zero; 3]; 6];
    for j in 0..3 {
        let line = transform::fold::<S, N>(s, [taps[0][j], taps[1][j], taps[2][j]], py);
        let line = transform::weights::<S, N>(s, line);
        for i in 0..N {
            half[i][j] = line[i];
        }
    }
    for (i, line) in half.iter().enumerate().take(N) {
        let line = transform::weights::<S, N>(s, transform::fold::<S, N>(s, *line, px));
        for (j, value) in line.iter().enumerate().take(N) {
            // SAFETY: the caller vouches for a vector in each plane.
            unsafe { s.store(u.add((i * N + j) * plane), *value) };
        }
    }
}

/// The transformed weights of one depth of a stripe, once for a whole call.
pub(super) struct Weights<'a, const N: usize> {
    pub stripe: Stripe<'a, N>,
    pub depth: &'a Depth,
    pub to: &'a mut [f32],
}

impl<const N: usize> Task for Weights<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.stripe.transform(s, self.depth, self.to);
    }
}
