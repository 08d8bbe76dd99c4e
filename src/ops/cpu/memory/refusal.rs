//! Memory that the system refuses: fallible allocation for what is large, one sentence for the rest.
//!
//! Blocks, buffers and large vectors are asked for fallibly and come back as [`OutOfMemory`], so the
//! job fails and the program lives. Small allocations cannot fail in Rust's collections: the standard
//! library ends the process by SIGABRT with a backtrace. [`LastResort`] says a sentence and exits instead.
#![expect(unsafe_code, reason = "a global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use bytemuck::Zeroable;

/// The system gave no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system refused {bytes} bytes of memory")]
pub struct OutOfMemory {
    /// How many bytes were asked for.
    pub bytes: usize,
}

thread_local! {
    /// Whether this thread's present allocation may fail.
    static MAY_FAIL: Cell<bool> = const { Cell::new(false) };
}

/// Does one allocation that may fail; its null pointer or error is the caller's affair.
pub(super) fn fallible<T>(allocate: impl FnOnce() -> T) -> T {
    MAY_FAIL.set(true);
    let allocated = allocate();
    MAY_FAIL.set(false);
    allocated
}

/// A vector of `len` zeros.
///
/// # Errors
/// If the system gives no memory for it.
pub fn zeros<T: Zeroable + Clone>(len: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut values = Vec::new();
    let reserved = fallible(|| values.try_reserve_exact(len));
    reserved.map_err(|_| OutOfMemory { bytes: len.saturating_mul(size_of::<T>()) })?;
    values.resize(len, T::zeroed());
    Ok(values)
}

/// From this size on a refused allocation is answered with null even if nobody said that it may fail:
/// decoders of pictures and archives ask for so much fallibly, and take an error.
const LARGE: usize = 16 << 20;

/// The system's allocator; a small allocation that it refuses ends the process with exit code 1 and a
/// sentence on stderr.
pub struct LastResort;

impl LastResort {
    #[inline]
    fn given(memory: *mut u8, bytes: usize) -> *mut u8 {
        if memory.is_null() && bytes < LARGE && !MAY_FAIL.try_with(Cell::get).unwrap_or(true) {
            end(bytes);
        }
        memory
    }
}

// SAFETY: every call goes to the system's allocator, whose answer is handed on unchanged.
unsafe impl GlobalAlloc for LastResort {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        Self::given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        Self::given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        Self::given(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) };
    }
}

/// Says the sentence and ends the process at once: destructors and exit handlers would ask for memory, too.
#[cold]
fn end(bytes: usize) {
    /// Whether a thread is saying the sentence already: the others wait for the end that it brings.
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Ordering::Relaxed) {
        loop {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }
    // Numbers are formatted on the stack, and stderr has no buffer.
    writeln!(
        std::io::stderr(),
        "safelight: the system has no memory left (it refused {bytes} bytes); close other programs, or \
         choose a smaller size or model"
    )
    .ok();
    exit();
}

/// Ends the process without destructors and exit handlers.
#[cfg(unix)]
fn exit() {
    // SAFETY: ends the process; it takes no memory and no lock.
    unsafe { libc::_exit(1) }
}

/// Leaves it to the standard library, which aborts after a refused allocation.
#[cfg(not(unix))]
fn exit() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_system_has_is_an_error() {
        assert_eq!(zeros::<f32>(usize::MAX / 8), Err(OutOfMemory { bytes: usize::MAX / 8 * 4 }));
        assert_eq!(zeros::<f32>(usize::MAX), Err(OutOfMemory { bytes: usize::MAX }));
        assert_eq!(zeros::<u16>(3), Ok(vec![0; 3]));
    }
}
