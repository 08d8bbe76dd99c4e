//! What a stroke costs the window's thread: frames of the whole window (layout, acts and the mask's texture; without
//! the graphics card), while a brush goes over a picture:
//! `cargo bench --bench tray -- [SIDE] [RADIUS] [POINTS A FRAME]`.
#![allow(missing_docs, clippy::unwrap_used)]
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use egui::{Event, Modifiers, PointerButton, Pos2, pos2};
use egui_kittest::Harness;
use safelight::app::services::photos::Developed;
use safelight::app::services::{Answer, Services, Task};
use safelight::app::state::ComputeState;
use safelight::app::theme::fonts;
use safelight::app::{Safelight, Start};
use safelight::engine::EngineHandle;
use safelight::message::Compute;
use safelight::picture::Frame;
use safelight::preferences::Memory;
use safelight::tray::{Photo, PictureFrom};

/// A world that has one picture.
struct World(Option<Developed>);

impl Services for World {
    fn ask(&mut self, _: Task) {}

    fn answers(&mut self) -> Vec<Answer> {
        self.0.take().map(|developed| Answer::Developed(Box::new(developed))).into_iter().collect()
    }
}

fn window(side: usize) -> Harness<'static, Safelight> {
    let rgb: Vec<u8> = (0..side * side * 3).map(|i| (i * 7 % 251) as u8).collect();
    let photo = Photo::from(Frame { width: side, height: side, rgb: rgb.into() });
    let from = PictureFrom::Pixels(photo.clone());
    let world = World(Some(Developed { from, photo, mask: None, treatment: None }));
    let compute = Compute { device: "auto".into(), dtype: "f32".into(), threads: None };
    let start = Start {
        engine: Box::new(|| {
            let (handle, ends) = EngineHandle::pair();
            // The other side stays open.
            std::mem::forget(ends);
            Ok(handle)
        }),
        services: Box::new(world),
        remembered: Memory::default(),
        graphics: crossbeam_channel::never(),
        start_again: Box::new(|| Ok(())),
        goes_on: false,
        screens: Vec::new(),
        model: None,
        compute: ComputeState::new(Vec::new(), compute),
        asked_to_end: Arc::new(AtomicBool::new(false)),
    };
    let builder = Harness::builder().with_size([1280.0, 800.0]).with_context_setup(fonts::install);
    builder.build_eframe(|creation| Safelight::new(&creation.egui_ctx, start))
}

/// The times of frames, sorted, in milliseconds.
fn told(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!(
        "{what}: {} frames, median {:.2} ms, 99th percentile {:.2} ms, longest {:.2} ms",
        times.len(),
        at(50),
        at(99),
        times[times.len() - 1]
    );
}

/// Processor time of this thread, which other programs do not lengthen; by the clock where the system has none.
#[cfg(unix)]
fn own_time() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
}

#[cfg(not(unix))]
fn own_time() -> Duration {
    static SINCE: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    SINCE.elapsed()
}

fn timed(harness: &mut Harness<'static, Safelight>, events: impl IntoIterator<Item = Event>) -> f64 {
    events.into_iter().for_each(|event| harness.event(event));
    let began = own_time();
    harness.step();
    (own_time() - began).as_secs_f64() * 1e3
}

fn main() {
    let args: Vec<f32> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let side = args.first().map_or(2048, |side| *side as usize);
    let radius = args.get(1).copied();
    let points = args.get(2).map_or(4, |points| *points as usize);
    let mut harness = window(side);
    harness.run();
    if let Some(radius) = radius {
        // As by its slider.
        while harness.state().state().tray.brush.radius < radius {
            harness.key_press(egui::Key::CloseBracket);
            harness.run();
        }
    }
    println!(
        "{side}x{side}, brush of {} pixels, {points} points a frame",
        harness.state().state().tray.brush.radius
    );
    // The picture as large as fits: a circle within it, then further and further out.
    let middle = pos2(508.0, 310.0);
    let place = |i: usize| -> Pos2 {
        let turn = i as f32 / 40.0 * std::f32::consts::TAU;
        middle + (60.0 + 0.2 * i as f32 % 160.0) * egui::vec2(turn.cos(), turn.sin())
    };
    let rest = (0..200).map(|i| timed(&mut harness, [Event::PointerMoved(place(i))])).collect();
    let button = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    timed(&mut harness, [button(place(0), true)]);
    let strokes = (0..400)
        .map(|i| timed(&mut harness, (0..points).map(|point| Event::PointerMoved(place(i * points + point)))))
        .collect();
    timed(&mut harness, [button(place(0), false)]);
    let painted = harness.state().state().tray.laid.as_ref().unwrap();
    assert!(!painted.painting.is_empty(), "nothing was painted");
    told("pointer moves", rest);
    told("brush paints", strokes);
}
