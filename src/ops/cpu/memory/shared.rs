//! A place that several threads write, each its own part.
//!
//! Invariant: whoever writes through it vouches that no two items of a parallel section touch the
//! same numbers; the kernels cut their outputs by rows, panels or tiles so that this holds.

/// A pointer that may cross threads.
#[derive(Clone, Copy)]
pub struct Shared<T>(*mut T);

// SAFETY: it is only an address; each use is its own promise (see the module's head).
#[expect(unsafe_code, reason = "an address for disjoint writes")]
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "an address for disjoint writes")]
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The start of a slice that the caller keeps borrowed while the threads write.
    pub fn new(slice: &mut [T]) -> Shared<T> {
        Shared(slice.as_mut_ptr())
    }

    /// The start of a slice that is only read.
    pub fn reading(slice: &[T]) -> Shared<T> {
        Shared(slice.as_ptr().cast_mut())
    }

    /// The address `offset` numbers in.
    #[inline(always)]
    pub fn at(self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}
