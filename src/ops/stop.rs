//! The stop flag: how a person's "stop" reaches the middle of a long operation.
//!
//! Operations read it between one another and between the tiles of long ones, so that a stop acts
//! within 250 ms. A raised flag ends the work with [`super::Error::Stopped`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A flag shared by the thread that works and those that may end the work.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<State>);

#[derive(Debug, Default)]
struct State {
    raised: AtomicBool,
    /// When; written before the flag is raised, read by whoever reports how fast a stop was.
    since: Mutex<Option<Instant>>,
}

impl StopFlag {
    /// Asks the work to end.
    pub fn raise(&self) {
        *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.raised.store(true, Ordering::Relaxed);
    }

    /// Makes the flag ready for the next piece of work.
    pub fn lower(&self) {
        self.0.raised.store(false, Ordering::Relaxed);
    }

    /// Whether the work should end.
    pub fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::Relaxed)
    }

    /// How long ago it was last raised; nothing if it never was.
    pub fn raised_for(&self) -> Duration {
        let since = self.0.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
