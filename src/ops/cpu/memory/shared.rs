//! A slice that the items of a parallel section write, each its own part.
//!
//! Invariant: who writes has claimed, and claiming is `unsafe` where it happens: the kernel says there
//! why no two items touch the same numbers. Where an item's part is one piece of a slice,
//! [`crate::ops::cpu::context::Context::each_piece`] does it for safe code.
#![expect(unsafe_code, reason = "hands out parts of one slice")]

use std::marker::PhantomData;
use std::ops::Range;

/// A slice that is borrowed for as long as the section runs.
pub struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    life: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

// SAFETY: it is an address with a length; whoever claims a part promises that it is theirs alone.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// The slice, which nobody else can use until the section has ended.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// Where number `offset` lies, for prefetches and questions of alignment.
    #[inline(always)]
    pub fn address(self, offset: usize) -> *const T {
        self.start.wrapping_add(offset)
    }

    /// The numbers in `range`.
    ///
    /// # Safety
    /// While the result lives nobody else reads or writes these numbers.
    ///
    /// # Panics
    /// Unless they exist.
    #[inline(always)]
    pub unsafe fn claim(self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "a claim lies within its slice");
        // SAFETY: the numbers exist, are borrowed for 'a, and the caller has them alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.end - range.start) }
    }

    /// Numbers that do not lie side by side.
    ///
    /// # Safety
    /// While the result lives nobody else reads or writes the numbers that its holder writes, and
    /// nobody writes those that its holder reads.
    #[inline(always)]
    pub unsafe fn claim_places(self) -> Places<'a, T> {
        Places(self)
    }
}

/// Places in a shared slice that their holder alone writes; which ones is said where they were claimed.
pub struct Places<'a, T>(Shared<'a, T>);

impl<T> Places<'_, T> {
    /// The address of number `offset`, if it exists.
    #[inline(always)]
    pub fn at(&self, offset: usize) -> *mut T {
        self.0.start.wrapping_add(offset)
    }

    /// The same places for a while.
    #[inline(always)]
    pub fn reborrow(&mut self) -> Places<'_, T> {
        Places(self.0)
    }

    /// The address of any number, for prefetches.
    #[inline(always)]
    pub fn address(&self, offset: usize) -> *const T {
        self.0.address(offset)
    }
}
