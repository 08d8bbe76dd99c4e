//! How a person's "stop" reaches the kernels: a flag, read once per block of work.

use std::sync::atomic::{AtomicBool, Ordering};

/// Something that can ask the kernels to end early.
pub trait Stop: Send + Sync {
    /// Whether the work should end.
    fn is_raised(&self) -> bool;
}

impl Stop for AtomicBool {
    fn is_raised(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}

/// A kernel ended before its work was done: its output is incomplete and must be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped on request")
    }
}

impl std::error::Error for Stopped {}
