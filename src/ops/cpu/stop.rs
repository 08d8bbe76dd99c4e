//! How a person's "stop" reaches the kernels, and the other reason why one gives no result.

use std::sync::atomic::{AtomicBool, Ordering};

use super::refusal::OutOfMemory;

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

/// A parallel section ended before its work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request")]
pub struct Stopped;

/// Why a kernel gave no result: its output is incomplete and must be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// The flag was raised.
    #[error("stopped on request")]
    Stopped,
    /// The system gave no memory for its scratch or its result.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
}

impl From<Stopped> for KernelError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}
