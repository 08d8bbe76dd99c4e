//! Making pictures: what is begun, steered, rested and ended.

use egui::Context;

use crate::app::Safelight;
use crate::app::command::Act;
use crate::app::state::generation::Stage;
use crate::app::state::{Overlay, Shown};
use crate::message::{Control, Report};
use crate::settings::Settings;

impl Safelight {
    pub(super) fn develop(&mut self, ctx: &Context) {
        if self.state.dead.is_some() {
            self.restart();
        }
        self.state.overlay = Overlay::Nothing;
        if !self.state.can_develop() {
            self.state.toasts.error(Report::new("error-no-model", ""), Some(Act::OpenModel));
            return;
        }
        let settings = self.state.draft.jobs();
        self.begin(ctx, settings);
    }

    /// Makes these pictures, after those that wait.
    pub(super) fn begin(&mut self, ctx: &Context, settings: Vec<Settings>) {
        let previews = self.state.draft.previews;
        self.state.queue.enqueue(settings, previews);
        if self.state.queue.running().is_none() {
            self.state.playing = None;
            self.state.compare = None;
            self.ui_state.canvas.zoom = None;
            self.state.shown = Shown::Nothing;
            let follow = self.state.begin_next();
            self.follow(ctx, follow);
        }
    }

    /// Ends what is nearest: a dialog, the newest card, a comparison, what plays, what develops. Those that wait stay on hold.
    pub(super) fn stop(&mut self) {
        if self.state.overlay != Overlay::Nothing {
            self.state.overlay = Overlay::Nothing;
        } else if let Some(toast) = self.state.toasts.list.last() {
            let id = toast.id;
            self.state.toasts.dismiss(id);
        } else if self.state.compare.is_some() {
            self.state.compare = None;
        } else if self.state.playing.is_some() {
            self.state.playing = None;
        } else if self.state.queue.running().is_some() {
            self.state.queue.hold();
            self.stop_running();
        } else if self.state.model.loading.is_some() {
            self.engine.stop_loading();
        }
    }

    pub(super) fn stop_running(&mut self) {
        let Some(running) = self.state.queue.running_mut() else { return };
        let job = running.job.id;
        if !running.sent {
            running.stage = Stage::Stopped;
            return;
        }
        running.stage = Stage::Stopping;
        self.control(Control::Stop { job });
    }

    pub(super) fn pause(&mut self) {
        let Some(running) = self.state.queue.running_mut() else { return };
        let job = running.job.id;
        let control = match running.stage {
            Stage::Running => {
                running.stage = Stage::Pausing;
                Control::Pause { job }
            }
            Stage::Pausing | Stage::Paused => {
                running.stage = Stage::Running;
                Control::Resume { job }
            }
            _ => return,
        };
        self.control(control);
    }

    pub(super) fn steer(&mut self, guidance: f64) {
        if let Some(running) = self.state.queue.running_mut() {
            let job = running.job.id;
            running.guidance = guidance;
            self.control(Control::Steer { job, guidance });
        }
    }
}
