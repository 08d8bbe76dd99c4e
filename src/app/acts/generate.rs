//! Making pictures: beginning, steering, pausing and stopping jobs.

use egui::Context;

use crate::app::Safelight;
use crate::app::command::Act;
use crate::app::state::Overlay;
use crate::app::state::generation::{Generation, Stage};
use crate::app::state::queue::Wanted;
use crate::app::state::shown::Shown;
use crate::message::{Control, Report};
use crate::sampler::GuidanceCurve;

impl Safelight {
    /// Makes pictures from the draft.
    pub(in crate::app) fn generate(&mut self, ctx: &Context) {
        self.revive();
        self.state.overlay = Overlay::Nothing;
        if !self.state.can_develop() {
            self.state.toasts.error(Report::new("error-no-model", ""), Some(Act::OpenModel));
            return;
        }
        match self.state.wanted() {
            Ok(wanted) => self.begin(ctx, wanted),
            Err(error) => self.state.toasts.error(Report::of(&error), None),
        }
    }

    /// Starts a lost inference thread again.
    pub(in crate::app) fn revive(&mut self) {
        if self.state.dead.is_some() {
            self.restart();
        }
    }

    /// Queues jobs with these settings and begins the first if nothing runs.
    pub(in crate::app) fn begin(&mut self, ctx: &Context, wanted: Vec<Wanted>) {
        self.revive();
        let previews = self.state.draft.previews;
        self.state.queue.enqueue(wanted, previews);
        if self.state.queue.running().is_none() {
            self.state.playing = None;
            self.state.compare = None;
            self.ui_state.canvas.zoom = None;
            self.state.shown = Shown::Nothing;
            let follow = self.state.begin_next();
            self.follow(ctx, follow);
        }
    }

    /// Closes the innermost thing: the dialog, the newest toast, the comparison, playback, then the running
    /// job or the loading model. Jobs that wait are held.
    pub(in crate::app) fn stop(&mut self) {
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

    /// Stops the running job.
    pub(in crate::app) fn stop_running(&mut self) {
        let open = |it: &&mut Generation| it.stage.is_open();
        let mut stopped = None;
        // Those of a sheet together.
        for running in self.state.queue.generations.iter_mut().filter(open) {
            running.stage = if running.sent { Stage::Stopping } else { Stage::Stopped };
            stopped = stopped.or(running.sent.then_some(running.job.id));
        }
        if let Some(job) = stopped {
            self.control(Control::Stop { job });
        }
    }

    /// Pauses the running job after its step, or resumes it.
    pub(in crate::app) fn pause(&mut self) {
        // A sheet goes on or is stopped.
        let Some(running) = self.state.queue.running_mut().filter(|it| it.sheet.is_none()) else { return };
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

    /// Changes the guidance of the running job from its next step on.
    pub(in crate::app) fn steer(&mut self, guidance: f64) {
        if let Some(running) = self.state.queue.running_mut().filter(|it| it.sheet.is_none()) {
            let job = running.job.id;
            running.guidance = guidance;
            running.curve = GuidanceCurve::default();
            self.control(Control::Steer { job, guidance });
        }
    }

    /// Lets the guidance of the running job follow another curve from its next step on.
    pub(in crate::app) fn bend(&mut self, curve: GuidanceCurve) {
        if let Some(running) = self.state.queue.running_mut().filter(|it| it.sheet.is_none()) {
            let job = running.job.id;
            running.guidance = curve.at(running.done, running.steps.len()).unwrap_or(running.guidance);
            running.curve = curve.clone();
            self.control(Control::Bend { job, curve });
        }
    }
}
