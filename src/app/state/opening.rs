//! Opening a model, as the state sees it: what is open now, and what then can be made.

use std::path::Path;

use crate::app::command::Act;
use crate::app::i18n::{Message, file_name};
use crate::app::state::{Consequence, State};
use crate::message::{ModelInfo, ModelSource, Report, Request};
use crate::preferences::RememberedModel;
use crate::settings::PreviewMode;
use crate::told::Told as _;

impl State {
    /// Notes that a model cannot be opened. Where none is open, opens the starter instead; a job that waits
    /// for a model then waits for that one.
    pub(super) fn open_failed(
        &mut self,
        source: ModelSource,
        report: Report,
        former_is_open: bool,
    ) -> Vec<Consequence> {
        self.model.loading = None;
        self.compute.asked = None;
        if !former_is_open {
            self.model.info = None;
        }
        let mut said = Message::from(report.sentence.clone());
        let mut follow = Vec::new();
        if self.model.info.is_none() && source != ModelSource::Starter {
            said = Message::Then(Box::new(said), "starter-instead");
            self.model.stands_in = true;
            follow.push(Consequence::Send(Box::new(Request::Open(ModelSource::Starter))));
        } else if self.model.info.is_none() {
            self.queue.give_back();
        }
        self.toasts.trouble(said.clone(), report.details.clone(), Some(Act::OpenModel));
        self.model.failed = Some((source, report));
        follow.push(Consequence::Announce(said));
        follow
    }

    /// Whether a picture can be requested: a model is open or being opened.
    pub fn can_develop(&self) -> bool {
        let hope = self.model.failed.is_none() || self.model.loading.is_some() || self.dead.is_some();
        self.model.info.is_some() || hope
    }

    pub(super) fn opened(&mut self, info: Box<ModelInfo>) -> Vec<Consequence> {
        self.model.loading = None;
        self.model.failed = None;
        if let Some(compute) = self.compute.asked.take() {
            self.compute.chosen = compute.clone();
            self.preferences.compute = Some(compute);
        }
        // Why the starter stands in for another is read when it is open.
        if !std::mem::take(&mut self.model.stands_in) {
            self.toasts.settle(Act::OpenModel);
        }
        // The model of the last session keeps the settings as they were left.
        if self.preferences.model.is_none() || self.preferences.model != RememberedModel::of(&info.source) {
            self.draft.suit(&info);
            self.preferences.sized_for = None;
        }
        self.draft.limit_steps(&info);
        self.preferences.opened(&info.source);
        for note in &info.notes {
            self.toasts.notice(note.sentence().into(), None);
        }
        let said = match info.source {
            ModelSource::Starter => Message::Key("announce-starter"),
            ModelSource::Path { .. } => Message::With("announce-opened", info.name.clone()),
        };
        self.model.info = Some(info);
        self.settle_size();
        self.suit_tray();
        self.draft.forget_counts();
        self.queue.forgive_strips();
        self.negatives.forgive();
        let mut follow = vec![Consequence::Announce(said)];
        // What was asked for before there was a model.
        if let Some(begun) = self.queue.unsent() {
            follow.extend(self.hand_over(begun));
        }
        follow
    }

    /// Notes which TAESD makes previews from now on, and that it is used where previews were to be chosen otherwise.
    pub(super) fn taesd_chosen(&mut self, path: &Path, acts: Result<bool, Report>) {
        match acts {
            Ok(acts) => {
                let chosen = path.to_str().map(str::to_owned);
                let is_new = self.preferences.taesd != chosen;
                self.preferences.taesd = chosen;
                // After a restart of the engine nothing has changed.
                if !acts && !is_new {
                    return;
                }
                let key = if acts { "taesd-acts" } else { "taesd-waits" };
                if acts && self.draft.previews != PreviewMode::Auto {
                    self.draft.previews = PreviewMode::Tiny;
                }
                self.toasts.notice(Message::With(key, file_name(path)), None);
            }
            Err(report) => self.toasts.error(report, None),
        }
    }

    /// Keeps a remembered size for the file that it was chosen for; another file of that name has its own.
    pub(super) fn settle_size(&mut self) {
        let Some(info) = &self.model.info else { return };
        let Some(hash) = &info.hash else { return };
        if self.preferences.sized_for.as_ref().is_some_and(|meant| meant != hash) {
            let settings = &mut self.draft.settings;
            (settings.width, settings.height) = (info.defaults.width, info.defaults.height);
        }
        self.preferences.sized_for = Some(hash.clone());
    }
}
