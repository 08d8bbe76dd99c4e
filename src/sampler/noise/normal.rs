//! Uniform to normal numbers as torch's CPU kernels do it (ATen/native/cpu/DistributionTemplates.h).
//!
//! Sixteen uniform numbers make sixteen normal ones, pairs eight apart, by Box and Muller's rule.
//! Two dialects differ in the last digit of two numbers in five: where the processor has AVX2, torch
//! takes logarithm, sine and cosine from cephes-style polynomials; elsewhere from the C library.
//! Trap: the polynomials are bit for bit only with every product and sum fused just as torch's
//! compiler fused them, so each `mul_add` below, and each plain `*` and `+`, is meant as it stands.

use super::mt19937::Mt19937;

/// Whose arithmetic turns uniform numbers into normal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// torch on x86-64 with AVX2 and later.
    Avx2,
    /// torch elsewhere; logarithm and cosine correctly rounded.
    Libm,
}

/// Pairs handled at a time: enough for the compiler to make vector loops of it.
const PAIRS: usize = 64;

/// Turns uniform numbers in [0, 1) into normal ones, in place; whole sixteens only.
pub(super) fn transform(dialect: Dialect, values: &mut [f32]) {
    debug_assert_eq!(values.len() % 16, 0);
    match dialect {
        Dialect::Libm => transform_libm(values),
        Dialect::Avx2 => transform_avx2(values),
    }
}

/// torch's way for draws under 16: f64 throughout, and the sine kept for the next value.
pub(super) fn scalar(words: &mut Mt19937, cached_half: &mut Option<f64>) -> f32 {
    if let Some(half) = cached_half.take() {
        return half as f32;
    }
    let u1 = words.next_f64();
    let u2 = words.next_f64();
    let radius = (-2.0 * (-u2).ln_1p()).sqrt();
    let theta = std::f64::consts::TAU * u1;
    *cached_half = Some(radius * theta.sin());
    (radius * theta.cos()) as f32
}

/// The C library's dialect: each function as if correctly rounded from f64, θ rounded to f32.
fn transform_libm(values: &mut [f32]) {
    for block in values.as_chunks_mut::<16>().0 {
        for j in 0..8 {
            let log = f64::from(1.0 - block[j]).ln() as f32;
            let radius = (-2.0 * log).sqrt();
            let theta = f64::from((std::f64::consts::TAU * f64::from(block[j + 8])) as f32);
            block[j] = radius * theta.cos() as f32 + 0.0;
            block[j + 8] = radius * theta.sin() as f32 + 0.0;
        }
    }
}

/// The AVX2 dialect, on whatever processor: the same source compiled twice.
fn transform_avx2(values: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        #[expect(unsafe_code, reason = "calls a function compiled for AVX2 and FMA")]
        // SAFETY: both features were found on this processor on the line above.
        unsafe {
            transform_with_fma(values);
        }
        return;
    }
    transform_stretches(values);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn transform_with_fma(values: &mut [f32]) {
    transform_stretches(values);
}

/// Takes pairs apart into two straight rows, works on the rows, and puts them back.
#[inline(always)]
fn transform_stretches(values: &mut [f32]) {
    let mut u1 = [0.0; PAIRS];
    let mut u2 = [0.0; PAIRS];
    for stretch in values.chunks_mut(2 * PAIRS) {
        for (i, block) in stretch.as_chunks::<16>().0.iter().enumerate() {
            u1[8 * i..8 * i + 8].copy_from_slice(&block[..8]);
            u2[8 * i..8 * i + 8].copy_from_slice(&block[8..]);
        }
        for (a, b) in u1.iter_mut().zip(&mut u2) {
            (*a, *b) = pair(*a, *b);
        }
        for (i, block) in stretch.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            block[..8].copy_from_slice(&u1[8 * i..8 * i + 8]);
            block[8..].copy_from_slice(&u2[8 * i..8 * i + 8]);
        }
    }
}

/// Two uniform numbers in [0, 1) to two normal ones.
#[inline(always)]
fn pair(u1: f32, u2: f32) -> (f32, f32) {
    let radius = (-2.0 * log(1.0 - u1)).sqrt();
    let (sin, cos) = sin_cos(6.283_185_5 * u2);
    // torch scales by std 1 and adds mean 0, which turns -0 into 0.
    (radius * cos + 0.0, radius * sin + 0.0)
}

/// The natural logarithm of a number in (0, 1] (cephes `logf`, as in avx_mathfun's `log256_ps`).
#[expect(clippy::excessive_precision, reason = "the constants as cephes publishes them")]
#[inline(always)]
fn log(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = ((bits >> 23) as i32 - 126) as f32;
    let mantissa = f32::from_bits((bits & 0x807F_FFFF) | 0x3F00_0000);
    let small = mantissa < std::f32::consts::FRAC_1_SQRT_2;
    let e = exponent - if small { 1.0 } else { 0.0 };
    let x = (mantissa - 1.0) + if small { mantissa } else { 0.0 };
    let z = x * x;
    let mut y = 7.037_683_629_2e-2_f32;
    y = y.mul_add(x, -1.151_461_031_0e-1);
    y = y.mul_add(x, 1.167_699_874_0e-1);
    y = y.mul_add(x, -1.242_014_084_6e-1);
    y = y.mul_add(x, 1.424_932_278_7e-1);
    y = y.mul_add(x, -1.666_805_766_5e-1);
    y = y.mul_add(x, 2.000_071_476_5e-1);
    y = y.mul_add(x, -2.499_999_399_3e-1);
    y = y.mul_add(x, 3.333_333_117_4e-1);
    y = (y * x).mul_add(z, e * -2.121_944_40e-4);
    y = z.mul_add(-0.5, y);
    e.mul_add(0.693_359_375, x + y)
}

/// Sine and cosine of an angle in [0, 2π] (cephes, as in avx_mathfun's `sincos256_ps`).
#[expect(clippy::excessive_precision, reason = "the constants as cephes publishes them")]
#[inline(always)]
fn sin_cos(angle: f32) -> (f32, f32) {
    let octant = ((angle * 1.273_239_544_735_16) as i32 + 1) & !1;
    let j = octant as f32;
    let x = j.mul_add(-0.785_156_25, angle);
    let x = j.mul_add(-2.418_756_484_985_351_6e-4, x);
    let x = j.mul_add(-3.774_894_977_445_941e-8, x);
    let z = x * x;

    let mut even = 2.443_315_711_809_948e-5_f32;
    even = even.mul_add(z, -1.388_731_625_493_765e-3);
    even = even.mul_add(z, 4.166_664_568_298_827e-2);
    even = (even * z).mul_add(z, -(z * 0.5)) + 1.0;

    let mut odd = -1.951_529_589_1e-4_f32;
    odd = odd.mul_add(z, 8.332_160_873_6e-3);
    odd = odd.mul_add(z, -1.666_665_461_1e-1);
    odd = (odd * z).mul_add(x, x);

    let swap = octant & 2 != 0;
    let (sin, cos) = if swap { (even, odd) } else { (odd, even) };
    let sign_of_sin = ((octant & 4) as u32) << 29;
    let sign_of_cos = ((!(octant - 2) & 4) as u32) << 29;
    (f32::from_bits(sin.to_bits() ^ sign_of_sin), f32::from_bits(cos.to_bits() ^ sign_of_cos))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The copy compiled for FMA and the plain one must agree on every bit.
    #[test]
    fn both_copies_agree() {
        let mut values = vec![0.0; 16 * 500];
        Mt19937::seeded(11).fill_uniform(&mut values);
        values[..4].copy_from_slice(&[0.0, 1.0 - f32::EPSILON / 2.0, 0.5, 0.25]);
        values[8..12].copy_from_slice(&[0.0, 0.5, 0.25, 0.999_999_9]);
        let mut plain = values.clone();
        transform_stretches(&mut plain);
        transform_avx2(&mut values);
        for (a, b) in values.iter().zip(&plain) {
            assert_eq!(a.to_bits(), b.to_bits());
            assert!(a.is_finite());
        }
    }

    #[test]
    fn close_to_the_true_functions() {
        for i in 1..2_000_u32 {
            let u = i as f32 / 2_000.0;
            assert!((log(u) - u.ln()).abs() <= 2e-7 * u.ln().abs().max(1e-3), "{u}");
            let (sin, cos) = sin_cos(std::f32::consts::TAU * u);
            let (true_sin, true_cos) = (std::f32::consts::TAU * u).sin_cos();
            assert!((sin - true_sin).abs() < 2e-7 && (cos - true_cos).abs() < 2e-7, "{u}");
        }
    }
}
