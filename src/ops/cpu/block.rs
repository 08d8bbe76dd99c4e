//! A zeroed, 64-byte aligned piece of memory; on Linux in huge pages where it is large.
//!
//! Invariant: the bytes are initialised from the start and any bit pattern is a valid value of the
//! two types that are read from them, f32 and u16.
#![expect(unsafe_code, reason = "owns raw memory")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// From this size on a block is mapped in huge pages.
#[cfg(target_os = "linux")]
const HUGE_PAGE: usize = 2 << 20;

/// A number type that a block can hold.
pub trait Plain: sealed::Plain {}

mod sealed {
    pub trait Plain: Copy {}
    impl Plain for f32 {}
    impl Plain for u16 {}
}
impl<T: sealed::Plain> Plain for T {}

/// Owned memory.
pub struct Block {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory belongs to the block alone; access follows Rust's borrows of it.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

fn layout(bytes: usize) -> Layout {
    match Layout::from_size_align(bytes, 64) {
        Ok(layout) => layout,
        // More than half of the address space: no allocator has it.
        Err(_) => handle_alloc_error(Layout::new::<u8>()),
    }
}

impl Block {
    /// `bytes` zero bytes, rounded up to a multiple of 64.
    pub fn new(bytes: usize) -> Block {
        let bytes = bytes.max(64).next_multiple_of(64);
        #[cfg(target_os = "linux")]
        if bytes >= HUGE_PAGE
            && let Some(start) = map(bytes)
        {
            return Block { start, bytes };
        }
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout(bytes)) };
        match NonNull::new(start) {
            Some(start) => Block { start, bytes },
            None => handle_alloc_error(layout(bytes)),
        }
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
        // SAFETY: aligned to 64, initialised, and any bits are a valid T (see the module's head).
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
        #[cfg(target_os = "linux")]
        if self.bytes >= HUGE_PAGE {
            // SAFETY: `map` mapped exactly these bytes, and they go once.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
            return;
        }
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start.as_ptr(), layout(self.bytes)) };
    }
}

/// Maps zeroed memory aligned to 2 MiB and asks for huge pages.
#[cfg(target_os = "linux")]
fn map(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: a private anonymous mapping at an address of the system's choice touches nothing
    // that exists; what is cut off before and after the aligned part is part of it.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let length = bytes.next_multiple_of(4096) + HUGE_PAGE;
        let start = libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0);
        if start == libc::MAP_FAILED {
            handle_alloc_error(layout(bytes));
        }
        let before = start.align_offset(HUGE_PAGE);
        let aligned = start.add(before);
        if before > 0 {
            libc::munmap(start, before);
        }
        let kept = bytes.next_multiple_of(4096);
        libc::munmap(aligned.add(kept), HUGE_PAGE - before);
        libc::madvise(aligned, kept, libc::MADV_HUGEPAGE);
        NonNull::new(aligned.cast())
    }
}
