//! The window's start: what it is given, and what it asks for first.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::Receiver;
use egui::{Context, Rect};

use crate::app::Safelight;
use crate::app::attention::Attention;
use crate::app::closing::Closing;
use crate::app::frames::FrameTimes;
use crate::app::i18n::{Language, Words};
use crate::app::remember::Remembered;
use crate::app::screen::Settling;
use crate::app::services::{KeptRuns, Services, Task};
use crate::app::state::{ComputeState, State};
use crate::app::theme;
use crate::app::theme::textures::Textures;
use crate::app::ui::ui_state::UiState;
use crate::engine::EngineHandle;
use crate::gpu::Trouble;
use crate::message::{ModelSource, Report, Request};
use crate::preferences::Memory;

/// Starts an inference thread; fails if the system gives no thread.
pub(super) type StartEngine = Box<dyn FnMut() -> std::io::Result<EngineHandle>>;

/// What the window starts with.
pub struct Start {
    /// Starts the inference thread; called again by the restart button.
    pub engine: StartEngine,
    /// The world outside.
    pub services: Box<dyn Services>,
    /// What was remembered.
    pub remembered: Memory,
    /// What the graphics card says of itself.
    pub graphics: Receiver<Trouble>,
    /// Starts the program anew, after the graphics card was lost.
    pub start_again: Box<dyn FnMut() -> std::io::Result<()>>,
    /// Whether this window goes on for one that lost its graphics card.
    pub goes_on: bool,
    /// All screens, in pixels, the usual one first.
    pub screens: Vec<Rect>,
    /// A model named on the command line; none is the one remembered.
    pub model: Option<ModelSource>,
    /// Where and how the model computes, and the alternatives.
    pub compute: ComputeState,
    /// Raised, before the window is woken, when the system or the terminal asks it to close.
    pub asked_to_end: Arc<AtomicBool>,
}

impl Safelight {
    /// Sets up fonts and styles, starts the inference thread and asks it for a model.
    pub fn new(ctx: &Context, start: Start) -> Self {
        let Start {
            engine: mut start_engine,
            mut services,
            graphics,
            start_again,
            goes_on,
            screens,
            remembered,
            model,
            compute,
            asked_to_end,
        } = start;
        theme::install(ctx, remembered.reduce_motion);
        ctx.set_theme(theme::preference(remembered.theme));
        // Keys of the window's own that egui would take for zooming all of it.
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        let words = Words::new(language_of(&remembered));
        services.ask(Task::List { folder: remembered.pictures_folder.clone().map(Into::into) });
        services.ask(Task::Negatives(KeptRuns::List));
        // Without a thread the window opens all the same, and says so.
        let (engine, dead) = match start_engine() {
            Ok(engine) => (engine, None),
            Err(error) => (EngineHandle::pair().0, Some(error.to_string())),
        };
        let mut safelight = Self {
            state: State::new(remembered.clone(), compute),
            ui_state: UiState::new(),
            words,
            engine,
            start_engine,
            services,
            graphics,
            complained: false,
            unsized_yet: false,
            textures: Textures::default(),
            remembered: Remembered::new(remembered),
            closing: Closing::new(asked_to_end),
            attention: Attention::default(),
            played_at: 0.0,
            frames: FrameTimes::asked_for(),
            drawn: false,
            start_again,
            goes_on,
            settling: Settling::new(screens),
            wanted: None,
        };
        safelight.tell_why_again();
        let source = model.unwrap_or_else(|| safelight.last_model());
        match dead {
            Some(details) => {
                safelight.state.died(Report::new("engine-no-thread", details));
            }
            None => safelight.send(Request::Open(source)),
        }
        safelight
    }
}

/// The language that was chosen, else the system's.
pub(super) fn language_of(memory: &Memory) -> Language {
    memory.language.as_deref().and_then(Language::of_tag).unwrap_or_else(Language::of_system)
}
