//! loom's primitives, in the place of `src/ops/cpu/pool/sync.rs`.

pub use loom::cell::UnsafeCell;
pub use loom::hint::spin_loop;
pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
pub use loom::sync::{Condvar, Mutex, MutexGuard};
pub use loom::thread::yield_now;
