//! [`Simd`] on AVX2, FMA and F16C: 8 lanes, 16 registers, register tiles of 6 rows × 16.
//!
//! Invariant: nothing here runs before [`crate::ops::cpu::isa::Level::detect`] has found the instructions.
#![expect(unsafe_code, reason = "std::arch intrinsics")]

use core::arch::x86_64::*;

use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, TileFn, tile_body};

/// AVX2.
#[derive(Clone, Copy)]
pub struct Avx2;

#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: the caller of a TileFn vouches for its pointers; the attribute above for the CPU.
    unsafe { tile_body::<Avx2, R, NV, STRIDE, false>(t) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn tile_pairs<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: the caller of a TileFn vouches for its pointers; the attribute above for the CPU.
    unsafe { tile_body::<Avx2, R, NV, STRIDE, true>(t) }
}

/// The mask of the first `n` lanes.
#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    // SAFETY: see the trait.
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
    }
}

// SAFETY: each method is what its trait documentation says, by the intrinsic's own definition.
unsafe impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> __m256 {
        // SAFETY: see the trait; masked lanes are not read.
        unsafe { _mm256_maskload_ps(p, first(n)) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m256) {
        // SAFETY: see the trait.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: __m256, n: usize) {
        // SAFETY: see the trait; masked lanes are not written.
        unsafe { _mm256_maskstore_ps(p, first(n), v) }
    }
    #[inline(always)]
    unsafe fn stream(p: *mut f32, v: __m256) {
        // SAFETY: see the trait; `fence` follows before other threads read.
        unsafe { _mm256_stream_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn fence() {
        // SAFETY: see the trait.
        unsafe { _mm_sfence() }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.cast())) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn fnma(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn round(a: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_round_ps::<8>(a) }
    }
    #[inline(always)]
    unsafe fn scale2(a: __m256, n: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }
    #[inline(always)]
    unsafe fn select_negative(x: __m256, a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the trait.
        unsafe { _mm256_blendv_ps(b, a, x) }
    }
    #[inline(always)]
    unsafe fn dot_pairs(a: __m256, b: __m256, c: __m256) -> __m256 {
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
    unsafe fn pack_pairs(low: __m256, high: __m256) -> __m256 {
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
    unsafe fn transpose(rows: &mut [__m256; 16]) {
        // SAFETY: see the trait.
        unsafe {
            // Four rows at a time: afterwards half h of rows[4·g + c] is column 4·h + c of group g.
            for group in rows[..8].chunks_exact_mut(4) {
                let pair = |x, y| {
                    [_mm256_castps_pd(_mm256_unpacklo_ps(x, y)), _mm256_castps_pd(_mm256_unpackhi_ps(x, y))]
                };
                let ([low, high], [low_below, high_below]) =
                    (pair(group[0], group[1]), pair(group[2], group[3]));
                group[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, low_below));
                group[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, low_below));
                group[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high, high_below));
                group[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high, high_below));
            }
            for c in 0..4 {
                let (above, below) = (rows[c], rows[4 + c]);
                rows[c] = _mm256_permute2f128_ps::<0x20>(above, below);
                rows[4 + c] = _mm256_permute2f128_ps::<0x31>(above, below);
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
            _ => tile_pairs::<6, NV, STRIDE>,
        }
    }
    fn tile<const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn {
        match rows {
            1 => tile::<1, NV, STRIDE>,
            2 => tile::<2, NV, STRIDE>,
            3 => tile::<3, NV, STRIDE>,
            4 => tile::<4, NV, STRIDE>,
            5 => tile::<5, NV, STRIDE>,
            _ => tile::<6, NV, STRIDE>,
        }
    }
}
