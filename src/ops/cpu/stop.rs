//! How a person's "stop" reaches the kernels, and the other reason why one gives no result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::ops::cpu::memory::refusal::OutOfMemory;

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

/// The flag of the piece of work that runs now; a clone is the same place.
///
/// It is looked up once for each parallel section, whose items then read the flag itself. Its lock is held for
/// as long as a pointer is copied, and only threads of the engine meet there: who asks for a stop has the
/// flag, not the slot.
#[derive(Clone)]
pub struct StopSlot(Arc<Mutex<Arc<dyn Stop>>>);

impl StopSlot {
    /// A place that holds `stop`.
    pub fn new(stop: Arc<dyn Stop>) -> Self {
        Self(Arc::new(Mutex::new(stop)))
    }

    /// The present flag.
    pub fn present(&self) -> Arc<dyn Stop> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the flag of the next piece of work in.
    pub fn set(&self, stop: Arc<dyn Stop>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stop;
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
