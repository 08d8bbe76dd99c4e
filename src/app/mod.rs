//! The window: the only place that names egui.
//!
//! `logic` drains what the inference thread and the services say into [`state::State`]; `ui` draws
//! the state and returns [`command::Command`]s, which `execute.rs` carries out. Nothing here waits:
//! no lock, no file, no `recv`.

pub mod command;
mod execute;
mod frames;
pub mod i18n;
mod making;
mod open;
mod paste;
mod run;
mod screen;
pub mod services;
pub mod state;
pub mod theme;
mod ui;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use egui::{Context, Rect, ViewportCommand};

use crate::app::command::{Act, Command};
use crate::app::i18n::{Language, Words};
use crate::app::services::{Services, Task};
use crate::app::state::{ComputeState, Over, State};
use crate::app::theme::textures::Textures;
use crate::app::ui::view::Room;
use crate::engine::EngineHandle;
use crate::message::{JobId, ModelSource, Report, Request};
use crate::preferences::{Memory, WindowPlace};

pub use open::open;
pub use run::Waker;

/// The window's name.
const TITLE: &str = "Safelight";
/// How long events are taken in before a frame is drawn.
const DRAIN_MAX: Duration = Duration::from_millis(4);
/// What is remembered is written at most this often.
const REMEMBER_EVERY: Duration = Duration::from_secs(2);

/// What the window starts with.
pub struct Start {
    /// Starts the inference thread; called again by the restart button.
    pub engine: Box<dyn FnMut() -> std::io::Result<EngineHandle>>,
    /// The world outside.
    pub services: Box<dyn Services>,
    /// What was remembered.
    pub remembered: Memory,
    /// What the graphics card complains of.
    pub graphics: Receiver<String>,
    /// All screens, in pixels, the usual one first.
    pub screens: Vec<Rect>,
    /// A model named on the command line; none is the one remembered.
    pub model: Option<ModelSource>,
    /// Where and how the model computes, and what else there is to choose.
    pub compute: ComputeState,
    /// Raised, before the window is woken, when the system or the terminal asks it to close.
    pub asked_to_end: Arc<AtomicBool>,
}

/// The program's window.
pub struct Safelight {
    state: State,
    words: Words,
    engine: EngineHandle,
    start: Box<dyn FnMut() -> std::io::Result<EngineHandle>>,
    services: Box<dyn Services>,
    graphics: Receiver<String>,
    textures: Textures,
    room: Room,
    written: Memory,
    written_at: Instant,
    asked_to_end: Arc<AtomicBool>,
    frames: frames::FrameTimes,
    /// The jobs that were told as being under way.
    under_way: Vec<JobId>,
    settling: screen::Settling,
}

impl Safelight {
    /// Sets up fonts and styles, starts the inference thread and asks it for a model.
    pub fn new(ctx: &Context, start: Start) -> Self {
        let Start {
            engine: mut start,
            mut services,
            graphics,
            screens,
            remembered,
            model,
            compute,
            asked_to_end,
        } = start;
        theme::install(ctx, remembered.reduce_motion);
        ctx.set_theme(state::memory::preference(remembered.theme));
        // Keys of ours that egui would take for zooming the whole window.
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        let language = language_of(&remembered);
        services.ask(Task::List { folder: remembered.pictures_folder.clone().map(Into::into) });
        // Without a thread the window opens all the same, and says so.
        let (engine, dead) = match start() {
            Ok(engine) => (engine, None),
            Err(error) => (EngineHandle::pair().0, Some(error.to_string())),
        };
        let mut safelight = Self {
            state: State::new(remembered.clone(), compute),
            words: Words::new(language),
            engine,
            start,
            services,
            graphics,
            textures: Textures::default(),
            room: Room { focus: Some(Act::FocusPrompt), prompt_height: 90.0, ..Room::default() },
            written: remembered,
            written_at: Instant::now(),
            asked_to_end,
            frames: frames::FrameTimes::asked_for(),
            under_way: Vec::new(),
            settling: screen::Settling::new(screens),
        };
        let source = model.unwrap_or_else(|| safelight.last_model());
        match dead {
            Some(details) => {
                safelight.state.died(Report::new("engine-no-thread", details));
            }
            None => safelight.send(Request::Open(source)),
        }
        safelight
    }

    /// The state, for tests.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn is_narrow(&self, ctx: &Context) -> bool {
        ctx.content_rect().width() < theme::size::NARROW
    }

    /// Takes in what has come, for a few milliseconds at most.
    fn drain(&mut self, ctx: &Context) {
        let deadline = Instant::now() + DRAIN_MAX;
        let events = self.engine.drain_events(deadline);
        // Time was up before the lane was empty: the rest in the next frame.
        if !events.is_empty() && Instant::now() >= deadline {
            ctx.request_repaint();
        }
        for event in events {
            let follow = self.state.apply(event);
            self.follow(ctx, follow);
        }
        for preview in self.engine.drain_previews() {
            self.state.preview(preview);
        }
        if self.engine.is_gone() && self.state.dead.is_none() {
            let follow = self.state.died(Report::new("engine-gone", ""));
            self.follow(ctx, follow);
        }
        if let Ok(details) = self.graphics.try_recv()
            && !std::mem::replace(&mut self.room.graphics_failed, true)
        {
            self.state.cards.error(Report::new("graphics-failed", details), None);
        }
        for answer in self.services.answers() {
            let follow = self.state.answer(answer);
            self.follow(ctx, follow);
        }
        if let Some(request) = self.state.want_strip() {
            self.send(request);
        }
    }

    /// Has the tokens counted when a text has changed; one count at a time.
    fn count_tokens(&mut self) {
        if self.state.model.info.is_none() || self.state.draft.counting.is_some() || self.state.dead.is_some()
        {
            return;
        }
        if let Some((which, text)) = self.state.draft.uncounted() {
            self.state.draft.counting = Some((which, text.clone()));
            self.send(Request::CountTokens { text });
        }
    }

    /// Shows the next step while the development plays.
    fn play_on(&mut self, ctx: &Context) {
        const STEP_SECONDS: f64 = 0.08;
        let Some(playing) = self.state.playing else { return };
        let now = ctx.input(|input| input.time);
        let Some(development) = self.state.development() else {
            self.state.playing = None;
            return;
        };
        let due = ((now - self.room.played_at) / STEP_SECONDS) as usize;
        if due > 0 {
            let next = (playing + due..development.steps.len())
                .find(|&step| development.steps[step].picture.is_some());
            self.state.playing = next;
            self.room.played_at = now;
        }
        if self.state.playing.is_some() {
            ctx.request_repaint_after(Duration::from_secs_f64(STEP_SECONDS));
        }
    }

    /// Asks before closing with work in progress; whoever ends the session is not asked.
    fn watch_closing(&mut self, ctx: &Context) {
        if self.asked_to_end.load(Ordering::Acquire) && !self.room.may_close {
            self.room.may_close = true;
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if !ctx.input(|input| input.viewport().close_requested()) {
            return;
        }
        let asks = self.state.is_busy() || self.state.unsaved > 0;
        if asks && !self.room.may_close {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.over = Over::Closing;
        } else {
            // Whoever ends the session has not said that what is under way can go.
            if !self.asked_to_end.load(Ordering::Acquire) {
                self.services.ask(Task::UnderWay(Vec::new()));
            }
            self.remember(ctx, true);
            self.engine.stop_loading();
        }
    }

    /// Writes what has changed, now and then and at the end.
    fn remember(&mut self, ctx: &Context, at_once: bool) {
        let rest = REMEMBER_EVERY.saturating_sub(self.written_at.elapsed());
        if !at_once && !rest.is_zero() {
            // A window at rest draws no frame by itself, and would forget the last change.
            if self.state.remembered() != self.written {
                ctx.request_repaint_after(rest);
            }
            return;
        }
        self.written_at = Instant::now();
        let viewport = ctx.input(|input| input.viewport().clone());
        if let Some(inner) = viewport.inner_rect {
            let before = self.state.kept.window;
            let maximized = viewport.maximized == Some(true);
            let size = [inner.width(), inner.height()];
            self.state.kept.window = Some(WindowPlace {
                position: viewport.outer_rect.map(|outer| [outer.left(), outer.top()]),
                // The size to come back to from a maximized window.
                size: if maximized { before.map_or(size, |place| place.size) } else { size },
                maximized,
                fullscreen: viewport.fullscreen == Some(true),
            });
        }
        let now = self.state.remembered();
        if now != self.written {
            self.services.ask(Task::Remember(Box::new(now.clone())));
            self.written = now;
        }
    }

    /// Has noted what is being made and what waits, whenever that changes.
    fn note_under_way(&mut self) {
        let jobs = self.state.desk.under_way();
        if !jobs.clone().map(|job| job.id).eq(self.under_way.iter().copied()) {
            self.under_way = jobs.clone().map(|job| job.id).collect();
            let settings = jobs.map(|job| job.settings.clone()).collect();
            self.services.ask(Task::UnderWay(settings));
        }
    }

    /// What depends on whether the person looks at the window.
    fn watch_focus(&mut self, ctx: &Context) {
        let focused = ctx.input(|input| input.viewport().focused).unwrap_or(true);
        if focused != self.room.unfocused {
            return;
        }
        self.room.unfocused = !focused;
        self.services.ask(Task::Watch(focused));
        if focused && std::mem::take(&mut self.room.titled) {
            ctx.send_viewport_cmd(ViewportCommand::Title(TITLE.to_owned()));
        }
    }

    fn take_dropped(&mut self, ctx: &Context) {
        let dropped = ctx.input(|input| input.raw.dropped_files.clone());
        let paths: Vec<_> = dropped.into_iter().map(|file| file.path().to_path_buf()).collect();
        if !paths.is_empty() {
            self.execute(ctx, Command::Dropped(paths));
        }
    }
}

/// The language that was chosen, else the system's.
fn language_of(memory: &Memory) -> Language {
    memory.language.as_deref().and_then(Language::of_tag).unwrap_or_else(Language::of_system)
}

impl eframe::App for Safelight {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        self.frames.begin(frame.info().cpu_usage);
        self.settling.look(ctx);
        self.drain(ctx);
        self.count_tokens();
        self.play_on(ctx);
        self.take_dropped(ctx);
        self.watch_focus(ctx);
        self.note_under_way();
        self.watch_closing(ctx);
        self.remember(ctx, false);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let format = frame.wgpu_render_state().map(|state| state.target_format);
        let commands = self.draw(ui, format);
        self.frames.mark(ui.ctx());
        let asked = !commands.is_empty();
        for command in commands {
            self.execute(ui.ctx(), command);
        }
        if asked {
            ui.ctx().request_repaint();
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        theme::of(visuals.dark_mode).background.to_normalized_gamma_f32()
    }
}
