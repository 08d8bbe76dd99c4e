//! Prefetches: cache lines that are asked for before they are needed.
//!
//! Trap: a hint may name any address, so callers compute them with `wrapping_add` and check nothing.

/// Prefetches a cache line to read.
#[inline(always)]
pub fn prefetch(p: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "an intrinsic that takes a pointer")]
    // SAFETY: a prefetch of any address, mapped or not, changes no state a program can see.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(p.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = p;
}

/// Prefetches a cache line to write.
#[inline(always)]
pub fn prefetch_write(p: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "an intrinsic that takes a pointer")]
    // SAFETY: a prefetch of any address, mapped or not, changes no state a program can see.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_ET0 }>(p.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = p;
}
