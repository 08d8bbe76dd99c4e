//! `Pace`: how often a request that failed is made again, and how long to wait before.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::error::TransferError;

/// The longest that a server may ask to wait.
const LONGEST: Duration = Duration::from_secs(120);
/// How often a waiting thread asks whether to go on.
const LOOK: Duration = Duration::from_millis(50);

/// How patient a transfer is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first wait; each further one is twice as long.
    pub first: Duration,
    /// Failures in a row, without a byte between them, after which it gives up.
    pub tries: u32,
}

/// What one of several tries gave.
pub(super) enum Tried<T> {
    /// The answer.
    Done(T),
    /// An error that may pass, and how long the server asks to wait.
    Later(TransferError, Option<Duration>),
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), tries: 5 }
    }
}

impl Pace {
    /// Asks until there is an answer, an error that will not pass, or too many that may.
    pub(super) fn again<T>(
        &self,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
        mut ask: impl FnMut() -> Result<Tried<T>, TransferError>,
    ) -> Result<T, TransferError> {
        let mut failures = 0;
        loop {
            if go_on().is_break() {
                return Err(TransferError::Paused);
            }
            let (error, asked) = match ask()? {
                Tried::Done(answer) => return Ok(answer),
                Tried::Later(error, asked) => (error, asked),
            };
            failures += 1;
            if failures >= self.tries {
                return Err(error);
            }
            if sleep(self.wait(failures, asked), go_on).is_break() {
                return Err(TransferError::Paused);
            }
        }
    }

    /// How long to wait after so many failures in a row.
    pub(super) fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let usual = self.first.saturating_mul(1 << failures.saturating_sub(1).min(10));
        asked.unwrap_or(usual).min(LONGEST)
    }
}

/// Sleeps so long, unless `go_on` ends it.
pub(super) fn sleep(time: Duration, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> ControlFlow<()> {
    let until = Instant::now() + time;
    loop {
        go_on()?;
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return ControlFlow::Continue(());
        }
        std::thread::sleep(rest.min(LOOK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_a_server_may_ask_for_its_own() {
        let pace = Pace::default();
        let waits: Vec<u128> = (1..=5).map(|n| pace.wait(n, None).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000]);
        assert_eq!(pace.wait(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(pace.wait(1, Some(Duration::from_secs(99_999))), LONGEST);
        assert_eq!(pace.wait(u32::MAX, None), LONGEST);
        let mut asked = 0;
        let mut twice = || {
            asked += 1;
            if asked < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        assert!(sleep(LONGEST, &mut twice).is_break());
    }
}
