//! The operands of a register tile C = A·B, and the type of the functions that compute one.
//!
//! Trap: a [`TileFn`] trusts its pointers; which rows, vectors and strides they must be valid for was
//! settled when it was chosen ([`crate::ops::cpu::isa::simd::Simd::tile`]).

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
    /// What is read next: one cache line of it is prefetched at each k. Any address will do.
    pub next: *const f32,
}

/// A compiled tile. Calling it reads and writes through the pointers of [`Tile`], which must be
/// valid for the rows, vectors and strides that it was chosen for.
pub type TileFn = unsafe fn(&Tile);
