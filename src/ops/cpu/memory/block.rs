//! A zeroed, 64-byte aligned piece of memory, a mapping of its own where it is large.
//!
//! Invariant: the bytes are initialized from the start and any bit pattern is a valid value of the
//! types that are read from them: f32, u16 and bytes.
#![expect(unsafe_code, reason = "owns raw memory")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use crate::ops::cpu::memory::mapping;
use crate::ops::cpu::memory::refusal::{OutOfMemory, fallible};

/// A number type that a block can hold.
pub trait Plain: sealed::Plain {}

mod sealed {
    pub trait Plain: Copy {}
    impl Plain for f32 {}
    impl Plain for u8 {}
    impl Plain for u16 {}
}
impl<T: sealed::Plain> Plain for T {}

/// Owned memory.
pub struct Block {
    start: NonNull<u8>,
    bytes: usize,
    layout: Layout,
    /// Whether it is a mapping, or else a piece of the heap.
    mapped: bool,
}

// SAFETY: the memory belongs to the block alone; access follows Rust's borrows of it.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// `bytes` zero bytes, rounded up to a multiple of 64.
    ///
    /// # Errors
    /// If the system gives no such memory.
    pub fn new(bytes: usize) -> Result<Block, OutOfMemory> {
        if bytes < mapping::LEAST {
            return Block::on_heap(bytes);
        }
        let refused = OutOfMemory { bytes };
        let (bytes, layout) = layout(bytes).ok_or(refused)?;
        mapping::map(bytes).map(|start| Block { start, bytes, layout, mapped: true }).ok_or(refused)
    }

    /// The same, on the heap in any case.
    ///
    /// # Errors
    /// If the system gives no such memory.
    pub fn on_heap(bytes: usize) -> Result<Block, OutOfMemory> {
        let refused = OutOfMemory { bytes };
        let (bytes, layout) = layout(bytes).ok_or(refused)?;
        // SAFETY: the size is not zero.
        let start = fallible(|| unsafe { alloc_zeroed(layout) });
        NonNull::new(start).map(|start| Block { start, bytes, layout, mapped: false }).ok_or(refused)
    }

    /// Where it starts.
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory as numbers.
    pub fn as_slice<T: Plain>(&self) -> &[T] {
        // SAFETY: aligned to 64, initialized, and any bits are a valid T (see the module's head).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.bytes / size_of::<T>()) }
    }

    /// The memory as numbers to change.
    pub fn as_mut_slice<T: Plain>(&mut self) -> &mut [T] {
        // SAFETY: as above, and borrowed for change.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.bytes / size_of::<T>()) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.mapped {
            // SAFETY: mapped in `new` with this size, and gone once.
            unsafe { mapping::unmap(self.start, self.bytes) };
            return;
        }
        // SAFETY: allocated in `on_heap` with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Bytes rounded up to whole cache lines, and their layout. More than half of the address space has none:
/// no allocator has it.
fn layout(bytes: usize) -> Option<(usize, Layout)> {
    let bytes = bytes.max(64).checked_next_multiple_of(64)?;
    Some((bytes, Layout::from_size_align(bytes, 64).ok()?))
}
