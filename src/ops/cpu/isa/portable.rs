//! [`Simd`] in plain Rust: 8 numbers in an array, for every CPU, and the one that is always right.
//!
//! Trap: `mul_add` is a slow library call where the target has no fused multiply-add, so [`Simd::fma`]
//! only fuses where the build's target has it (aarch64 always does).
#![expect(unsafe_code, reason = "the trait's pointers")]

use half::f16;

use crate::ops::cpu::isa::micro_kernel::{Multiply, Numbers, Pairs, tile_body};
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, TileFn};

/// Plain Rust: a token that anybody may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// # Safety
/// As [`TileFn`].
unsafe fn tile<M, const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile)
where
    M: Multiply<Portable> + Default,
{
    // SAFETY: as the caller.
    unsafe { tile_body::<Portable, R, NV, STRIDE>(Portable, M::default(), t) }
}

fn select<M, const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn
where
    M: Multiply<Portable> + Default,
{
    match rows {
        1 => tile::<M, 1, NV, STRIDE>,
        2 => tile::<M, 2, NV, STRIDE>,
        3 => tile::<M, 3, NV, STRIDE>,
        _ => tile::<M, 4, NV, STRIDE>,
    }
}

// SAFETY: plain Rust runs anywhere, and each method reads and writes what its documentation says.
unsafe impl Simd for Portable {
    type V = V8;
    const LANES: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> V8 {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> V8 {
        // SAFETY: as the caller.
        unsafe { p.cast::<V8>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> V8 {
        let mut v = [0.0; 8];
        for (i, lane) in v.iter_mut().enumerate().take(n) {
            // SAFETY: as the caller.
            *lane = unsafe { *p.add(i) };
        }
        v
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: V8) {
        // SAFETY: as the caller.
        unsafe { p.cast::<V8>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, v: V8, n: usize) {
        for (i, lane) in v.iter().enumerate().take(n) {
            // SAFETY: as the caller.
            unsafe { *p.add(i) = *lane };
        }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, v: V8) {
        // SAFETY: as the caller.
        unsafe { self.store(p, v) }
    }
    #[inline(always)]
    fn fence(self) {}
    #[inline(always)]
    unsafe fn load_f16(self, p: *const u16) -> V8 {
        // SAFETY: as the caller.
        let bits = unsafe { p.cast::<[u16; 8]>().read_unaligned() };
        bits.map(|b| f16::from_bits(b).to_f32())
    }
    #[inline(always)]
    unsafe fn load_i8(self, p: *const i8) -> V8 {
        // SAFETY: as the caller.
        unsafe { p.cast::<[i8; 8]>().read_unaligned() }.map(f32::from)
    }
    #[inline(always)]
    unsafe fn load_nibbles(self, p: *const u8, upper: bool) -> V8 {
        // SAFETY: as the caller.
        let bytes = unsafe { p.cast::<[u8; 8]>().read_unaligned() };
        bytes.map(|byte| f32::from(if upper { byte >> 4 } else { byte & 15 }))
    }
    #[inline(always)]
    fn add(self, a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: V8, b: V8, c: V8) -> V8 {
        let mut d = c;
        for i in 0..8 {
            d[i] = multiply_add(a[i], b[i], c[i]);
        }
        d
    }
    #[inline(always)]
    fn fnma(self, a: V8, b: V8, c: V8) -> V8 {
        let mut d = c;
        for i in 0..8 {
            d[i] = multiply_add(-a[i], b[i], c[i]);
        }
        d
    }
    #[inline(always)]
    fn max(self, a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: V8, b: V8) -> V8 {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn round(self, a: V8) -> V8 {
        // Adding and taking away 1.5 * 2^23 rounds anything below 2^22 to the nearest whole number.
        const MAGIC: f32 = 12_582_912.0;
        a.map(|x| (x + MAGIC) - MAGIC)
    }
    #[inline(always)]
    fn scale2(self, a: V8, n: V8) -> V8 {
        zip(a, n, |a, n| a * f32::from_bits(((n as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    fn select_negative(self, x: V8, a: V8, b: V8) -> V8 {
        let mut c = b;
        for i in 0..8 {
            c[i] = if x[i].is_sign_negative() { a[i] } else { b[i] };
        }
        c
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [V8; 16]) {
        let from = *rows;
        for (i, row) in rows.iter_mut().enumerate().take(8) {
            for (j, x) in row.iter_mut().enumerate() {
                *x = from[j][i];
            }
        }
    }
    fn tile<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn {
        select::<Numbers, NV, STRIDE>(rows)
    }
    fn tile_pairs<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn {
        select::<Pairs, NV, STRIDE>(rows)
    }
}
