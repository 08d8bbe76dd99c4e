//! `FrameTimes`: how long the window's frames take on the UI thread, for whoever asks.
//!
//! With `SAFELIGHT_FRAMES=FILE` one line is written at the end: how many frames, the median, the
//! 99th percentile, the longest. The times are eframe's own: state, layout and tessellation, without
//! the graphics card. They are by the clock, so they include waiting for a core that inference has.

use std::path::PathBuf;

/// Times kept at most: an hour of frames.
const TIMES_MAX: usize = 216_000;

/// The times of this window's frames.
#[derive(Default)]
pub struct FrameTimes {
    file: Option<PathBuf>,
    seconds: Vec<f32>,
}

impl FrameTimes {
    /// Times frames if the environment asks for it.
    pub fn asked_for() -> Self {
        let file = std::env::var_os("SAFELIGHT_FRAMES").filter(|file| !file.is_empty()).map(PathBuf::from);
        Self { file, seconds: Vec::new() }
    }

    /// Takes the time of a frame.
    pub fn add(&mut self, seconds: Option<f32>) {
        if self.file.is_some() && self.seconds.len() < TIMES_MAX {
            self.seconds.extend(seconds);
        }
    }

    /// "64 frames, median 0.6 ms, 99th percentile 8.3 ms, longest 9.0 ms".
    fn summary(&self) -> Option<String> {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |share: f32| sorted.get(((sorted.len() as f32 * share) as usize).min(sorted.len() - 1));
        let last = sorted.len().checked_sub(1)?;
        let milliseconds = |seconds: f32| format!("{:.1} ms", seconds * 1000.0);
        Some(format!(
            "{} frames, median {}, 99th percentile {}, longest {}",
            sorted.len(),
            milliseconds(*at(0.5)?),
            milliseconds(*at(0.99)?),
            milliseconds(sorted[last])
        ))
    }
}

impl Drop for FrameTimes {
    fn drop(&mut self) {
        if let (Some(file), Some(summary)) = (&self.file, self.summary())
            && let Err(error) = std::fs::write(file, summary + "\n")
        {
            log::warn!("the times of frames are not written: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_middle_and_the_slow_end() {
        let seconds = (1..=200).map(|i| i as f32 / 1000.0).collect();
        let times = FrameTimes { file: None, seconds };
        let summary = "200 frames, median 101.0 ms, 99th percentile 199.0 ms, longest 200.0 ms";
        assert_eq!(times.summary().as_deref(), Some(summary));
        assert_eq!(FrameTimes::default().summary(), None);
    }
}
