//! The stop flag: how "stop" reaches the middle of a long operation.
//!
//! Invariant: every piece of work (a job, a load, a fit, a decode) has a flag of its own, which is
//! raised once and never lowered. Operations read the flag of the present piece when they begin and
//! between the tiles of long ones, so that a stop acts within 250 ms. A raised flag ends the work with
//! [`super::Error::Stopped`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// The moment from which raised flags count.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A flag shared by the thread that works and those that may end the work; a clone is the same flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicU64>);

impl StopFlag {
    /// Asks the work to end. Raising it again changes nothing.
    pub fn raise(&self) {
        // Zero stands for a flag that is down.
        let now = BEGINNING.elapsed().as_nanos() as u64 + 1;
        self.0.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// Whether the work should end.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// How long ago it was raised; zero if it is down.
    pub fn raised_for(&self) -> Duration {
        match self.0.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => BEGINNING.elapsed().saturating_sub(Duration::from_nanos(since - 1)),
        }
    }

    /// Whether this is not the last handle on the flag.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_raised_once_for_all_who_hold_it() {
        let flag = StopFlag::default();
        assert!(!flag.is_raised() && !flag.is_shared() && flag.raised_for() == Duration::ZERO);
        let same = flag.clone();
        same.raise();
        assert!(flag.is_raised() && flag.is_shared());
        let first = flag.0.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1));
        flag.raise();
        assert_eq!(flag.0.load(Ordering::Relaxed), first);
        assert!(flag.raised_for() >= Duration::from_millis(1));
    }
}
