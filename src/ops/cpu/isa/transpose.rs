//! Small matrices turned over in registers, on their way from one buffer to another.
//!
//! Attention keeps queries in the lanes, while tensors keep channels there: one number at a time, the
//! two turns cost a third of an attention over 77 keys.
#![expect(unsafe_code, reason = "raw pointers into checked tensors and scratch")]

use crate::ops::cpu::isa::simd::Simd;

/// Rows of numbers, some distance apart.
#[derive(Clone, Copy)]
pub(in crate::ops::cpu) struct Strided<P> {
    /// The first number.
    pub start: P,
    /// Distance between rows.
    pub stride: usize,
}

/// Writes the columns of `from`'s `rows` × `columns` numbers, both a vector's at most, each multiplied
/// by its column's number in `scale`, as rows of `to`: `width` numbers each, zeros after `rows`.
///
/// # Safety
/// `from` is valid for its numbers and `to` for `columns` rows of `width`.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn transpose<S: Simd>(
    s: S,
    from: Strided<*const f32>,
    (rows, columns): (usize, usize),
    scale: S::V,
    to: Strided<*mut f32>,
    width: usize,
) {
    // SAFETY: as the caller says.
    unsafe {
        let mut square = [s.splat(0.0); 16];
        for (i, row) in square.iter_mut().enumerate().take(rows) {
            *row = s.mul(s.load_upto(from.start.add(i * from.stride), columns), scale);
        }
        s.transpose(&mut square);
        for (i, row) in square.iter().enumerate().take(columns) {
            s.store_upto(to.start.add(i * to.stride), *row, width);
        }
    }
}
