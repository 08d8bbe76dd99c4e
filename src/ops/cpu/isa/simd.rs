//! One vector type for every instruction set: the kernels are written once, over [`Simd`].
//!
//! Trap: a generic body only becomes AVX code when it is inlined into a function that carries the
//! `#[target_feature]` attribute. So every helper that touches a vector is `#[inline(always)]`,
//! closures never hold vectors, and the only doors in are [`crate::ops::cpu::isa::Level::run`] and the
//! tile functions of [`Simd::tile`].
#![expect(unsafe_code, reason = "vector arithmetic")]

use crate::ops::cpu::isa::tile::TileFn;

/// A vector of `LANES` f32 numbers and what the kernels do with it.
///
/// # Safety
/// Every method may only run on a CPU that has the instruction set; pointers must be valid for the
/// lanes read or written (no alignment is needed).
pub unsafe trait Simd: Copy + Send + Sync + 'static {
    /// The vector.
    type V: Copy;
    /// Numbers in a vector: 8 or 16.
    const LANES: usize;
    /// Most rows of a register tile that is two vectors wide.
    const ROWS: usize;

    /// The same number in each lane.
    unsafe fn splat(x: f32) -> Self::V;
    /// Reads `LANES` numbers.
    unsafe fn load(p: *const f32) -> Self::V;
    /// Reads `n < LANES` numbers; the other lanes are zero.
    unsafe fn load_part(p: *const f32, n: usize) -> Self::V;
    /// Writes `LANES` numbers.
    unsafe fn store(p: *mut f32, v: Self::V);
    /// Writes the first `n < LANES` numbers.
    unsafe fn store_part(p: *mut f32, v: Self::V, n: usize);
    /// Writes `LANES` numbers past the caches; the address is aligned to the vector's size. Call
    /// [`Simd::fence`] before another thread reads them.
    unsafe fn stream(p: *mut f32, v: Self::V);
    /// Makes streamed numbers visible to other threads.
    unsafe fn fence();
    /// Reads `LANES` half floats and widens them.
    unsafe fn load_f16(p: *const u16) -> Self::V;
    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the hardware can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`.
    unsafe fn fnma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The greater of each lane.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each lane.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// The nearest whole number.
    unsafe fn round(a: Self::V) -> Self::V;
    /// `a * 2^n` for whole `n` in -126..=127.
    unsafe fn scale2(a: Self::V, n: Self::V) -> Self::V;
    /// Per lane: `if x < 0 { a } else { b }`.
    unsafe fn select_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// `c + a·b` where each lane of a and b is a pair of bf16 numbers, both products added in f32.
    unsafe fn dot_pairs(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Rounds to bf16, to nearest even, `low` into the lower halves of the lanes and `high` into the
    /// upper ones.
    unsafe fn pack_pairs(low: Self::V, high: Self::V) -> Self::V;
    /// Turns the first `LANES` vectors, as the rows of a square, into its columns.
    unsafe fn transpose(rows: &mut [Self::V; 16]);
    /// [`Simd::tile`] over pairs.
    fn tile_pairs<const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn;
    /// The tile function with `NV` vectors per row, `rows` rows and row stride `STRIDE` of A.
    fn tile<const NV: usize, const STRIDE: usize>(rows: usize) -> TileFn;
}

/// `|a|`.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub unsafe fn abs<S: Simd>(a: S::V) -> S::V {
    // SAFETY: the caller has the instruction set.
    unsafe { S::max(a, S::sub(S::splat(0.0), a)) }
}

/// Reads `n` numbers, a whole vector at most.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub unsafe fn load_upto<S: Simd>(p: *const f32, n: usize) -> S::V {
    // SAFETY: the caller vouches for `min(n, LANES)` numbers at `p`.
    unsafe { if n >= S::LANES { S::load(p) } else { S::load_part(p, n) } }
}

/// Writes `n` numbers, a whole vector at most.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub unsafe fn store_upto<S: Simd>(p: *mut f32, v: S::V, n: usize) {
    // SAFETY: the caller vouches for `min(n, LANES)` numbers at `p`.
    unsafe { if n >= S::LANES { S::store(p, v) } else { S::store_part(p, v, n) } }
}
