//! The link to the inference thread: sending to it, and starting a lost one again.

use crate::app::Safelight;
use crate::app::command::Act;
use crate::engine::SendError;
use crate::message::{Control, ModelSource, Report, Request};

impl Safelight {
    /// Opens a model; restarts a lost inference thread first.
    pub(super) fn open(&mut self, source: ModelSource) {
        if self.state.dead.is_some() {
            self.restart();
        }
        self.state.model.failed = None;
        self.send(Request::Open(source));
    }

    /// Starts the inference thread again, with the model that was open.
    pub(super) fn restart(&mut self) {
        match (self.start_engine)() {
            Ok(engine) => self.engine = engine,
            Err(error) => {
                self.state.died(Report::new("engine-no-thread", error.to_string()));
                return;
            }
        }
        self.state.queue.abandon();
        self.state.dead = None;
        self.state.toasts.settle(Act::Restart);
        self.ui_state.canvas.announced.clear();
        if self.state.preferences.compute.is_some() {
            // The thread starts with the program's options; resend what was chosen since.
            self.send(Request::Compute(self.state.compute.chosen.clone()));
        }
        let folders = &self.state.models.folders;
        if !folders.is_empty() {
            let paths = folders.iter().map(|listed| listed.folder.path.clone()).collect();
            self.send(Request::ModelFolders(paths));
        }
        if let Some(taesd) = &self.state.preferences.taesd {
            self.send(Request::Taesd(taesd.into()));
        }
        if self.state.lens.on {
            self.send(Request::Look { on: true });
        }
        self.send(Request::Open(self.last_model()));
    }

    /// The model of the last session; the starter at the first start.
    pub(super) fn last_model(&self) -> ModelSource {
        self.state.preferences.model.clone().map_or(ModelSource::Starter, Into::into)
    }

    /// Sends a request, or notes that the thread is lost.
    pub(super) fn send(&mut self, request: Request) {
        if let Err(error) = self.engine.request(request) {
            self.lost(error);
        }
    }

    /// Sends a control, or notes that the thread is lost.
    pub(super) fn control(&mut self, control: Control) {
        if let Err(error) = self.engine.control(control) {
            self.lost(error);
        }
    }

    pub(super) fn lost(&mut self, error: SendError) {
        let report = Report::of(&error);
        match error {
            SendError::Full => self.state.toasts.error(report, None),
            SendError::Gone if self.state.dead.is_none() => {
                self.state.died(report);
            }
            SendError::Gone => {}
        }
    }

    /// Requests a count of the tokens of a text that has changed; one count at a time.
    pub(super) fn count_tokens(&mut self) {
        if self.state.model.info.is_none() || self.state.draft.counting.is_some() || self.state.dead.is_some()
        {
            return;
        }
        if let Some((which, text)) = self.state.draft.uncounted(&self.state.phrases.lists) {
            self.state.draft.counting = Some((which, text.clone()));
            let grammar = self.state.draft.settings.grammar;
            self.send(Request::CountTokens { text, grammar });
        }
    }
}
