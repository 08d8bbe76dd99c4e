//! Winograd's one-dimensional transforms: F(4,3) for 3×3 windows, F(4,2) for the 2×2 windows that an
//! enlarged map has.
//!
//! y = Aᵀ[(G·g) ⊙ (Bᵀ·d)] for a line of `N` inputs d, 3 or 2 taps g and 4 outputs y; N = 6 or 5 says
//! which (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). The points are 0,
//! ±√½, ±√2 (F(4,2): 0, ±√½, √2) and infinity: half the rounding error of theirs, 0, ±1, ±2, and every
//! product of them is a small number (a·b = 1, a² + b² = 5/2). Pairs ±c, ±1/c are what Alam et al.,
//! "Winograd Convolution for Deep Neural Networks: Efficient Point Selection" (2022), derive.

use crate::ops::cpu::isa::simd::Simd;

/// a, the smaller point.
const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// b, the greater.
const B: f32 = std::f32::consts::SQRT_2;

/// Bᵀ·d. Row p of Bᵀ has the coefficients of M(x)/(x - p), M = x(x² - a²)(x² - b²) for F(4,3) and
/// x(x² - a²)(x - b) for F(4,2).
#[inline(always)]
pub fn input<S: Simd, const N: usize>(s: S, d: [S::V; 6]) -> [S::V; 6] {
    if N == 6 {
        let even = s.fnma(s.splat(2.0), d[2], d[4]);
        let odd = s.fnma(s.splat(2.0), d[1], d[3]);
        let even_b = s.fnma(s.splat(0.5), d[2], d[4]);
        let odd_b = s.fnma(s.splat(0.5), d[1], d[3]);
        [
            s.fnma(s.splat(2.5), d[2], s.add(d[0], d[4])),
            s.fma(s.splat(A), odd, even),
            s.fnma(s.splat(A), odd, even),
            s.fma(s.splat(B), odd_b, even_b),
            s.fnma(s.splat(B), odd_b, even_b),
            s.fnma(s.splat(2.5), d[3], s.add(d[1], d[5])),
        ]
    } else {
        let even = s.fnma(s.splat(B), d[2], d[3]);
        let odd = s.fma(s.splat(A), d[2], s.sub(s.splat(0.0), d[1]));
        [
            s.fma(s.splat(A), d[0], s.fnma(s.splat(0.5), d[1], even)),
            s.add(even, odd),
            s.sub(even, odd),
            s.fnma(s.splat(0.5), d[1], d[3]),
            s.fma(s.splat(A), d[1], s.fnma(s.splat(0.5), d[2], s.fnma(s.splat(B), d[3], d[4]))),
            d[5],
        ]
    }
}

/// G·g: row p of G is (1, p, p²) / M'(p).
#[inline(always)]
pub fn weights<S: Simd, const N: usize>(s: S, g: [S::V; 3]) -> [S::V; 6] {
    if N == 6 {
        let third = s.splat(-2.0 / 3.0);
        let sixth = s.splat(1.0 / 6.0);
        let even = s.mul(s.fma(s.splat(0.5), g[2], g[0]), third);
        let odd = s.mul(g[1], s.splat(-2.0 / 3.0 * A));
        let even_b = s.mul(s.fma(s.splat(2.0), g[2], g[0]), sixth);
        let odd_b = s.mul(g[1], s.splat(B / 6.0));
        [g[0], s.add(even, odd), s.sub(even, odd), s.add(even_b, odd_b), s.sub(even_b, odd_b), g[2]]
    } else {
        // M' is b/2, -a, -3a and 3a; 1/a = b.
        [
            s.mul(g[0], s.splat(B)),
            s.fnma(s.splat(B), g[0], s.sub(s.splat(0.0), g[1])),
            s.fma(s.splat(1.0 / 3.0), g[1], s.mul(g[0], s.splat(-B / 3.0))),
            s.fma(s.splat(2.0 / 3.0), g[1], s.mul(g[0], s.splat(B / 3.0))),
            g[1],
            g[1],
        ]
    }
}

/// Aᵀ·m: row i has the points' i-th powers.
#[inline(always)]
pub fn output<S: Simd, const N: usize>(s: S, m: [S::V; 6]) -> [S::V; 4] {
    let (sum, difference) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
    let (sum_b, difference_b, last) =
        if N == 6 { (s.add(m[3], m[4]), s.sub(m[3], m[4]), m[5]) } else { (m[3], m[3], m[4]) };
    [
        s.add(m[0], s.add(sum, sum_b)),
        s.fma(s.splat(B), difference_b, s.mul(s.splat(A), difference)),
        s.fma(s.splat(2.0), sum_b, s.mul(s.splat(0.5), sum)),
        s.fma(s.splat(2.0 * B), difference_b, s.fma(s.splat(0.5 * A), difference, last)),
    ]
}

/// The taps of the 2-tap window that parity `parity` of an enlarged map sees: a row of output 2i
/// lies over rows i-1, i, i and that of output 2i+1 over i, i, i+1. F(4,3) keeps all three.
#[inline(always)]
pub fn fold<S: Simd, const N: usize>(s: S, g: [S::V; 3], parity: usize) -> [S::V; 3] {
    match (N, parity) {
        (6, _) => g,
        (_, 0) => [g[0], s.add(g[1], g[2]), g[2]],
        _ => [s.add(g[0], g[1]), g[2], g[2]],
    }
}
