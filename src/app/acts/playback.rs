//! Playing a generation from its first step to its picture, and walking through its steps.

use std::time::Duration;

use egui::Context;

use crate::app::Safelight;
use crate::app::state::shown::Shown;

/// How long each step is shown.
const STEP_SECONDS: f64 = 0.08;

impl Safelight {
    /// Shows the next step while the generation plays.
    pub(in crate::app) fn play_on(&mut self, ctx: &Context) {
        let Some(playing) = self.state.playing else { return };
        let now = ctx.input(|input| input.time);
        let Some(generation) = self.state.generation() else {
            self.state.playing = None;
            return;
        };
        let due = ((now - self.played_at) / STEP_SECONDS) as usize;
        if due > 0 {
            let next = (playing + due..generation.steps.len())
                .find(|&step| generation.steps[step].picture.is_some());
            self.state.playing = next;
            self.played_at = now;
        }
        if self.state.playing.is_some() {
            ctx.request_repaint_after(Duration::from_secs_f64(STEP_SECONDS));
        }
    }

    /// Starts playback, or ends it.
    pub(in crate::app) fn play(&mut self, ctx: &Context) {
        if self.state.playing.take().is_some() {
            return;
        }
        let Some(generation) = self.state.generation() else { return };
        let first = generation.steps.iter().position(|step| step.picture.is_some());
        self.played_at = ctx.input(|input| input.time);
        self.state.playing = first;
    }

    /// Shows the step before or after the one on the canvas.
    pub(in crate::app) fn walk(&mut self, by: isize) {
        let Some(generation) = self.state.generation() else { return };
        let job = generation.job.id;
        let Shown::Generation { step, .. } = self.state.shown else { return };
        let Some(now) = step.or_else(|| generation.nearest(generation.steps.len())) else { return };
        let to = if by < 0 { generation.before(now) } else { generation.after(now) };
        let Some(to) = to else { return };
        let step = (!generation.is_result(to)).then_some(to);
        self.ui_state.strip.scroll = None;
        self.show(Shown::Generation { job, step });
    }
}
