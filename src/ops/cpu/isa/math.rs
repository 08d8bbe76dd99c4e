//! exp2, SiLU and the GELUs on vectors, to about one unit in the last place of their largest term.
//!
//! The polynomials are minimax fits made for this file (Lawson's iteration in 40 digits): 2^x on
//! ±1/2 to 2e-9; log2 of the normal distribution's lower tail on 0..7, weighted so that x·Φ(x) is
//! exact to 1.5e-8. GELU is the exact one (erf): the tanh form is off by 1e-3.
#![expect(unsafe_code, reason = "vector arithmetic")]

use crate::ops::cpu::isa::simd::{Simd, abs};

const LOG2_E: f32 = std::f32::consts::LOG2_E;

/// 2^x - 1 = x·(p0 + p1·x + …) on ±1/2.
#[expect(clippy::approx_constant, reason = "a fitted number, near ln 2 as it must be")]
const EXP2: [f32; 6] =
    [0.693_147_2, 0.240_226_48, 0.055_503_325, 0.009_618_437, 0.001_339_887_7, 0.000_153_533_58];

/// The same to 9e-8, one power shorter.
#[expect(clippy::approx_constant, reason = "a fitted number, near ln 2 as it must be")]
const EXP2_SHORT: [f32; 5] = [0.693_147, 0.240_222_42, 0.055_507_34, 0.009_671_514, 0.001_326_470_8];

/// log2 Φ(-t) = -1 + t·(p0 + p1·t + …) on 0..7.
const LOG2_TAIL: [f32; 8] = [
    -1.151_106,
    -0.459_198_28,
    -0.052_533_62,
    0.007_126_868,
    -0.000_191_701_4,
    -0.000_161_296_6,
    3.373_883e-5,
    -2.335_072_5e-6,
];

/// Horner's rule, highest power last in `p`.
#[inline(always)]
unsafe fn polynomial<S: Simd, const N: usize>(p: &[f32; N], x: S::V) -> S::V {
    // SAFETY: the caller has the instruction set.
    unsafe {
        let mut y = S::splat(p[N - 1]);
        for i in (0..N - 1).rev() {
            y = S::fma(y, x, S::splat(p[i]));
        }
        y
    }
}

/// 2^x, with x held within -126..=126.
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn exp2<S: Simd>(x: S::V) -> S::V {
    // SAFETY: as the caller.
    unsafe {
        let x = S::min(S::max(x, S::splat(-126.0)), S::splat(126.0));
        let whole = S::round(x);
        let part = S::sub(x, whole);
        let p = S::fma(polynomial::<S, 6>(&EXP2, part), part, S::splat(1.0));
        S::scale2(p, whole)
    }
}

/// x / (1 + e^(-slope·x)): SiLU for slope 1, CLIP's quick GELU for 1.702.
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn silu<S: Simd>(x: S::V, slope: f32) -> S::V {
    // SAFETY: as the caller.
    unsafe {
        let e = exp2::<S>(S::mul(x, S::splat(-slope * LOG2_E)));
        S::div(x, S::add(e, S::splat(1.0)))
    }
}

/// x·Φ(x), the exact GELU.
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn gelu<S: Simd>(x: S::V) -> S::V {
    // SAFETY: as the caller.
    unsafe {
        let t = S::min(abs::<S>(x), S::splat(7.0));
        let tail = exp2::<S>(S::fma(polynomial::<S, 8>(&LOG2_TAIL, t), t, S::splat(-1.0)));
        let phi = S::select_negative(x, tail, S::sub(S::splat(1.0), tail));
        S::mul(x, phi)
    }
}

/// 2^x for x ≤ 0, to 1e-7: one multiply-add and one bound less than [`exp2`].
///
/// # Safety
/// The CPU has `S`.
#[inline(always)]
pub unsafe fn exp2_below<S: Simd>(x: S::V) -> S::V {
    // SAFETY: as the caller.
    unsafe {
        let x = S::max(x, S::splat(-126.0));
        let whole = S::round(x);
        let part = S::sub(x, whole);
        let p = S::fma(polynomial::<S, 5>(&EXP2_SHORT, part), part, S::splat(1.0));
        S::scale2(p, whole)
    }
}
