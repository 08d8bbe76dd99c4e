//! Mappings of a block's own, so that what is freed leaves no holes behind; in huge pages where it is
//! large, whose page faults cost an eighth as much per byte.
//!
//! Trap: only Linux has them here (and not Miri, which runs no system calls); elsewhere no block is large
//! enough for one.
#![expect(unsafe_code, reason = "system calls")]

use std::ptr::NonNull;

/// From this size on a block is mapped.
#[cfg(all(target_os = "linux", not(miri)))]
pub const LEAST: usize = 128 << 10;

/// No block is mapped.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub const LEAST: usize = usize::MAX;

/// From this size on it is mapped in huge pages.
#[cfg(all(target_os = "linux", not(miri)))]
const HUGE_PAGE: usize = 2 << 20;

/// Bytes of a page: 4,096 on x86-64, up to 65,536 elsewhere.
#[cfg(all(target_os = "linux", not(miri)))]
fn page() -> Option<usize> {
    // SAFETY: asks for a constant of the system.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).ok().filter(|bytes| bytes.is_power_of_two())
}

/// Maps zeroed memory; large pieces aligned to 2 MiB, asking for huge pages. `None` if the system refuses.
#[cfg(all(target_os = "linux", not(miri)))]
pub fn map(bytes: usize) -> Option<NonNull<u8>> {
    let spare = if bytes >= HUGE_PAGE { HUGE_PAGE } else { 0 };
    let kept = bytes.checked_next_multiple_of(page()?)?;
    let length = kept.checked_add(spare)?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a private anonymous mapping at an address of the system's choice touches nothing
    // that exists; what is cut off before and after the aligned part is part of it, in whole pages.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return None;
        }
        if spare == 0 {
            return NonNull::new(start.cast());
        }
        let before = start.align_offset(HUGE_PAGE);
        let aligned = start.add(before);
        if before > 0 {
            libc::munmap(start, before);
        }
        libc::munmap(aligned.add(kept), spare - before);
        libc::madvise(aligned, kept, libc::MADV_HUGEPAGE);
        NonNull::new(aligned.cast())
    }
}

/// Nothing is mapped here.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub fn map(_bytes: usize) -> Option<NonNull<u8>> {
    None
}

/// Gives a mapping back, up to the end of its last page.
///
/// # Safety
/// `start` came from [`map`] with as many bytes, and nobody uses them any more.
#[cfg(all(target_os = "linux", not(miri)))]
pub unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: as the caller.
    unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
}

/// Nothing is mapped here.
///
/// # Safety
/// None is needed.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub unsafe fn unmap(_start: NonNull<u8>, _bytes: usize) {}
