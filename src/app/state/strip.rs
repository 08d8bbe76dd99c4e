//! Strips of earlier pictures: their frames are dropped, and made again for whoever looks at them.

use crate::app::i18n::Message;
use crate::app::state::State;
use crate::app::state::generation::Strip;
use crate::app::state::shown::Shown;
use crate::message::{JobId, Request};
use crate::picture::Frame;
use crate::settings::PreviewMode;

impl State {
    /// Keeps pictures in memory within bounds.
    pub(super) fn trim(&mut self) {
        let shown = match self.shown {
            Shown::Generation { job, .. } => Some(job),
            _ => None,
        };
        self.queue.trim(shown);
    }

    /// Requests the dropped frames of the generation on the canvas, so that its strip is whole.
    pub fn want_strip(&mut self) -> Option<Request> {
        let Shown::Generation { job, .. } = self.shown else { return None };
        if self.dead.is_some() || self.model.info.is_none() {
            return None;
        }
        let generation = self.queue.generation_mut(job).filter(|it| it.wants_frames())?;
        generation.strip = Strip::Asked;
        Some(Request::Strip { job, mode: PreviewMode::Fast })
    }

    /// Requests every pixel of a generation's steps as they were shown, where some lie on the graphics card.
    pub fn want_pixels(&mut self, job: JobId) -> Option<Request> {
        let generation = self.queue.generation_mut(job)?;
        let mode = generation.mode_on_card();
        generation.strip = Strip::Asked;
        Some(Request::Strip { job, mode })
    }

    pub(super) fn strip_came(&mut self, job: JobId, from: usize, frames: Vec<Frame>, mode: PreviewMode) {
        if let Some(generation) = self.queue.generation_mut(job) {
            generation.made_again(from, frames, mode);
            self.trim();
        }
    }

    pub(super) fn strip_is_whole(&mut self, job: JobId) {
        if let Some(generation) = self.queue.generation_mut(job) {
            generation.strip = Strip::Again;
        }
    }

    pub(super) fn strip_failed(&mut self, job: JobId, other_model: bool) {
        if let Some(generation) = self.queue.generation_mut(job) {
            generation.strip = Strip::Lost;
        }
        let key = if other_model { "error-step-of-other-model" } else { "error-step-gone" };
        self.toasts.notice(Message::Key(key), None);
    }
}
