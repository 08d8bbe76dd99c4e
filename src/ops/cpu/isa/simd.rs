//! One vector type for every instruction set: the kernels are written once, over [`Simd`].
//!
//! A value of a type that implements it is a token: it exists only where the CPU has the instructions,
//! so arithmetic is safe code, and what stays unsafe is reading and writing through pointers. Trap: a
//! generic body only becomes AVX code when it is inlined into a function that carries the
//! `#[target_feature]` attribute. So every helper that touches a vector is `#[inline(always)]`,
//! closures never hold vectors, and the only doors in are [`crate::ops::cpu::isa::Level::run`] and the
//! tile functions of [`Simd::tile`].
#![expect(unsafe_code, reason = "vectors are read and written through pointers")]

use crate::ops::cpu::isa::tile::TileFn;

/// A vector of `LANES` f32 numbers and what the kernels do with it.
///
/// # Safety
/// An implementing type is a token: safe code can make a value only on a CPU that has the instruction
/// set. `LANES` is 8 or 16, the methods read and write as many numbers as they say, and `ROWS` is at
/// most what [`Simd::tile`] has functions for.
pub unsafe trait Simd: Copy + Send + Sync + 'static {
    /// The vector.
    type V: Copy;
    /// Numbers in a vector: 8 or 16.
    const LANES: usize;
    /// Most rows of a register tile that is two vectors wide.
    const ROWS: usize;

    /// The same number in each lane.
    fn splat(self, x: f32) -> Self::V;
    /// Reads `LANES` numbers.
    ///
    /// # Safety
    /// `p` is valid for reading them, aligned or not.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// Reads `n < LANES` numbers; the other lanes are zero.
    ///
    /// # Safety
    /// `p` is valid for reading them, aligned or not.
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V;
    /// Writes `LANES` numbers.
    ///
    /// # Safety
    /// `p` is valid for writing them, aligned or not.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// Writes the first `n < LANES` numbers.
    ///
    /// # Safety
    /// `p` is valid for writing them, aligned or not.
    unsafe fn store_part(self, p: *mut f32, v: Self::V, n: usize);
    /// Writes `LANES` numbers past the caches.
    ///
    /// # Safety
    /// `p` is valid for writing them and aligned to the vector's size, and [`Simd::fence`] comes before
    /// another thread reads them.
    unsafe fn stream(self, p: *mut f32, v: Self::V);
    /// Makes streamed numbers visible to other threads.
    fn fence(self);
    /// Reads `LANES` half floats and widens them.
    ///
    /// # Safety
    /// `p` is valid for reading them, aligned or not.
    unsafe fn load_f16(self, p: *const u16) -> Self::V;
    /// Reads `LANES` whole numbers of 8 bits.
    ///
    /// # Safety
    /// `p` is valid for reading them.
    unsafe fn load_i8(self, p: *const i8) -> Self::V;
    /// Reads the lower or the upper 4 bits of `LANES` bytes.
    ///
    /// # Safety
    /// `p` is valid for reading them.
    unsafe fn load_nibbles(self, p: *const u8, upper: bool) -> Self::V;
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the hardware can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The greater of each lane.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each lane.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The nearest whole number.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^n` for whole `n` in -126..=127.
    fn scale2(self, a: Self::V, n: Self::V) -> Self::V;
    /// Per lane: `if x < 0 { a } else { b }`.
    fn select_negative(self, x: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Turns the first `LANES` vectors, as the rows of a square, into its columns.
    fn transpose(self, rows: &mut [Self::V; 16]);
    /// The tile function with `NV` vectors per row, `rows` rows and row stride `STRIDE` of A. The CPU has
    /// what the function needs.
    fn tile<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn;
    /// [`Simd::tile`] over pairs of bf16 numbers.
    ///
    /// # Panics
    /// If the CPU has AVX-512 without its bf16 instructions ([`crate::ops::cpu::isa::Level::for_pairs`]).
    fn tile_pairs<const NV: usize, const STRIDE: usize>(self, rows: usize) -> TileFn;

    /// `|a|`.
    #[inline(always)]
    fn abs(self, a: Self::V) -> Self::V {
        self.max(a, self.sub(self.splat(0.0), a))
    }

    /// The first numbers of `from`, a whole vector at most; lanes past its end are zero.
    #[inline(always)]
    fn read(self, from: &[f32]) -> Self::V {
        // SAFETY: the slice has as many numbers as are read.
        unsafe { self.load_upto(from.as_ptr(), from.len()) }
    }

    /// Writes to the start of `to`, a whole vector at most.
    #[inline(always)]
    fn write(self, to: &mut [f32], v: Self::V) {
        // SAFETY: the slice has as many numbers as are written.
        unsafe { self.store_upto(to.as_mut_ptr(), v, to.len()) }
    }

    /// The lanes, and zeros up to 16.
    #[inline(always)]
    fn lanes(self, v: Self::V) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        // SAFETY: a vector has 16 lanes at most.
        unsafe { self.store(lanes.as_mut_ptr(), v) };
        lanes
    }

    /// Reads `n` numbers, a whole vector at most; the other lanes are zero.
    ///
    /// # Safety
    /// `p` is valid for reading `min(n, LANES)` numbers.
    #[inline(always)]
    unsafe fn load_upto(self, p: *const f32, n: usize) -> Self::V {
        // SAFETY: the caller vouches for `min(n, LANES)` numbers at `p`.
        unsafe { if n >= Self::LANES { self.load(p) } else { self.load_part(p, n) } }
    }

    /// Writes `n` numbers, a whole vector at most.
    ///
    /// # Safety
    /// `p` is valid for writing `min(n, LANES)` numbers.
    #[inline(always)]
    unsafe fn store_upto(self, p: *mut f32, v: Self::V, n: usize) {
        // SAFETY: the caller vouches for `min(n, LANES)` numbers at `p`.
        unsafe { if n >= Self::LANES { self.store(p, v) } else { self.store_part(p, v, n) } }
    }

    /// `c + a·b` where each lane of a and b is a pair of bf16 numbers, both products added in f32.
    #[inline(always)]
    fn dot_pairs(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let (a, b, mut sums) = (self.lanes(a), self.lanes(b), self.lanes(c));
        for i in 0..Self::LANES {
            let (a, b) = (a[i].to_bits(), b[i].to_bits());
            let high = |x: u32| f32::from_bits(x & 0xffff_0000);
            sums[i] += high(a << 16) * high(b << 16);
            sums[i] += high(a) * high(b);
        }
        self.read(&sums)
    }

    /// Rounds to bf16, to nearest even, `low` into the lower halves of the lanes and `high` into the
    /// upper ones.
    #[inline(always)]
    fn pack_pairs(self, low: Self::V, high: Self::V) -> Self::V {
        let (mut pairs, high) = (self.lanes(low), self.lanes(high));
        for (low, high) in pairs.iter_mut().zip(high).take(Self::LANES) {
            let round = |x: f32| x.to_bits().wrapping_add(0x7fff + (x.to_bits() >> 16 & 1));
            *low = f32::from_bits(round(*low) >> 16 | round(high) & 0xffff_0000);
        }
        self.read(&pairs)
    }
}
