//! Pacing: how much work one submission holds, so that the window keeps its frames and a stop is heard.
//!
//! Invariant: by the rate measured so far no submission is longer than [`SHARE`]; the first ones are
//! small, since nothing is known.

use std::time::{Duration, Instant};

/// Most time of one submission.
pub const SHARE: Duration = Duration::from_millis(8);

/// The rate of the device in work units (about one multiply-add's two operations) a second.
#[derive(Debug)]
pub struct Pace {
    rate: f64,
    /// A rate that is given and not measured, for tests.
    fixed: bool,
    /// When the last submission that was waited for ended.
    last_end: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 20e9, fixed: false, last_end: None }
    }
}

impl Pace {
    /// Takes `rate` for the device's from now on.
    pub fn fix(&mut self, rate: f64) {
        *self = Self { rate, fixed: true, last_end: None };
    }

    /// Most work of one submission.
    pub fn share(&self) -> f64 {
        self.rate * SHARE.as_secs_f64()
    }

    /// Operations a second, as measured so far.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Learns from a submission of `work` that was handed over at `began` and ended now.
    pub fn learn(&mut self, work: f64, began: Instant, now: Instant) {
        let from = self.last_end.map_or(began, |last| last.max(began));
        self.last_end = Some(now);
        let took = now.saturating_duration_since(from).as_secs_f64();
        // What takes next to no time tells the cost of a submission and not of the work.
        if self.fixed || work <= 0.0 || took < 1e-4 {
            return;
        }
        // One measurement may be off by a frame of the window: the rate moves by a quarter of the way,
        // and no further than twice at once.
        let seen = (work / took).clamp(self.rate / 2.0, self.rate * 2.0);
        self.rate = (self.rate.powf(0.75) * seen.powf(0.25)).clamp(1e8, 1e15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_follows_the_measured_rate_from_both_sides() {
        for true_rate in [2e9, 40e12] {
            let mut pace = Pace::default();
            let mut now = Instant::now();
            for _ in 0..200 {
                let work = pace.share();
                let began = now;
                now += Duration::from_secs_f64(work / true_rate);
                pace.learn(work, began, now);
            }
            assert!((pace.rate() / true_rate - 1.0).abs() < 0.05 || pace.share() / true_rate < 1e-4);
        }
        let mut pace = Pace::default();
        pace.fix(1e9);
        pace.learn(1e12, Instant::now(), Instant::now() + Duration::from_secs(1));
        assert!((pace.share() - 8e6).abs() < 1.0);
    }
}
