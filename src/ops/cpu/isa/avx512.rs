//! [`Simd`] on AVX-512 (F, BW, VL, DQ): 16 lanes, 32 registers, register tiles of 14 rows × 32.
//!
//! Invariant: an [`Avx512`] exists only where the CPU has the instructions: [`Avx512::detect`] asks it,
//! and `here` can only be called without `unsafe` from code that is compiled for them. The same holds for
//! [`Bf16`] and AVX512-BF16, which not every CPU with AVX-512 has.
#![expect(unsafe_code, reason = "std::arch intrinsics")]

use core::arch::x86_64::*;

use crate::ops::cpu::isa::micro_kernel::{Multiply, Numbers, tile_body};
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, TileFn};

/// AVX-512: a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if the CPU has the instructions (and AVX2's).
    pub fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        found.then_some(Self(()))
    }

    /// Whether the CPU has AVX512-BF16, too.
    #[inline]
    pub fn has_bf16(self) -> bool {
        is_x86_feature_detected!("avx512bf16")
    }

    /// The token, within code that is compiled for the instructions.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
    fn here() -> Self {
        Self(())
    }
}

/// AVX512-BF16: a token.
#[derive(Clone, Copy)]
struct Bf16(());

impl Bf16 {
    /// The token, within code that is compiled for the instructions.
    #[inline]
    #[target_feature(enable = "avx512bf16")]
    fn here() -> Self {
        Self(())
    }
}

impl Multiply<Avx512> for Bf16 {
    #[inline(always)]
    fn multiply_add(self, _: Avx512, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the tokens say that the CPU has the instructions; both types are 64 bytes.
        unsafe {
            let a = core::mem::transmute::<__m512, __m512bh>(a);
            let b = core::mem::transmute::<__m512, __m512bh>(b);
            _mm512_dpbf16_ps(c, a, b)
        }
    }
}

/// # Safety
/// As [`TileFn`]; the CPU has the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
unsafe fn tile<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: as the caller.
    unsafe { tile_body::<Avx512, R, NV, STRIDE>(Avx512::here(), Numbers, t) }
}

/// # Safety
/// As [`TileFn`]; the CPU has the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c")]
unsafe fn tile_pairs<const R: usize, const NV: usize, const STRIDE: usize>(t: &Tile) {
    // SAFETY: as the caller.
    unsafe { tile_body::<Avx512, R, NV, STRIDE>(Avx512::here(), Bf16::here(), t) }
}

/// The function of `$tile`'s for a number of rows.
macro_rules! select {
    ($tile:ident, $nv:ident, $stride:ident, $rows:ident, $($count:literal)*) => {
        match $rows {
            $($count => $tile::<$count, $nv, $stride>,)*
            _ => $tile::<14, $nv, $stride>,
        }
    };
}

/// Methods of [`Simd`] on registers alone.
macro_rules! arithmetic {
    ($($name:ident($($arg:ident),*) $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: __m512),*) -> __m512 {
            // SAFETY: the token says that the CPU has the instructions.
            unsafe { $body }
        }
    )*};
}

// SAFETY: a token exists only where the CPU has the instructions, and each method is what its
// documentation says, by the intrinsic's own definition.
unsafe impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 14;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: the token says that the CPU has the instructions.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> __m512 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid for the
        // lanes that are not masked.
        unsafe { _mm512_maskz_loadu_ps((1u16 << n).wrapping_sub(1), p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, v: __m512, n: usize) {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid for the
        // lanes that are not masked.
        unsafe { _mm512_mask_storeu_ps(p, (1u16 << n).wrapping_sub(1), v) }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, v: __m512) {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm512_stream_ps(p, v) }
    }
    #[inline(always)]
    fn fence(self) {
        // SAFETY: every x86-64 CPU has the instruction.
        unsafe { _mm_sfence() }
    }
    #[inline(always)]
    unsafe fn load_f16(self, p: *const u16) -> __m512 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8(self, p: *const i8) -> __m512 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_nibbles(self, p: *const u8, upper: bool) -> __m512 {
        // SAFETY: the token says that the CPU has the instructions, the caller that `p` is valid.
        unsafe {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast()));
            let halves = if upper { _mm512_srli_epi32::<4>(bytes) } else { bytes };
            _mm512_cvtepi32_ps(_mm512_and_si512(halves, _mm512_set1_epi32(15)))
        }
    }
    arithmetic! {
        add(a, b) _mm512_add_ps(a, b);
        sub(a, b) _mm512_sub_ps(a, b);
        mul(a, b) _mm512_mul_ps(a, b);
        div(a, b) _mm512_div_ps(a, b);
        fma(a, b, c) _mm512_fmadd_ps(a, b, c);
        fnma(a, b, c) _mm512_fnmadd_ps(a, b, c);
        max(a, b) _mm512_max_ps(a, b);
        min(a, b) _mm512_min_ps(a, b);
        round(a) _mm512_roundscale_ps::<8>(a);
        scale2(a, n) _mm512_scalef_ps(a, n);
        select_negative(x, a, b) _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), b, a);
        pack_pairs(low, high) {
            let round = |x: __m512| {
                let bits = _mm512_castps_si512(x);
                let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
                _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd)
            };
            let low = _mm512_srli_epi32::<16>(round(low));
            let high = _mm512_and_si512(round(high), _mm512_set1_epi32(-65536));
            _mm512_castsi512_ps(_mm512_or_si512(low, high))
        };
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [__m512; 16]) {
        // SAFETY: the token says that the CPU has the instructions.
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
    fn tile<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn {
        select!(tile, NV, STRIDE, rows, 1 2 3 4 5 6 7 8 9 10 11 12 13)
    }
    fn tile_pairs<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn {
        // One check for a tile of thousands of products.
        assert!(self.has_bf16(), "pairs need AVX512-BF16 or a level without AVX-512");
        select!(tile_pairs, NV, STRIDE, rows, 1 2 3 4 5 6 7 8 9 10 11 12 13)
    }
}
