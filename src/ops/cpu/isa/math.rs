//! exp2, SiLU and the GELUs on vectors, to about one unit in the last place of their largest term.
//!
//! The polynomials are minimax fits made for this file (Lawson's iteration in 40 digits): 2^x on
//! ±1/2 to 2e-9; log2 of the normal distribution's lower tail on 0..7, weighted so that x·Φ(x) is
//! exact to 1.5e-8. GELU is the exact one (erf) of Hendrycks and Gimpel, "Gaussian Error Linear Units"
//! (2016): their tanh form is off by 1e-3.

use crate::ops::cpu::isa::simd::Simd;

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
fn polynomial<S: Simd, const N: usize>(s: S, p: &[f32; N], x: S::V) -> S::V {
    let mut y = s.splat(p[N - 1]);
    for i in (0..N - 1).rev() {
        y = s.fma(y, x, s.splat(p[i]));
    }
    y
}

/// 2^x, with x held within -126..=126.
#[inline(always)]
pub fn exp2<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.max(x, s.splat(-126.0)), s.splat(126.0));
    let whole = s.round(x);
    let part = s.sub(x, whole);
    let p = s.fma(polynomial(s, &EXP2, part), part, s.splat(1.0));
    s.scale2(p, whole)
}

/// x / (1 + e^(-slope·x)): SiLU for slope 1, CLIP's quick GELU for 1.702.
#[inline(always)]
pub fn silu<S: Simd>(s: S, x: S::V, slope: f32) -> S::V {
    let e = exp2(s, s.mul(x, s.splat(-slope * LOG2_E)));
    s.div(x, s.add(e, s.splat(1.0)))
}

/// x·Φ(x), the exact GELU.
#[inline(always)]
pub fn gelu<S: Simd>(s: S, x: S::V) -> S::V {
    let t = s.min(s.abs(x), s.splat(7.0));
    let tail = exp2(s, s.fma(polynomial(s, &LOG2_TAIL, t), t, s.splat(-1.0)));
    let phi = s.select_negative(x, tail, s.sub(s.splat(1.0), tail));
    s.mul(x, phi)
}

/// 2^x for x ≤ 0, to 1e-7: one multiply-add and one bound less than [`exp2`].
#[inline(always)]
pub fn exp2_below<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.max(x, s.splat(-126.0));
    let whole = s.round(x);
    let part = s.sub(x, whole);
    let p = s.fma(polynomial(s, &EXP2_SHORT, part), part, s.splat(1.0));
    s.scale2(p, whole)
}
