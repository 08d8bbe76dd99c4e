//! Winograd's one-dimensional transforms: F(4,3) for 3×3 windows, F(4,2) for the 2×2 windows that an
//! enlarged map has.
//!
//! y = Aᵀ[(G·g) ⊙ (Bᵀ·d)] for a line of `N` inputs d, 3 or 2 taps g and 4 outputs y; N = 6 or 5 says
//! which. The points are 0, ±√½, ±√2 (F(4,2): 0, ±√½, √2) and infinity: half the rounding error of
//! the usual 0, ±1, ±2, and every product of them is a small number (a·b = 1, a² + b² = 5/2).
#![expect(unsafe_code, reason = "vector arithmetic")]

use crate::ops::cpu::isa::simd::Simd;

/// a, the smaller point.
const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// b, the greater.
const B: f32 = std::f32::consts::SQRT_2;

/// Bᵀ·d. Row p of Bᵀ has the coefficients of M(x)/(x - p), M = x(x² - a²)(x² - b²) for F(4,3) and
/// x(x² - a²)(x - b) for F(4,2).
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn input<S: Simd, const N: usize>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: as the caller.
    unsafe {
        if N == 6 {
            let even = S::fnma(S::splat(2.0), d[2], d[4]);
            let odd = S::fnma(S::splat(2.0), d[1], d[3]);
            let even_b = S::fnma(S::splat(0.5), d[2], d[4]);
            let odd_b = S::fnma(S::splat(0.5), d[1], d[3]);
            [
                S::fnma(S::splat(2.5), d[2], S::add(d[0], d[4])),
                S::fma(S::splat(A), odd, even),
                S::fnma(S::splat(A), odd, even),
                S::fma(S::splat(B), odd_b, even_b),
                S::fnma(S::splat(B), odd_b, even_b),
                S::fnma(S::splat(2.5), d[3], S::add(d[1], d[5])),
            ]
        } else {
            let even = S::fnma(S::splat(B), d[2], d[3]);
            let odd = S::fma(S::splat(A), d[2], S::sub(S::splat(0.0), d[1]));
            [
                S::fma(S::splat(A), d[0], S::fnma(S::splat(0.5), d[1], even)),
                S::add(even, odd),
                S::sub(even, odd),
                S::fnma(S::splat(0.5), d[1], d[3]),
                S::fma(S::splat(A), d[1], S::fnma(S::splat(0.5), d[2], S::fnma(S::splat(B), d[3], d[4]))),
                d[5],
            ]
        }
    }
}

/// G·g: row p of G is (1, p, p²) / M'(p).
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn weights<S: Simd, const N: usize>(g: [S::V; 3]) -> [S::V; 6] {
    // SAFETY: as the caller.
    unsafe {
        if N == 6 {
            let third = S::splat(-2.0 / 3.0);
            let sixth = S::splat(1.0 / 6.0);
            let even = S::mul(S::fma(S::splat(0.5), g[2], g[0]), third);
            let odd = S::mul(g[1], S::splat(-2.0 / 3.0 * A));
            let even_b = S::mul(S::fma(S::splat(2.0), g[2], g[0]), sixth);
            let odd_b = S::mul(g[1], S::splat(B / 6.0));
            [g[0], S::add(even, odd), S::sub(even, odd), S::add(even_b, odd_b), S::sub(even_b, odd_b), g[2]]
        } else {
            // M' is b/2, -a, -3a and 3a; 1/a = b.
            [
                S::mul(g[0], S::splat(B)),
                S::fnma(S::splat(B), g[0], S::sub(S::splat(0.0), g[1])),
                S::fma(S::splat(1.0 / 3.0), g[1], S::mul(g[0], S::splat(-B / 3.0))),
                S::fma(S::splat(2.0 / 3.0), g[1], S::mul(g[0], S::splat(B / 3.0))),
                g[1],
                g[1],
            ]
        }
    }
}

/// Aᵀ·m: row i has the points' i-th powers.
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn output<S: Simd, const N: usize>(m: [S::V; 6]) -> [S::V; 4] {
    // SAFETY: as the caller.
    unsafe {
        let (sum, difference) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (sum_b, difference_b, last) =
            if N == 6 { (S::add(m[3], m[4]), S::sub(m[3], m[4]), m[5]) } else { (m[3], m[3], m[4]) };
        [
            S::add(m[0], S::add(sum, sum_b)),
            S::fma(S::splat(B), difference_b, S::mul(S::splat(A), difference)),
            S::fma(S::splat(2.0), sum_b, S::mul(S::splat(0.5), sum)),
            S::fma(S::splat(2.0 * B), difference_b, S::fma(S::splat(0.5 * A), difference, last)),
        ]
    }
}

/// The taps of the 2-tap window that parity `parity` of an enlarged map sees: a row of output 2i
/// lies over rows i-1, i, i and that of output 2i+1 over i, i, i+1. F(4,3) keeps all three.
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn fold<S: Simd, const N: usize>(g: [S::V; 3], parity: usize) -> [S::V; 3] {
    // SAFETY: as the caller.
    unsafe {
        match (N, parity) {
            (6, _) => g,
            (_, 0) => [g[0], S::add(g[1], g[2]), g[2]],
            _ => [S::add(g[0], g[1]), g[2], g[2]],
        }
    }
}
