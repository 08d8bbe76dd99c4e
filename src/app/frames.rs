//! `FrameTimes`: how long the window's frames take on the UI thread.
//!
//! With `SAFELIGHT_FRAMES=FILE` a summary is written at the end, and a line for each frame. A frame
//! reaches from its `logic` to the next one's, so that tessellation, painting and handing over to the
//! graphics card are in it. Trap: time by the clock includes waiting for a core that inference has,
//! so it is the thread's own processor time that counts; Windows does not report it to safe code, and
//! there the summary has eframe's time alone. Without a graphics card presenting a frame may mean
//! sending every pixel of it to the display, on this thread: so the time before that is reported as well.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eframe::egui_wgpu::{self, CallbackResources, CallbackTrait};
use eframe::wgpu;
use egui::{Context, Id, LayerId, Order, Rect, vec2};

/// Frames kept at most: an hour of them.
const FRAMES_MAX: usize = 216_000;

/// What one frame took.
#[derive(Clone, Copy, Debug, PartialEq)]
struct FrameTime {
    /// When it began, from when the window was set up.
    began: Duration,
    /// The UI thread's own processor time, where the system reports it.
    own: Option<Duration>,
    /// The same up to the last command of painting: what is left is handing over and presenting.
    painted: Option<Duration>,
    /// By the clock, as eframe measures it: without waiting for the screen.
    wall: Duration,
}

/// The times of this window's frames.
pub struct FrameTimes {
    file: Option<PathBuf>,
    since: Instant,
    /// When the present frame began: from [`Self::since`], and of the thread's own time.
    present: Option<(Duration, Option<Duration>)>,
    /// The thread's own time when the present frame was painted, in nanoseconds.
    painted: Arc<AtomicU64>,
    frames: Vec<FrameTime>,
}

impl FrameTimes {
    /// Times frames if the environment asks for it.
    pub fn asked_for() -> Self {
        let file = std::env::var_os("SAFELIGHT_FRAMES").filter(|file| !file.is_empty()).map(PathBuf::from);
        Self::into_file(file)
    }

    fn into_file(file: Option<PathBuf>) -> Self {
        Self { file, since: Instant::now(), present: None, painted: Arc::default(), frames: Vec::new() }
    }

    /// Begins a frame, which ends the one before; `wall` is eframe's time of that one.
    pub fn begin(&mut self, wall: Option<f32>) {
        if self.file.is_none() || self.frames.len() >= FRAMES_MAX {
            return;
        }
        let own = thread_time();
        if let (Some((began, own_before)), Some(wall)) = (self.present, wall) {
            let painted = Duration::from_nanos(self.painted.load(Ordering::Relaxed));
            let since = |now: Duration| own_before.map(|before| now.saturating_sub(before));
            let (own, painted) = (own.and_then(since), own.and_then(|now| since(painted.min(now))));
            let wall = Duration::try_from_secs_f32(wall).unwrap_or_default();
            self.frames.push(FrameTime { began, own, painted, wall });
        }
        self.present = Some((self.since.elapsed(), own));
    }

    /// Records when the frame's last shape is painted. Call it last in a frame.
    pub fn mark(&self, ctx: &Context) {
        if self.file.is_some() {
            let painter = ctx.layer_painter(LayerId::new(Order::Debug, Id::unique("frame times")));
            let corner = Rect::from_min_size(ctx.content_rect().min, vec2(1.0, 1.0));
            painter.add(egui_wgpu::Callback::new_paint_callback(corner, Mark(self.painted.clone())));
        }
    }

    /// The summary, then a line for each frame: when it began, own time, that before presenting, time
    /// by the clock.
    fn report(&self) -> Option<String> {
        let wall = summary(self.frames.iter().map(|frame| frame.wall))?;
        let mut report = format!("{} frames", self.frames.len());
        if let Some(own) = summary(self.frames.iter().filter_map(|frame| frame.own)) {
            write!(report, "; own processor time {own}").ok()?;
        }
        if let Some(painted) = summary(self.frames.iter().filter_map(|frame| frame.painted)) {
            write!(report, "; before presenting {painted}").ok()?;
        }
        writeln!(report, "; by the clock {wall}").ok()?;
        for FrameTime { began, own, painted, wall } in &self.frames {
            let [own, painted] = [own, painted].map(|time| time.map_or_else(|| "-".to_owned(), milliseconds));
            writeln!(report, "{} {own} {painted} {}", milliseconds(*began), milliseconds(*wall)).ok()?;
        }
        Some(report)
    }
}

impl Drop for FrameTimes {
    fn drop(&mut self) {
        if let (Some(file), Some(report)) = (&self.file, self.report())
            && let Err(error) = std::fs::write(file, report)
        {
            log::warn!("the times of frames are not written: {error}");
        }
    }
}

/// An invisible shape that records when it is painted.
struct Mark(Arc<AtomicU64>);

impl CallbackTrait for Mark {
    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        _pass: &mut wgpu::RenderPass<'static>,
        _resources: &CallbackResources,
    ) {
        if let Some(time) = thread_time() {
            self.0.store(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

/// "median 0.6 ms, 99th percentile 8.3 ms, longest 9.0 ms".
fn summary(times: impl Iterator<Item = Duration>) -> Option<String> {
    let mut sorted: Vec<Duration> = times.collect();
    sorted.sort_unstable();
    let last = *sorted.last()?;
    let at = |percent: usize| milliseconds(sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]);
    Some(format!("median {} ms, 99th percentile {} ms, longest {} ms", at(50), at(99), milliseconds(last)))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

/// Processor time that this thread has used; `None` where the system does not report it.
#[cfg(unix)]
fn thread_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).ok()
}

#[cfg(not(unix))]
fn thread_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_middle_the_slow_end_and_every_frame() {
        let mut times = FrameTimes::into_file(None);
        assert_eq!(times.report(), None);
        times.frames = (1..=200)
            .map(|i| FrameTime {
                began: Duration::from_millis(16 * i),
                own: Some(Duration::from_micros(100 * i)),
                painted: Some(Duration::from_micros(50 * i)),
                wall: Duration::from_millis(i),
            })
            .collect();
        let report = times.report().unwrap();
        let mut lines = report.lines();
        let summary = "200 frames; own processor time median 10.10 ms, 99th percentile 19.90 ms, longest \
             20.00 ms; before presenting median 5.05 ms, 99th percentile 9.95 ms, longest 10.00 ms; by the clock median 101.00 ms, 99th percentile 199.00 ms, longest 200.00 ms";
        assert_eq!(lines.next(), Some(summary));
        assert_eq!(lines.next(), Some("16.00 0.10 0.05 1.00"));
        assert_eq!(lines.count(), 199);
    }

    #[test]
    #[cfg(unix)]
    fn painting_is_noted_only_when_asked_for() {
        let mark = |times: &FrameTimes| {
            let ctx = Context::default();
            let mut output = ctx.run_ui(egui::RawInput::default(), |ui| times.mark(ui.ctx()));
            // egui requires that texture updates are consumed.
            output.textures_delta.clear();
            output.shapes.iter().any(|shape| matches!(shape.shape, egui::Shape::Callback(_)))
        };
        assert!(!mark(&FrameTimes::into_file(None)));
        let folder = tempfile::tempdir().unwrap();
        assert!(mark(&FrameTimes::into_file(Some(folder.path().join("frames.txt")))));
    }

    #[test]
    #[cfg(unix)]
    fn a_frame_counts_work_and_not_sleep() {
        let folder = tempfile::tempdir().unwrap();
        let mut times = FrameTimes::into_file(Some(folder.path().join("frames.txt")));
        times.begin(None);
        std::thread::sleep(Duration::from_millis(30));
        times.begin(Some(0.03));
        let worked = Instant::now();
        while worked.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        times.begin(Some(0.02));
        let own: Vec<Duration> = times.frames.iter().filter_map(|frame| frame.own).collect();
        assert_eq!(own.len(), 2);
        assert!(own[0] < own[1] && own[0] < Duration::from_millis(10), "{own:?}");
        drop(times);
        let written = std::fs::read_to_string(folder.path().join("frames.txt")).unwrap();
        assert!(written.starts_with("2 frames; own processor time median"), "{written}");
    }
}
