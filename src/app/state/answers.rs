//! What the services answer, taken into the state.

use std::path::{Path, PathBuf};

use crate::app::command::Act;
use crate::app::services::{Answer, Record, Task};
use crate::app::state::generation::Picture;
use crate::app::state::toasts::Said;
use crate::app::state::{Consequence, Shown, State, file_name};
use crate::engine::ModelPart;
use crate::message::{JobId, ModelSource, Report, Request};
use crate::picture::{Frame, PartialSettings};
use crate::settings::Settings;

impl State {
    /// Takes in what the services answer.
    pub fn answer(&mut self, answer: Answer) -> Vec<Consequence> {
        match answer {
            Answer::Gallery(records) => self.shelf.list(records),
            Answer::Thumbnail { path, frame } => self.shelf.keep_thumbnail(path, frame),
            Answer::Read { path, frame } => {
                let picture = Picture::new(frame);
                self.desk.give_result(&path, &picture);
                self.shelf.keep_full(path, picture);
            }
            Answer::Kept { job, record } => self.kept(job, *record),
            Answer::Unkept { jobs, count, report } => self.unkept(&jobs, count, report),
            Answer::KeptLate(count) => {
                self.cards.notice(Said::Counted("saved-late", count, String::new()), None);
            }
            Answer::Interrupted(settings) => self.was_interrupted(settings),
            Answer::Called(model) => {
                let open = model.map(|source| Consequence::Send(Request::Open(source)));
                return std::iter::once(Consequence::Front).chain(open).collect();
            }
            Answer::Saved(path) => self.cards.notice(Said::With("saved-as", file_name(&path)), None),
            Answer::Recovered { path, settings, foreign_sampler, made_by, frame } => {
                let settings = settings.map(|settings| self.at_present_size(*settings, &made_by));
                self.recovered(path, settings, foreign_sampler, frame);
            }
            Answer::PastedBare => self.cards.notice(Said::Key("pasted-bare"), None),
            Answer::Model(path) => {
                return vec![Consequence::Send(Request::Open(ModelSource::file(path)))];
            }
            Answer::Part { path, part } => return self.lay_over(path, part),
            Answer::Trashed(path) => self.trashed(path),
            Answer::Untrashed(record) => self.untrashed(*record),
            Answer::Folder(folder) => {
                self.kept.pictures_folder = Some(folder.to_string_lossy().into_owned());
                return vec![Consequence::Ask(Task::List { folder: Some(folder) })];
            }
            Answer::Failed(report) => self.cards.error(report, None),
        }
        Vec::new()
    }

    fn kept(&mut self, job: JobId, record: Record) {
        if let Some(development) = self.desk.development_mut(job) {
            development.saved = Some(record.path.clone());
            development.unsaved = false;
            if let Some(result) = &development.result {
                self.shelf.keep_full(record.path.clone(), result.clone());
            }
        }
        self.shelf.add(record);
    }

    /// What could not be saved is told once, in one card that counts.
    fn unkept(&mut self, jobs: &[JobId], count: usize, report: Option<Report>) {
        self.unsaved = count;
        for development in &mut self.desk.developments {
            development.unsaved = jobs.contains(&development.job.id);
        }
        self.cards.settle(Act::SaveAgain);
        if count > 0 {
            let details = report.map(|report| report.details).unwrap_or_default();
            let said = Said::Counted("unsaved-count", count, String::new());
            self.cards.trouble(said, details, Some(Act::SaveAgain));
        }
    }

    /// Opens the present model again with another part, or the one that lacked it.
    fn lay_over(&mut self, path: PathBuf, part: ModelPart) -> Vec<Consequence> {
        let lacking = self.model.failed.as_ref().filter(|(_, report)| {
            matches!(report.sentence.key, "error-lacks-vae" | "error-lacks-text-encoder" | "error-lacks-both")
        });
        let present = || self.model.info.as_ref().map(|info| info.source.clone());
        let source = lacking.map(|(source, _)| source.clone()).or_else(present);
        let Some(ModelSource::Path { path: model, config, mut vae, mut text_encoder }) = source else {
            self.cards.error(Report::new("error-part-without-model", path.display().to_string()), None);
            return Vec::new();
        };
        match part {
            ModelPart::Vae => vae = Some(path),
            ModelPart::TextEncoder => text_encoder = Some(path),
        }
        vec![Consequence::Send(Request::Open(ModelSource::Path { path: model, config, vae, text_encoder }))]
    }

    fn was_interrupted(&mut self, settings: Vec<Settings>) {
        let Some(first) = settings.first() else { return };
        let said = Said::Counted("interrupted", settings.len(), first.prompt.clone());
        self.cards.notice(said, Some(Act::DevelopAgain));
        self.interrupted = settings;
    }

    fn trashed(&mut self, path: PathBuf) {
        self.shelf.remove(&path);
        // Deleted again, or something new, after which nothing can be redone.
        if self.undeleted.pop_if(|undeleted| *undeleted == path).is_none() {
            self.undeleted.clear();
        }
        self.cards.notice(Said::With("deleted", file_name(&path)), Some(Act::UndoDelete));
        self.deleted.push(path);
    }

    fn untrashed(&mut self, record: Record) {
        self.deleted.retain(|deleted| *deleted != record.path);
        self.undeleted.push(record.path.clone());
        self.cards.settle(Act::UndoDelete);
        self.shelf.add(record);
    }

    fn recovered(
        &mut self,
        path: PathBuf,
        settings: Option<PartialSettings>,
        foreign_sampler: Option<String>,
        frame: Frame,
    ) {
        match settings {
            Some(settings) => self.use_recovered(&settings, foreign_sampler, &path),
            None => self.cards.notice(Said::With("no-settings-in", file_name(&path)), None),
        }
        self.shelf.keep_full(path.clone(), Picture::new(frame));
        self.compare = None;
        self.shown = Shown::Record(path);
    }

    fn use_recovered(&mut self, settings: &PartialSettings, foreign_sampler: Option<String>, path: &Path) {
        let told = if settings.missing().is_empty() { "settings-from" } else { "settings-from-partly" };
        let settings = settings.over(&self.draft.settings);
        match foreign_sampler {
            Some(sampler) => self.use_foreign_settings(settings, path, sampler),
            None => {
                self.use_settings(settings);
                self.cards.notice(Said::With(told, file_name(path)), None);
            }
        }
    }
}
