//! The services' answers, applied to the state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::app::i18n::file_name;
use crate::app::picture::Picture;
use crate::app::services::photos::Wanted;
use crate::app::services::{Answer, Began, Task};
use crate::app::state::shown::Shown;
use crate::app::state::{Consequence, Overlay, State};
use crate::engine::ModelPart;
use crate::engine::additions::suiting;
use crate::gallery::Record;
use crate::message::{JobId, ModelSource, Report, Request};
use crate::note::{Note, SourceNote};
use crate::settings::{LoraUse, PartialSettings, Settings};
use crate::told::Told as _;

impl State {
    /// Applies an answer of the services.
    pub fn answer(&mut self, answer: Answer) -> Vec<Consequence> {
        let opens = matches!(
            answer,
            Answer::Model(_)
                | Answer::Lora(_)
                | Answer::Embedding(_)
                | Answer::Part { .. }
                | Answer::Taesd(_)
        );
        if opens && self.overlay.is_of_models() {
            // Something was chosen, if not in the list.
            self.overlay = Overlay::Nothing;
        }
        match answer {
            Answer::Gallery(records) => self.library.list(records),
            Answer::Thumbnail { path, frame } => self.library.keep_thumbnail(path, frame),
            Answer::Read { path, frame } => {
                let picture = Picture::new(frame);
                self.queue.give_result(&path, &picture);
                self.library.keep_full(path, picture);
            }
            Answer::Kept { job, record } => self.kept(job, record),
            Answer::Unsaved { jobs, count, report } => self.unsaved(&jobs, count, report),
            Answer::SavedLate(count) => {
                self.toasts.notice(Message::Counted("saved-late", count, String::new()), None);
            }
            Answer::Interrupted(settings) => self.was_interrupted(settings),
            Answer::Negatives(records) => self.list_kept(records),
            Answer::Phrases(phrases) => self.phrases = phrases,
            Answer::Models(news) => return self.models_news(news),
            Answer::Called(model) => {
                let open = model.map(|source| Consequence::Send(Box::new(Request::Open(source))));
                return std::iter::once(Consequence::Front).chain(open).collect();
            }
            Answer::Saved(path) => self.toasts.notice(Message::With("saved-as", file_name(&path)), None),
            Answer::Recovered { path, settings, foreign_sampler, made_by, frame, began } => {
                let settings = self.at_present_size(*settings, &made_by);
                self.use_recovered(&settings, foreign_sampler, &path);
                self.library.keep_full(path.clone(), Picture::new(frame));
                (self.compare, self.shown) = (None, Shown::Record(path));
                return self.began(began);
            }
            Answer::Developed(developed) => self.lay(*developed),
            Answer::Mask { mask, path } => self.tray.take_mask(&mask, path),
            Answer::Told(note) => self.toasts.notice(note.sentence().into(), None),
            Answer::Model(path) => {
                return vec![Consequence::Send(Box::new(Request::Open(ModelSource::file(path))))];
            }
            Answer::Lora(path) => self.add_lora(&path),
            Answer::Embedding(path) => self.add_embedding(&path),
            Answer::Part { path, part } => return self.lay_over(path, part),
            Answer::Taesd(path) => return vec![Consequence::Send(Box::new(Request::Taesd(path)))],
            Answer::Trashed(path) => self.trashed(path),
            Answer::Untrashed(record) => self.untrashed(record),
            Answer::Folder(folder) => {
                self.preferences.pictures_folder = Some(folder.to_string_lossy().into_owned());
                return vec![Consequence::Ask(Task::List { folder: Some(folder) })];
            }
            Answer::Failed(report) => self.toasts.error(report, None),
        }
        Vec::new()
    }

    fn kept(&mut self, job: JobId, record: Arc<Record>) {
        if let Some(generation) = self.queue.generation_mut(job) {
            generation.saved = Some(record.path.clone());
            generation.unsaved = false;
            if let Some(result) = &generation.result {
                self.library.keep_full(record.path.clone(), result.clone());
            }
        }
        self.library.add(record);
    }

    /// Reports the pictures that could not be saved, in one toast that counts them.
    fn unsaved(&mut self, jobs: &[JobId], count: usize, report: Option<Report>) {
        self.unsaved = count;
        for generation in &mut self.queue.generations {
            generation.unsaved = jobs.contains(&generation.job.id);
        }
        self.toasts.settle(Act::SaveAgain);
        if count > 0 {
            let details = report.map(|report| report.details).unwrap_or_default();
            let said = Message::Counted("unsaved-count", count, String::new());
            self.toasts.trouble(said, details, Some(Act::SaveAgain));
        }
    }

    /// Opens the present model again with another part, or the model that lacked the part.
    fn lay_over(&mut self, path: PathBuf, part: ModelPart) -> Vec<Consequence> {
        let lacking = self.model.failed.as_ref().filter(|(_, report)| {
            matches!(report.sentence.key, "error-lacks-vae" | "error-lacks-text-encoder" | "error-lacks-both")
        });
        let present = || self.model.info.as_ref().map(|info| info.source.clone());
        let source = lacking.map(|(source, _)| source.clone()).or_else(present);
        let Some(ModelSource::Path { path: model, config, mut vae, mut text_encoder, prediction }) = source
        else {
            self.toasts.error(Report::new("error-part-without-model", path.display().to_string()), None);
            return Vec::new();
        };
        match part {
            ModelPart::Vae => vae = Some(path),
            ModelPart::TextEncoder => text_encoder = Some(path),
        }
        let source = ModelSource::Path { path: model, config, vae, text_encoder, prediction };
        vec![Consequence::Send(Box::new(Request::Open(source)))]
    }

    /// Adds a LoRA to the draft; one for few steps brings its settings.
    fn add_lora(&mut self, path: &Path) {
        let name = path.to_string_lossy().into_owned();
        let mut loras = self.draft.settings.loras.clone();
        if !loras.0.iter().any(|known| known.name == name) {
            loras.0.push(LoraUse::new(name.clone()));
        }
        self.draft.set(&PartialSettings { loras: Some(loras), ..Default::default() });
        let said = match suiting(&name) {
            Some((_, suits)) => {
                self.draft.set(&suits);
                Message::With("lora-added-suits", file_name(path))
            }
            None => Message::With("lora-added", file_name(path)),
        };
        self.toasts.notice(said, None);
    }

    fn add_embedding(&mut self, path: &Path) {
        let mut embeddings = self.draft.settings.embeddings.clone();
        let name = path.to_string_lossy().into_owned();
        if !embeddings.0.contains(&name) {
            embeddings.0.push(name);
        }
        self.draft.set(&PartialSettings { embeddings: Some(embeddings), ..Default::default() });
        self.toasts.notice(Message::With("embedding-added", file_name(path)), None);
    }

    fn was_interrupted(&mut self, settings: Vec<Settings>) {
        let Some(first) = settings.first() else { return };
        let said = Message::Counted("interrupted", settings.len(), first.prompt.clone());
        self.toasts.notice(said, Some(Act::DevelopAgain));
        self.interrupted = settings;
    }

    fn trashed(&mut self, path: PathBuf) {
        let negative = self.negative_of(&path);
        self.library.remove(&path);
        // Deleted again, or something new, after which nothing can be redone.
        if self.undeleted.pop_if(|undeleted| *undeleted == path).is_none() {
            self.undeleted.clear();
        }
        self.tray.lifted_last = false;
        self.toasts.notice(Message::With("deleted", file_name(&path)), Some(Act::UndoDelete));
        self.deleted.push(path);
        self.offer_negative(negative);
    }

    fn untrashed(&mut self, record: Arc<Record>) {
        self.deleted.retain(|deleted| *deleted != record.path);
        self.undeleted.push(record.path.clone());
        self.toasts.settle(Act::UndoDelete);
        self.library.add(record);
    }

    /// Asks for what a picture was made from, or tells that it does not name it.
    fn began(&mut self, began: Began) -> Vec<Consequence> {
        match began {
            Began::FromNoise => Vec::new(),
            Began::From(beginning) => {
                vec![Consequence::Ask(Task::Photo(Wanted::Beginning(beginning)))]
            }
            Began::Unnamed => {
                self.toasts.notice(Note::Source(SourceNote::Unnamed).sentence().into(), None);
                Vec::new()
            }
        }
    }

    fn use_recovered(&mut self, settings: &PartialSettings, foreign_sampler: Option<String>, path: &Path) {
        let told = if settings.missing().is_empty() { "settings-from" } else { "settings-from-partly" };
        let settings = settings.over(&self.draft.settings);
        match foreign_sampler {
            Some(sampler) => self.use_foreign_settings(settings, path, sampler),
            None => {
                self.use_settings(settings);
                self.toasts.notice(Message::With(told, file_name(path)), Some(Act::WorkFrom));
            }
        }
    }
}
