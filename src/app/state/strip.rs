//! Strips of earlier pictures: their frames are dropped, and made again for whoever looks at them.

use crate::app::i18n::Message;
use crate::app::sheets::SheetId;
use crate::app::state::State;
use crate::app::state::generation::{Generation, Strip};
use crate::app::state::shown::Shown;
use crate::message::{JobId, Request};
use crate::picture::Frame;
use crate::settings::PreviewMode;

impl State {
    /// Keeps pictures in memory within bounds.
    pub(super) fn trim(&mut self) {
        let shown = match self.shown {
            Shown::Generation { job, .. } => vec![job],
            Shown::Sheet(id) => self.jobs_of(id),
            Shown::Nothing | Shown::Record(_) | Shown::Tray => Vec::new(),
        };
        self.queue.trim(&shown);
    }

    /// Requests the dropped frames of the generation on the canvas, so that its strip is whole.
    pub fn want_strip(&mut self) -> Option<Request> {
        let shown = match self.shown {
            Shown::Generation { job, .. } => vec![job],
            Shown::Sheet(id) => self.jobs_of(id),
            Shown::Nothing | Shown::Record(_) | Shown::Tray => return None,
        };
        if self.dead.is_some() || self.model.info.is_none() {
            return None;
        }
        let wants = |job: &JobId| self.queue.generation(*job).is_some_and(Generation::wants_frames);
        let job = shown.into_iter().find(wants)?;
        self.queue.generation_mut(job)?.strip = Strip::Asked;
        Some(Request::Strip { job, mode: PreviewMode::Fast })
    }

    /// The jobs that are seen in a sheet.
    fn jobs_of(&self, id: SheetId) -> Vec<JobId> {
        let cells = self.sheets.get(id).into_iter().flat_map(|sheet| &sheet.cells);
        cells.filter_map(|cell| self.of_cell(cell)).map(|generation| generation.job.id).collect()
    }

    /// Requests every pixel of a generation's steps as they were shown, where some lie on the graphics card.
    pub fn want_pixels(&mut self, job: JobId) -> Option<Request> {
        let generation = self.queue.generation_mut(job)?;
        let mode = generation.mode_on_card();
        generation.strip = Strip::Asked;
        Some(Request::Strip { job, mode })
    }

    pub(super) fn strip_came(
        &mut self,
        job: JobId,
        from: usize,
        frames: Vec<Option<Frame>>,
        mode: PreviewMode,
    ) {
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
