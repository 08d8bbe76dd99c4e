//! How a person's "stop" reaches the kernels: a flag, read once per block of work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
/// It is looked up once for each parallel section, whose items then read the flag itself.
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

/// A kernel ended before its work was done: its output is incomplete and must be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped on request")
    }
}

impl std::error::Error for Stopped {}
