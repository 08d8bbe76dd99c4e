//! [`Simd`] in plain Rust: 8 numbers in an array, for every CPU, and the one that is always right.
//!
//! Trap: `mul_add` is a slow library call where the target has no fused multiply-add, so [`Simd::fma`]
//! only fuses where the build's target has it (aarch64 always does).
#![expect(unsafe_code, reason = "the trait's pointers")]

use half::f16;

use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, TileFn, tile_body};

/// Plain Rust.
#[derive(Clone, Copy)]
pub struct Portable;

type V8 = [f32; 8];

#[inline(always)]
fn zip(a: V8, b: V8, f: impl Fn(f32, f32) -> f32) -> V8 {
    let mut c = a;
    for i in 0..8 {
        c[i] = f(a[i], b[i]);
    }
    c
}

#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
}

fn tile<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: the caller of a TileFn vouches for its pointers.
    unsafe { tile_body::<Portable, R, NV, STRIDE, false>(t) }
}

fn tile_pairs<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: the caller of a TileFn vouches for its pointers.
    unsafe { tile_body::<Portable, R, NV, STRIDE, true>(t) }
}

// SAFETY: each method is what its trait documentation says.
unsafe impl Simd for Portable {
    type V = V8;
    const LANES: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> V8 {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> V8 {
        // SAFETY: see the trait.
        unsafe { p.cast::<V8>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> V8 {
        let mut v = [0.0; 8];
        for (i, lane) in v.iter_mut().enumerate().take(n) {
            // SAFETY: see the trait.
            *lane = unsafe { *p.add(i) };
        }
        v
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: V8) {
        // SAFETY: see the trait.
        unsafe { p.cast::<V8>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: V8, n: usize) {
        for (i, lane) in v.iter().enumerate().take(n) {
            // SAFETY: see the trait.
            unsafe { *p.add(i) = *lane };
        }
    }
    #[inline(always)]
    unsafe fn stream(p: *mut f32, v: V8) {
        // SAFETY: see the trait.
        unsafe { Self::store(p, v) }
    }
    #[inline(always)]
    unsafe fn fence() {}
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> V8 {
        // SAFETY: see the trait.
        let bits = unsafe { p.cast::<[u16; 8]>().read_unaligned() };
        bits.map(|b| f16::from_bits(b).to_f32())
    }
    #[inline(always)]
    unsafe fn add(a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(a: V8, b: V8, c: V8) -> V8 {
        let mut d = c;
        for i in 0..8 {
            d[i] = multiply_add(a[i], b[i], c[i]);
        }
        d
    }
    #[inline(always)]
    unsafe fn fnma(a: V8, b: V8, c: V8) -> V8 {
        let mut d = c;
        for i in 0..8 {
            d[i] = multiply_add(-a[i], b[i], c[i]);
        }
        d
    }
    #[inline(always)]
    unsafe fn max(a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn round(a: V8) -> V8 {
        // Adding and taking away 1.5 * 2^23 rounds anything below 2^22 to the nearest whole number.
        const MAGIC: f32 = 12_582_912.0;
        a.map(|x| (x + MAGIC) - MAGIC)
    }
    #[inline(always)]
    unsafe fn scale2(a: V8, n: V8) -> V8 {
        zip(a, n, |a, n| a * f32::from_bits(((n as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn select_negative(x: V8, a: V8, b: V8) -> V8 {
        let mut c = b;
        for i in 0..8 {
            c[i] = if x[i].is_sign_negative() { a[i] } else { b[i] };
        }
        c
    }
    #[inline(always)]
    unsafe fn dot_pairs(a: V8, b: V8, c: V8) -> V8 {
        // SAFETY: see the trait.
        unsafe {
            let (mut pairs_a, mut pairs_b, mut sums) = ([0.0f32; 8], [0.0f32; 8], [0.0f32; 8]);
            Self::store(pairs_a.as_mut_ptr(), a);
            Self::store(pairs_b.as_mut_ptr(), b);
            Self::store(sums.as_mut_ptr(), c);
            for i in 0..8 {
                let (a, b) = (pairs_a[i].to_bits(), pairs_b[i].to_bits());
                let high = |x: u32| f32::from_bits(x & 0xffff_0000);
                sums[i] += high(a << 16) * high(b << 16);
                sums[i] += high(a) * high(b);
            }
            Self::load(sums.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn pack_pairs(low: V8, high: V8) -> V8 {
        // SAFETY: see the trait.
        unsafe {
            let (mut lows, mut highs) = ([0.0f32; 8], [0.0f32; 8]);
            Self::store(lows.as_mut_ptr(), low);
            Self::store(highs.as_mut_ptr(), high);
            for i in 0..8 {
                let round = |x: f32| x.to_bits().wrapping_add(0x7fff + (x.to_bits() >> 16 & 1));
                let pair = round(lows[i]) >> 16 | round(highs[i]) & 0xffff_0000;
                lows[i] = f32::from_bits(pair);
            }
            Self::load(lows.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &mut [V8; 16]) {
        let from = *rows;
        for (i, row) in rows.iter_mut().enumerate().take(8) {
            for (j, x) in row.iter_mut().enumerate() {
                *x = from[j][i];
            }
        }
    }
    fn tile_pairs<const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn {
        match rows {
            1 => tile_pairs::<1, NV, STRIDE>,
            2 => tile_pairs::<2, NV, STRIDE>,
            3 => tile_pairs::<3, NV, STRIDE>,
            _ => tile_pairs::<4, NV, STRIDE>,
        }
    }
    fn tile<const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn {
        match rows {
            1 => tile::<1, NV, STRIDE>,
            2 => tile::<2, NV, STRIDE>,
            3 => tile::<3, NV, STRIDE>,
            _ => tile::<4, NV, STRIDE>,
        }
    }
}
