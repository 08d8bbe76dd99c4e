//! The window: the only place that names egui.
//!
//! `logic` drains what the inference thread and the services say into [`state::State`]; `ui` draws
//! the state and pushes [`command::Command`]s, which `acts` carries out. Nothing here waits:
//! no lock, no file, no `recv`.

mod acts;
mod again;
mod attention;
mod closing;
pub mod command;
mod draw;
mod engine_link;
mod frames;
pub mod graphics;
pub mod i18n;
mod incoming;
mod launch;
mod paste;
pub mod picture;
mod remember;
mod run;
mod screen;
pub mod services;
pub mod sheets;
mod start;
pub mod state;
pub mod theme;
mod ui;

use crossbeam_channel::Receiver;
use egui::Context;

use crate::app::acts::wanted::Wanted;
use crate::app::again::StartAgain;
use crate::app::attention::Attention;
use crate::app::closing::Closing;
use crate::app::command::Command;
use crate::app::command::tray::OfTray;
use crate::app::frames::FrameTimes;
use crate::app::i18n::Words;
use crate::app::remember::Remembered;
use crate::app::screen::Settling;
use crate::app::services::Services;
use crate::app::start::StartEngine;
use crate::app::state::State;
use crate::app::theme::textures::Textures;
use crate::app::ui::ui_state::UiState;
use crate::engine::EngineHandle;
use crate::gpu::Trouble;
use crate::message::Request;

pub use launch::open;
pub use start::Start;

/// The window's name.
const TITLE: &str = "Safelight";

/// The program's window.
pub struct Safelight {
    state: State,
    ui_state: UiState,
    words: Words,
    engine: EngineHandle,
    start_engine: StartEngine,
    services: Box<dyn Services>,
    /// Receives the graphics card's errors.
    graphics: Receiver<Trouble>,
    /// Whether one of its errors was told.
    complained: bool,
    /// Whether the window was refused its size while the card was at work.
    unsized_yet: bool,
    textures: Textures,
    remembered: Remembered,
    closing: Closing,
    attention: Attention,
    /// When the played step was shown, in egui's seconds.
    played_at: f64,
    frames: FrameTimes,
    /// Whether a frame was drawn, after which graphics cards are looked for.
    drawn: bool,
    start_again: StartAgain,
    /// Whether this window goes on for one that lost its graphics card.
    goes_on: bool,
    settling: Settling,
    /// What waits for pixels that only the graphics card has.
    wanted: Option<Wanted>,
}

impl Safelight {
    /// The state, for tests.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn is_narrow(&self, ctx: &Context) -> bool {
        ctx.content_rect().width() < theme::size::NARROW
    }

    fn take_dropped(&mut self, ctx: &Context) {
        let dropped = ctx.input(|input| input.raw.dropped_files.clone());
        let mut paths: Vec<_> = dropped.into_iter().map(|file| file.path().to_path_buf()).collect();
        // A picture that is dropped with Shift is the mask of the one that lies there.
        let is_mask = ctx.input(|input| input.modifiers.shift) && self.state.tray.laid.is_some();
        match paths.pop_if(|_| is_mask) {
            Some(mask) => self.execute(ctx, Command::Tray(OfTray::MaskFile(mask))),
            None if paths.is_empty() => {}
            None => self.execute(ctx, Command::Dropped(paths)),
        }
    }
}

impl eframe::App for Safelight {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        self.frames.begin(frame.info().cpu_usage);
        self.settling.look(ctx);
        self.drain(ctx);
        if std::mem::take(&mut self.unsized_yet) {
            graphics::configure_again(frame);
        }
        self.count_tokens();
        self.play_on(ctx);
        self.take_dropped(ctx);
        self.watch_focus(ctx);
        self.watch_models();
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
        if !std::mem::replace(&mut self.drawn, true) {
            self.send(Request::FindCards);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        theme::of(visuals.dark_mode).background.to_normalized_gamma_f32()
    }
}
