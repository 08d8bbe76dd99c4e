//! The micro-kernel that everything rests on: a register tile of C = A·B, with A's numbers broadcast.
//!
//! A tile is `R` rows by `NV` vectors. B is contiguous, `NV * LANES` numbers for each k. A's row
//! stride is a constant of the code (0: rows are neighbors, the k stride is given), so that
//! fourteen rows need one pointer. Sums start from zero here and are added to C at the end: summing
//! in two levels keeps long sums four to ten times more exact than loading C first. The form, a tile of
//! registers over packed panels, is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix
//! Multiplication" (2008).
#![expect(unsafe_code, reason = "raw pointers into packed blocks")]

use crate::ops::cpu::cut::even_part;
use crate::ops::cpu::isa::prefetch::prefetch;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, Write};

/// What a tile multiplies.
pub trait Multiply<S: Simd>: Copy {
    /// `c + a·b`.
    fn multiply_add(self, s: S, a: S::V, b: S::V, c: S::V) -> S::V;
}

/// f32 numbers.
#[derive(Clone, Copy, Default)]
pub struct Numbers;

impl<S: Simd> Multiply<S> for Numbers {
    #[inline(always)]
    fn multiply_add(self, s: S, a: S::V, b: S::V, c: S::V) -> S::V {
        s.fma(a, b, c)
    }
}

/// Pairs of bf16 numbers in each lane, where no instruction multiplies them.
#[derive(Clone, Copy, Default)]
pub struct Pairs;

impl<S: Simd> Multiply<S> for Pairs {
    #[inline(always)]
    fn multiply_add(self, s: S, a: S::V, b: S::V, c: S::V) -> S::V {
        s.dot_pairs(a, b, c)
    }
}

/// The body of every tile function. Where `multiply` takes pairs each number of A and B is two bf16
/// numbers, and one k stands for two.
///
/// # Safety
/// The tile's pointers are valid for `R` rows and `NV` vectors.
#[inline(always)]
pub unsafe fn tile_body<S: Simd, const R: usize, const NV: usize, const STRIDE: usize>(
    s: S,
    multiply: impl Multiply<S>,
    t: &Tile,
) {
    let (row, column) = if STRIDE == 0 { (1, t.k_stride) } else { (STRIDE, 1) };
    let mut sums = [[s.splat(0.0); NV]; R];
    let (mut a, mut b, mut next) = (t.a, t.b, t.next);
    let mut k = t.k;
    // SAFETY: the caller vouches for A's and B's columns, `k` of them.
    unsafe {
        while k >= 4 {
            for _ in 0..4 {
                step(s, multiply, &mut sums, a, row, b);
                prefetch(next);
                a = a.add(column);
                b = b.add(NV * S::LANES);
                next = next.wrapping_add(16);
            }
            k -= 4;
        }
        while k > 0 {
            step(s, multiply, &mut sums, a, row, b);
            a = a.add(column);
            b = b.add(NV * S::LANES);
            k -= 1;
        }
    }
    for (r, row) in sums.iter().enumerate() {
        for (v, sum) in row.iter().enumerate() {
            // SAFETY: the caller vouches for C's rows and vectors, and α's.
            unsafe {
                let c = t.c.add(r * t.c_stride + v * S::LANES);
                let value = match t.write {
                    Write::Store => *sum,
                    Write::Add => s.add(s.load(c), *sum),
                    Write::Scale(alpha) => s.fma(s.load(c), s.load(alpha.add(v * S::LANES)), *sum),
                };
                s.store(c, value);
            }
        }
    }
}

/// One k: `R * NV` multiply-adds.
///
/// # Safety
/// As [`tile_body`].
#[inline(always)]
unsafe fn step<S: Simd, const R: usize, const NV: usize>(
    s: S,
    multiply: impl Multiply<S>,
    sums: &mut [[S::V; NV]; R],
    a: *const f32,
    row: usize,
    b: *const f32,
) {
    let mut columns = [s.splat(0.0); NV];
    for (v, column) in columns.iter_mut().enumerate() {
        // SAFETY: B has `NV` vectors for each k.
        *column = unsafe { s.load(b.add(v * S::LANES)) };
    }
    for (r, row_sums) in sums.iter_mut().enumerate() {
        // SAFETY: A has a number for each of `R` rows.
        let broadcast = s.splat(unsafe { *a.add(r * row) });
        for v in 0..NV {
            row_sums[v] = multiply.multiply_add(s, broadcast, columns[v], row_sums[v]);
        }
    }
}

/// Runs the tiles of a block of rows: all of them `NV` vectors wide, STRIDE apart; `PAIRS` of bf16
/// numbers or numbers.
///
/// # Safety
/// As [`tile_body`], for `rows` rows.
#[inline(always)]
pub unsafe fn run_rows<S: Simd, const NV: usize, const STRIDE: usize, const PAIRS: bool>(
    s: S,
    rows: usize,
    mut t: Tile,
) {
    let count = rows.div_ceil(S::ROWS);
    let a_row = if STRIDE == 0 { 1 } else { STRIDE };
    for i in 0..count {
        let part = even_part(rows, count, i);
        let tile = if PAIRS { s.tile_pairs::<NV, STRIDE>(part) } else { s.tile::<NV, STRIDE>(part) };
        // SAFETY: as the caller: the pointers move on by whole rows, within `rows`.
        unsafe {
            if STRIDE != 0 && i + 1 < count {
                t.next = t.a.add(part * a_row);
            }
            tile(&t);
            t.a = t.a.add(part * a_row);
            t.c = t.c.add(part * t.c_stride);
        }
    }
}
