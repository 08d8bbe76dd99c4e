//! [`Simd`] on AVX2, FMA and F16C: 8 lanes, 16 registers, register tiles of 6 rows × 16.
//!
//! Invariant: an [`Avx2`] exists only where the CPU has the instructions: [`Avx2::detect`] asks it, and
//! `here` can only be called without `unsafe` from code that is compiled for them.
#![expect(unsafe_code, reason = "std::arch intrinsics")]

use core::arch::x86_64::*;

use crate::ops::cpu::isa::micro_kernel::{Multiply, Numbers, Pairs, tile_body};
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, TileFn};

/// AVX2: a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if the CPU has the instructions.
    pub fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        found.then_some(Self(()))
    }

    /// The token, within code that is compiled for the instructions.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn here() -> Self {
        Self(())
    }
}

/// # Safety
/// As [`TileFn`]; the CPU has the instructions.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn tile<M, const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile)
where
    M: Multiply<Avx2> + Default,
{
    // SAFETY: as the caller.
    unsafe { tile_body::<Avx2, R, NV, STRIDE>(Avx2::here(), M::default(), t) }
}

fn select<M, const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn
where
    M: Multiply<Avx2> + Default,
{
    match rows {
        1 => tile::<M, 1, NV, STRIDE>,
        2 => tile::<M, 2, NV, STRIDE>,
        3 => tile::<M, 3, NV, STRIDE>,
        4 => tile::<M, 4, NV, STRIDE>,
        5 => tile::<M, 5, NV, STRIDE>,
        _ => tile::<M, 6, NV, STRIDE>,
    }
}

impl Avx2 {
    /// The mask of the first `n` lanes.
    #[inline(always)]
    fn first(self, n: usize) -> __m256i {
        // SAFETY: the token says that the CPU has the instructions.
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
        }
    }
}

/// Methods of [`Simd`] on registers alone.
macro_rules! arithmetic {
    ($($name:ident($($arg:ident),*) $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: __m256),*) -> __m256 {
            // SAFETY: the token says that the CPU has the instructions.
            unsafe { $body }
        }
    )*};
}

// SAFETY: a token exists only where the CPU has the instructions, and each method is what its
// documentation says, by the intrinsic's own definition.
unsafe impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: the token says that the CPU has the instructions.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m256 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> __m256 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid for the
        // lanes that are not masked.
        unsafe { _mm256_maskload_ps(p, self.first(n)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m256) {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, v: __m256, n: usize) {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid for the
        // lanes that are not masked.
        unsafe { _mm256_maskstore_ps(p, self.first(n), v) }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, v: __m256) {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm256_stream_ps(p, v) }
    }
    #[inline(always)]
    fn fence(self) {
        // SAFETY: every x86-64 CPU has the instruction.
        unsafe { _mm_sfence() }
    }
    #[inline(always)]
    unsafe fn load_f16(self, p: *const u16) -> __m256 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8(self, p: *const i8) -> __m256 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_nibbles(self, p: *const u8, upper: bool) -> __m256 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe {
            let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()));
            let halves = if upper { _mm256_srli_epi32::<4>(bytes) } else { bytes };
            _mm256_cvtepi32_ps(_mm256_and_si256(halves, _mm256_set1_epi32(15)))
        }
    }
    arithmetic! {
        add(a, b) _mm256_add_ps(a, b);
        sub(a, b) _mm256_sub_ps(a, b);
        mul(a, b) _mm256_mul_ps(a, b);
        div(a, b) _mm256_div_ps(a, b);
        fma(a, b, c) _mm256_fmadd_ps(a, b, c);
        fnma(a, b, c) _mm256_fnmadd_ps(a, b, c);
        max(a, b) _mm256_max_ps(a, b);
        min(a, b) _mm256_min_ps(a, b);
        round(a) _mm256_round_ps::<8>(a);
        scale2(a, n) {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        };
        select_negative(x, a, b) _mm256_blendv_ps(b, a, x);
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [__m256; 16]) {
        // SAFETY: the token says that the CPU has the instructions.
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
    fn tile<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn {
        select::<Numbers, NV, STRIDE>(rows)
    }
    fn tile_pairs<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn {
        select::<Pairs, NV, STRIDE>(rows)
    }
}
