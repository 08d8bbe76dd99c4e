//! `Meter`: how fast a transfer is and how long it will take.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time over which speed is measured.
const WINDOW: Duration = Duration::from_secs(5);
/// Less than this tells no speed.
const LEAST: Duration = Duration::from_millis(200);

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all, where the server tells.
    pub total: Option<u64>,
    /// Bytes a second over the last seconds, once there is something to measure.
    pub speed: Option<f64>,
}

impl Progress {
    /// Seconds that are left at this speed.
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.total?.saturating_sub(self.done) as f64;
        self.speed.filter(|speed| *speed > 0.0).map(|speed| left / speed)
    }
}

/// Measures speed over the last seconds.
#[derive(Debug, Default)]
pub struct Meter {
    marks: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// Notes that `done` bytes are here, and tells the progress.
    pub fn note(&mut self, now: Instant, done: u64, total: Option<u64>) -> Progress {
        self.marks.push_back((now, done));
        while self.marks.len() > 2 && self.marks.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.marks.pop_front();
        }
        let speed = self.marks.front().and_then(|(at, before)| {
            let took = now.saturating_duration_since(*at);
            (took >= LEAST).then(|| done.saturating_sub(*before) as f64 / took.as_secs_f64())
        });
        Progress { done, total, speed }
    }

    /// Forgets the speed: after a pause it is another.
    pub fn restart(&mut self) {
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_that_of_the_last_seconds() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        assert_eq!(meter.note(start, 1000, Some(9000)).speed, None);
        let mut last = Progress::default();
        for second in 1..=20_u64 {
            let rate = if second <= 10 { 100 } else { 300 };
            let done = last.done.max(1000) + rate;
            last = meter.note(start + Duration::from_secs(second), done, Some(9000));
        }
        assert_eq!((last.done, last.speed), (5000, Some(300.0)));
        assert_eq!(last.seconds_left(), Some(4000.0 / 300.0));
        assert_eq!(Progress { total: None, ..last }.seconds_left(), None);
    }
}
