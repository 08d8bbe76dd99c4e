//! The micro-kernel that everything rests on: a register tile of C = A·B, with A's numbers broadcast.
//!
//! A tile is `R` rows by `NV` vectors. B is contiguous, `NV * LANES` numbers for each k. A's row
//! stride is a constant of the code (0: rows are neighbours, the k stride is given), so that
//! fourteen rows need one pointer. Sums start from zero here and are added to C at the end: summing
//! in two levels keeps long sums four to ten times more exact than loading C first.
#![expect(unsafe_code, reason = "raw pointers into packed blocks")]

use crate::ops::cpu::isa::simd::Simd;

/// What happens to the sums.
#[derive(Clone, Copy, PartialEq)]
pub enum Write {
    /// C = sums.
    Store,
    /// C = C + sums.
    Add,
    /// C = C·α + sums, with one α for each column, at this address.
    Scale(*const f32),
}

/// The operands of one tile.
pub struct Tile {
    /// A: row r, column k at `r * STRIDE + k`, or at `r + k * k_stride` if STRIDE is 0.
    pub a: *const f32,
    /// Distance between columns of A if STRIDE is 0.
    pub k_stride: usize,
    /// B: row k at `k * NV * LANES`.
    pub b: *const f32,
    /// C: row r at `r * c_stride`.
    pub c: *mut f32,
    /// Distance between rows of C.
    pub c_stride: usize,
    /// Length of the sums.
    pub k: usize,
    /// What to do with C.
    pub write: Write,
    /// What will be read next: one cache line of it is asked for at each k. Any address will do.
    pub next: *const f32,
}

/// A compiled tile. Calling it reads and writes through the pointers of [`Tile`], which must be
/// valid for the rows, vectors and strides that it was chosen for.
pub type TileFn = unsafe fn(&Tile);

/// The body of every tile function. With `PAIRS` each number of A and B is two bf16 numbers, and one
/// k stands for two.
///
/// # Safety
/// The CPU has `S`; the tile's pointers are valid for `R` rows and `NV` vectors.
#[inline(always)]
pub unsafe fn tile_body<S: Simd, const R: usize, const NV: usize, const STRIDE: usize, const PAIRS: bool>(
    t: &Tile,
) {
    let (row, column) = if STRIDE == 0 { (1, t.k_stride) } else { (STRIDE, 1) };
    // SAFETY: the caller vouches for the pointers; prefetching reads nothing.
    unsafe {
        let mut sums = [[S::splat(0.0); NV]; R];
        let (mut a, mut b, mut next) = (t.a, t.b, t.next);
        let mut k = t.k;
        while k >= 4 {
            for _ in 0..4 {
                step::<S, R, NV, PAIRS>(&mut sums, a, row, b);
                prefetch(next);
                a = a.add(column);
                b = b.add(NV * S::LANES);
                next = next.wrapping_add(16);
            }
            k -= 4;
        }
        while k > 0 {
            step::<S, R, NV, PAIRS>(&mut sums, a, row, b);
            a = a.add(column);
            b = b.add(NV * S::LANES);
            k -= 1;
        }
        for (r, row) in sums.iter().enumerate() {
            for (v, sum) in row.iter().enumerate() {
                let c = t.c.add(r * t.c_stride + v * S::LANES);
                let value = match t.write {
                    Write::Store => *sum,
                    Write::Add => S::add(S::load(c), *sum),
                    Write::Scale(alpha) => S::fma(S::load(c), S::load(alpha.add(v * S::LANES)), *sum),
                };
                S::store(c, value);
            }
        }
    }
}

/// One k: `R * NV` multiply-adds.
///
/// # Safety
/// As [`tile_body`].
#[inline(always)]
unsafe fn step<S: Simd, const R: usize, const NV: usize, const PAIRS: bool>(
    sums: &mut [[S::V; NV]; R],
    a: *const f32,
    row: usize,
    b: *const f32,
) {
    // SAFETY: as the caller.
    unsafe {
        let mut columns = [S::splat(0.0); NV];
        for (v, column) in columns.iter_mut().enumerate() {
            *column = S::load(b.add(v * S::LANES));
        }
        for (r, row_sums) in sums.iter_mut().enumerate() {
            let broadcast = S::splat(*a.add(r * row));
            for v in 0..NV {
                row_sums[v] = if PAIRS {
                    S::dot_pairs(broadcast, columns[v], row_sums[v])
                } else {
                    S::fma(broadcast, columns[v], row_sums[v])
                };
            }
        }
    }
}

/// Asks for a cache line to write.
#[inline(always)]
pub fn prefetch_write(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address, mapped or not, changes no state a program can see.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_ET0 }>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Asks for a cache line to read.
#[inline(always)]
pub fn prefetch(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address, mapped or not, changes no state a program can see.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Cuts `total` into `count` parts as equal as can be: the size of part number `i`.
pub fn even_part(total: usize, count: usize, i: usize) -> usize {
    total / count + usize::from(i < total % count)
}

/// Where part number `i` of [`even_part`] starts.
pub fn part_start(total: usize, count: usize, i: usize) -> usize {
    i * (total / count) + i.min(total % count)
}

/// Runs the tiles of a block of rows: all of them `NV` vectors wide, STRIDE apart.
///
/// # Safety
/// As [`tile_body`], for `rows` rows.
#[inline(always)]
pub unsafe fn run_rows<S: Simd, const NV: usize, const STRIDE: usize, const PAIRS: bool>(
    rows: usize,
    mut t: Tile,
) {
    let count = rows.div_ceil(S::ROWS);
    let a_row = if STRIDE == 0 { 1 } else { STRIDE };
    for i in 0..count {
        let part = even_part(rows, count, i);
        // SAFETY: as the caller: the pointers move on by whole rows, within `rows`.
        unsafe {
            if STRIDE != 0 && i + 1 < count {
                t.next = t.a.add(part * a_row);
            }
            let tile = if PAIRS { S::tile_pairs::<NV, STRIDE>(part) } else { S::tile::<NV, STRIDE>(part) };
            tile(&t);
            t.a = t.a.add(part * a_row);
            t.c = t.c.add(part * t.c_stride);
        }
    }
}
