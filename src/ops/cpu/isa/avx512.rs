//! [`Simd`] on AVX-512 (F, BW, VL, DQ): 16 lanes, 32 registers, register tiles of 14 rows × 32.
//!
//! Invariant: nothing here runs before [`crate::ops::cpu::isa::Level::detect`] has found the instructions.
#![expect(unsafe_code, reason = "std::arch intrinsics")]

use core::arch::x86_64::*;

use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, TileFn, tile_body};

/// AVX-512.
#[derive(Clone, Copy)]
pub struct Avx512;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn tile<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: the caller of a TileFn vouches for its pointers; the attribute above for the CPU.
    unsafe { tile_body::<Avx512, R, NV, STRIDE, false>(t) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c")]
fn tile_pairs<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: the caller of a TileFn vouches for its pointers; the attribute above for the CPU.
    unsafe { tile_body::<Avx512, R, NV, STRIDE, true>(t) }
}

// SAFETY: each method is what its trait documentation says, by the intrinsic's own definition.
unsafe impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 14;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> __m512 {
        // SAFETY: see the trait; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps((1u16 << n).wrapping_sub(1), p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m512) {
        // SAFETY: see the trait.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: __m512, n: usize) {
        // SAFETY: see the trait; masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(p, (1u16 << n).wrapping_sub(1), v) }
    }
    #[inline(always)]
    unsafe fn stream(p: *mut f32, v: __m512) {
        // SAFETY: see the trait; `fence` follows before other threads read.
        unsafe { _mm512_stream_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn fence() {
        // SAFETY: see the trait.
        unsafe { _mm_sfence() }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn fnma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn round(a: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_roundscale_ps::<8>(a) }
    }
    #[inline(always)]
    unsafe fn scale2(a: __m512, n: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_scalef_ps(a, n) }
    }
    #[inline(always)]
    unsafe fn select_negative(x: __m512, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the trait.
        unsafe { _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), b, a) }
    }
    #[inline(always)]
    unsafe fn dot_pairs(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see the trait; only tiles over pairs come here, behind a check for AVX512-BF16.
        unsafe {
            let a = core::mem::transmute::<__m512, __m512bh>(a);
            let b = core::mem::transmute::<__m512, __m512bh>(b);
            _mm512_dpbf16_ps(c, a, b)
        }
    }
    #[inline(always)]
    unsafe fn pack_pairs(low: __m512, high: __m512) -> __m512 {
        // SAFETY: see the trait; whole-number arithmetic of AVX-512 F.
        unsafe {
            let round = |x: __m512| {
                let bits = _mm512_castps_si512(x);
                let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
                _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd)
            };
            let low = _mm512_srli_epi32::<16>(round(low));
            let high = _mm512_and_si512(round(high), _mm512_set1_epi32(-65536));
            _mm512_castsi512_ps(_mm512_or_si512(low, high))
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &mut [__m512; 16]) {
        // SAFETY: see the trait.
        unsafe {
            // Four rows at a time: afterwards quarter q of rows[4·g + c] is column 4·q + c of group g.
            for group in rows.chunks_exact_mut(4) {
                let [a, b, c, d] = [group[0], group[1], group[2], group[3]].map(|v| _mm512_castps_pd(v));
                let pair = |x, y| {
                    let (x, y) = (_mm512_castpd_ps(x), _mm512_castpd_ps(y));
                    [_mm512_castps_pd(_mm512_unpacklo_ps(x, y)), _mm512_castps_pd(_mm512_unpackhi_ps(x, y))]
                };
                let ([low, high], [low_below, high_below]) = (pair(a, b), pair(c, d));
                group[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, low_below));
                group[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, low_below));
                group[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high, high_below));
                group[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high, high_below));
            }
            // Then a transposition of quarters.
            for c in 0..4 {
                let (a, b, x, y) = (rows[c], rows[4 + c], rows[8 + c], rows[12 + c]);
                let even = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(x, y));
                let odd = (_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(x, y));
                rows[c] = _mm512_shuffle_f32x4::<0x88>(even.0, even.1);
                rows[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd.0, odd.1);
                rows[8 + c] = _mm512_shuffle_f32x4::<0xdd>(even.0, even.1);
                rows[12 + c] = _mm512_shuffle_f32x4::<0xdd>(odd.0, odd.1);
            }
        }
    }
    fn tile_pairs<const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn {
        match rows {
            1 => tile_pairs::<1, NV, STRIDE>,
            2 => tile_pairs::<2, NV, STRIDE>,
            3 => tile_pairs::<3, NV, STRIDE>,
            4 => tile_pairs::<4, NV, STRIDE>,
            5 => tile_pairs::<5, NV, STRIDE>,
            6 => tile_pairs::<6, NV, STRIDE>,
            7 => tile_pairs::<7, NV, STRIDE>,
            8 => tile_pairs::<8, NV, STRIDE>,
            9 => tile_pairs::<9, NV, STRIDE>,
            10 => tile_pairs::<10, NV, STRIDE>,
            11 => tile_pairs::<11, NV, STRIDE>,
            12 => tile_pairs::<12, NV, STRIDE>,
            13 => tile_pairs::<13, NV, STRIDE>,
            _ => tile_pairs::<14, NV, STRIDE>,
        }
    }
    fn tile<const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn {
        match rows {
            1 => tile::<1, NV, STRIDE>,
            2 => tile::<2, NV, STRIDE>,
            3 => tile::<3, NV, STRIDE>,
            4 => tile::<4, NV, STRIDE>,
            5 => tile::<5, NV, STRIDE>,
            6 => tile::<6, NV, STRIDE>,
            7 => tile::<7, NV, STRIDE>,
            8 => tile::<8, NV, STRIDE>,
            9 => tile::<9, NV, STRIDE>,
            10 => tile::<10, NV, STRIDE>,
            11 => tile::<11, NV, STRIDE>,
            12 => tile::<12, NV, STRIDE>,
            13 => tile::<13, NV, STRIDE>,
            _ => tile::<14, NV, STRIDE>,
        }
    }
}
