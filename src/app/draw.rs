//! One frame: its keys, its drawing, and the thumbnails of what came into sight.

use std::time::{Duration, Instant};

use eframe::wgpu;
use egui::{Context, Ui};

use crate::app::command::{Act, Command, table};
use crate::app::services::Task;
use crate::app::state::Overlay;
use crate::app::state::library::FORGOTTEN;
use crate::app::state::shown::Shown;
use crate::app::ui::layout::Layout;
use crate::app::ui::ui_state::UiState;
use crate::app::ui::undo;
use crate::app::ui::view::View;
use crate::app::ui::window::window_ui;
use crate::app::{Safelight, paste};
use crate::message::Request;

impl Safelight {
    /// Draws everything; returns what the user asked for, changes of the draft first.
    pub(super) fn draw(&mut self, ui: &mut Ui, format: Option<wgpu::TextureFormat>) -> Vec<Command> {
        let ctx = ui.ctx().clone();
        self.textures.tidy();
        self.age_toasts(&ctx);
        if let Shown::Sheet(id) = self.state.shown {
            self.state.free_cells(id);
        }
        self.ui_state.input.note(&ctx);
        let mut commands = paste::take(&ctx, &mut self.ui_state.input.pasted);
        commands.extend(self.keys(&ctx).into_iter().map(Command::Do));
        let layout = Layout::new(&ctx, &self.state, &self.ui_state, ui.max_rect());
        let memory = self.services.resident_memory();
        let mut focus = self.ui_state.focus.take();
        let mut view = View {
            places: self.services.places(),
            memory,
            now: self.services.now(),
            offset: self.services.local_offset(),
            state: &self.state,
            words: &self.words,
            textures: &mut self.textures,
            focus: &mut focus,
            commands: &mut commands,
            format,
        };
        window_ui(ui, &mut view, &mut self.ui_state, &layout);
        self.ui_state.focus = focus;
        self.request_thumbnails(&ctx);
        self.request_proofs();
        commands.sort_by_key(|command| !command.is_edit());
        commands
    }

    /// Drops expired notices, and wakes the window when the next one expires.
    fn age_toasts(&mut self, ctx: &Context) {
        if let Some(seconds) = self.state.toasts.age(ctx.input(|input| input.time)) {
            ctx.request_repaint_after(Duration::from_secs_f64(seconds.clamp(0.05, 60.0)));
        }
    }

    /// Requests the thumbnails that came into sight and are not here.
    fn request_thumbnails(&mut self, ctx: &Context) {
        let now = Instant::now();
        let UiState { gallery, controls, models, .. } = &mut self.ui_state;
        let others = controls.in_sight.drain(..).chain(models.in_sight.drain(..));
        for path in gallery.in_sight.drain(..).chain(others) {
            if self.state.library.see(&path, now) {
                self.services.ask(Task::Thumbnail(path));
                // The gallery drops requests beyond its limit: look again.
                ctx.request_repaint_after(FORGOTTEN);
            }
        }
    }

    /// Requests the small pictures of the kept runs that came into sight.
    fn request_proofs(&mut self) {
        if self.state.dead.is_some() || self.state.model.info.is_none() {
            self.ui_state.gallery.runs_in_sight.clear();
        }
        for negative in std::mem::take(&mut self.ui_state.gallery.runs_in_sight) {
            if self.state.negatives.see(&negative) {
                self.send(Request::Proof { negative });
            }
        }
    }

    /// The acts whose keys were pressed.
    fn keys(&self, ctx: &Context) -> Vec<Act> {
        let state = &self.state;
        if state.overlay == Overlay::Closing {
            return Vec::new();
        }
        let popup = egui::Popup::is_any_open(ctx);
        let writing = ctx.text_edit_focused() || ctx.memory(|memory| memory.focused().is_some()) || popup;
        let busy_elsewhere = state.overlay != Overlay::Nothing || self.ui_state.prompt.completing || popup;
        let stoppable = !state.toasts.list.is_empty()
            || state.queue.running().is_some()
            || state.compare.is_some()
            || state.playing.is_some()
            || state.model.loading.is_some();
        table::pressed(ctx, writing, |act| match act {
            Act::Stop => !busy_elsewhere && stoppable,
            Act::StopAll => !busy_elsewhere && state.is_busy(),
            Act::Palette | Act::Settings | Act::Models => true,
            Act::OpenModel => state.overlay == Overlay::Nothing || state.overlay.is_of_models(),
            Act::Undo => !busy_elsewhere && state.can_undo() && !undo::text_can_undo(ctx),
            Act::Redo => !busy_elsewhere && state.can_redo() && !undo::text_can_redo(ctx),
            act if act.is_of_tray() => !busy_elsewhere && state.shown == Shown::Tray,
            _ => state.overlay == Overlay::Nothing,
        })
    }
}
