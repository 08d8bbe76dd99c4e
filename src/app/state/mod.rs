//! The state of the window: plain data, changed by events and answers, drawn by `ui`.
//!
//! Invariant: events of a job that the inference thread no longer holds change nothing. What an
//! event asks for in turn is returned as [`Consequence`]s; nothing here sends, draws or waits.

pub(in crate::app) mod answers;
pub mod concepts;
pub mod draft;
pub(in crate::app) mod events;
pub mod examples;
pub mod generation;
pub(in crate::app) mod kept;
pub mod lens;
pub mod library;
pub mod models;
pub mod negatives;
pub(in crate::app) mod opening;
pub mod panels;
pub mod queue;
mod sheets;
pub mod shown;
pub(in crate::app) mod strip;
pub mod toasts;
pub mod tray;

use std::path::{Path, PathBuf};

use crate::app::command::Act;
use crate::app::i18n::{Message, file_name};
use crate::app::services::Task;
use crate::app::sheets::Sheets;
use crate::app::state::draft::Draft;
use crate::app::state::lens::LensState;
use crate::app::state::library::Library;
use crate::app::state::models::Models;
use crate::app::state::models::transfers::Transfers;
use crate::app::state::negatives::Negatives;
use crate::app::state::queue::{Begun, Queue};
use crate::app::state::shown::{Compare, Shown};
use crate::app::state::toasts::Toasts;
use crate::app::state::tray::Tray;
use crate::engine::at_present_size;
use crate::grammar::Style;
use crate::message::{Compute, DeviceOffer, ModelInfo, ModelSource, Report, Request};
use crate::phrasebook::Phrases;
use crate::picture::MadeBy;
use crate::preferences::Memory;
use crate::sampler::SamplerKind;
use crate::settings::{PartialSettings, Settings};
use crate::told::Told as _;

/// The model, as the window knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelState {
    /// The model that is open.
    pub info: Option<Box<ModelInfo>>,
    /// The file being read, and the share of it that is done.
    pub loading: Option<(String, f32)>,
    /// The model that could not be opened, and why.
    pub failed: Option<(ModelSource, Report)>,
    /// Whether the starter is being opened in its place.
    pub stands_in: bool,
}

/// Where and how the model computes.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputeState {
    /// Devices and precisions to choose from.
    pub offers: Vec<DeviceOffer>,
    /// The choice in force.
    pub chosen: Compute,
    /// The choice whose model is still being opened.
    pub asked: Option<Compute>,
}

impl ComputeState {
    /// With nothing asked for.
    pub fn new(offers: Vec<DeviceOffer>, chosen: Compute) -> Self {
        Self { offers, chosen, asked: None }
    }
}

/// The dialog over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlay {
    /// No dialog is open.
    #[default]
    Nothing,
    /// The command palette.
    Palette,
    /// The settings of the program: language, theme, folder.
    Settings,
    /// What is asked of a sheet.
    Sheet,
    /// The library of models, to choose from.
    Models,
    /// The folders of the library.
    ModelsFolders,
    /// Where to download a model from.
    GetModel,
    /// The question whether to close with work in progress.
    Closing,
}

impl Overlay {
    /// Whether it is about the library of models.
    pub fn is_of_models(self) -> bool {
        matches!(self, Self::Models | Self::ModelsFolders | Self::GetModel)
    }
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Consequence {
    /// Sends a request to the inference thread.
    Send(Box<Request>),
    /// Asks the services for a task.
    Ask(Task),
    /// Announces a message to screen readers.
    Announce(Message),
    /// Notifies a user who looks elsewhere, unless more work waits: something long has ended.
    Notify(Message),
    /// Brings the window to the front.
    Front,
}

/// Everything that the window knows.
#[derive(Debug)]
pub struct State {
    /// The model, open or being opened.
    pub model: ModelState,
    /// The device and precision that it computes with.
    pub compute: ComputeState,
    /// The settings being chosen.
    pub draft: Draft,
    /// Jobs: running, waiting and done.
    pub queue: Queue,
    /// What is on the canvas.
    pub shown: Shown,
    /// The picture that the next run begins from.
    pub tray: Tray,
    /// The pictures of the gallery's folder.
    pub library: Library,
    /// The library of models, and downloads.
    pub models: Models,
    /// The kept runs.
    pub negatives: Negatives,
    /// Lists of words, and styles.
    pub phrases: Phrases,
    /// The style that was deleted last.
    pub deleted_style: Option<Style>,
    /// Pictures that form side by side.
    pub sheets: Sheets,
    /// Two pictures under a wipe.
    pub compare: Option<Compare>,
    /// Where words and guidance act, while somebody looks.
    pub lens: LensState,
    /// Messages to the user.
    pub toasts: Toasts,
    /// Why the inference thread is gone, if it is.
    pub dead: Option<Report>,
    /// The dialog over the window.
    pub overlay: Overlay,
    /// The step that playback is at, if the generation plays.
    pub playing: Option<usize>,
    /// Whether the negative prompt is shown.
    pub negative_open: bool,
    /// Pictures deleted, the last one last.
    pub deleted: Vec<PathBuf>,
    /// Deleted pictures that were restored, the last one last.
    pub undeleted: Vec<PathBuf>,
    /// The negative of the picture that was deleted last, which is offered to be deleted too.
    pub orphan: Option<String>,
    /// Finished pictures that could not be saved.
    pub unsaved: usize,
    /// The jobs of an earlier session that crashed or was killed.
    pub interrupted: Vec<Settings>,
    /// What is remembered between starts.
    pub preferences: Memory,
}

impl State {
    /// The state at the start, from what was remembered.
    pub fn new(remembered: Memory, compute: ComputeState) -> Self {
        let first = crate::app::state::draft::first_settings();
        let mut settings = remembered.settings.over(&first);
        if remembered.sized_for.is_none() {
            // The file does not say which model the size was chosen for.
            (settings.width, settings.height) = (first.width, first.height);
        }
        let mut draft = Draft::new(settings);
        draft.touched = !remembered.settings.is_empty();
        draft.previews = remembered.previews;
        draft.count = remembered.count.map_or(1, |count| count as usize);
        draft.seed_locked = remembered.seed_locked;
        if !draft.seed_locked && remembered.settings.seed.is_some() {
            // The remembered one has made its picture.
            draft.new_seed();
        }
        draft.history = remembered.history.clone();
        let transfers = Transfers::of_remembered(&remembered.downloads);
        let mut toasts = Toasts::default();
        if let Some(first) = transfers.list.first() {
            let said = Message::Counted("downloads-paused", transfers.list.len(), first.name.clone());
            toasts.notice(said, Some(Act::GoOnDownloads));
        }
        Self {
            model: ModelState::default(),
            compute,
            negative_open: !draft.settings.negative_prompt.is_empty(),
            draft,
            queue: Queue::default(),
            shown: Shown::Nothing,
            tray: Tray::default(),
            library: Library::default(),
            models: Models::new(transfers),
            negatives: Negatives::default(),
            phrases: Phrases::default(),
            deleted_style: None,
            sheets: Sheets::default(),
            compare: None,
            lens: LensState::default(),
            toasts,
            dead: None,
            overlay: Overlay::Nothing,
            playing: None,
            deleted: Vec::new(),
            undeleted: Vec::new(),
            orphan: None,
            unsaved: 0,
            interrupted: Vec::new(),
            preferences: remembered,
        }
    }

    /// The preferences to write now.
    pub fn remembered(&self) -> Memory {
        Memory {
            settings: self.draft.remembered().into(),
            previews: self.draft.previews,
            seed_locked: self.draft.seed_locked,
            count: Some(self.draft.count as u32),
            history: self.draft.history.clone(),
            downloads: self.models.transfers.remembered(),
            ..self.preferences.clone()
        }
    }

    /// Whether a job runs or waits.
    pub fn is_busy(&self) -> bool {
        self.queue.running().is_some() || !self.queue.waiting.is_empty()
    }

    /// Hands the next waiting job over, if nothing runs.
    pub fn begin_next(&mut self) -> Vec<Consequence> {
        if self.dead.is_some() {
            return Vec::new();
        }
        let before = self.queue.generations.last().map(|generation| generation.job.id);
        let Some(begun) = self.queue.begin() else { return Vec::new() };
        let following = match &self.shown {
            Shown::Nothing => true,
            Shown::Generation { job, step } => step.is_none() && Some(*job) == before,
            // What was picked shows itself in its cell.
            Shown::Record(_) | Shown::Sheet(_) | Shown::Tray => false,
        };
        if let Some(job) = begun.jobs.first().filter(|_| following) {
            self.shown = match begun.sheet {
                Some((sheet, _)) => Shown::Sheet(sheet),
                None => Shown::Generation { job: job.id, step: None },
            };
            self.compare = None;
        }
        self.hand_over(begun)
    }

    /// Sends what is begun; without a model it waits for one.
    pub(super) fn hand_over(&mut self, begun: Begun) -> Vec<Consequence> {
        if self.model.info.is_none() {
            return Vec::new();
        }
        for job in &begun.jobs {
            if let Some(running) = self.queue.running_as(job.id) {
                running.sent = true;
            }
        }
        begun.request().map(|request| Consequence::Send(Box::new(request))).into_iter().collect()
    }

    /// Returns a picture's settings; those of a former starter's picture are brought to its present size,
    /// with a notice.
    pub(super) fn at_present_size(&mut self, found: PartialSettings, made_by: &MadeBy) -> PartialSettings {
        let grown = self.model.info.as_ref().and_then(|info| at_present_size(&found, made_by, info));
        let Some((grown, note)) = grown else { return found };
        self.toasts.notice(note.sentence().into(), None);
        grown
    }

    /// Takes over settings as a whole, the seed included.
    pub fn use_settings(&mut self, settings: Settings) {
        self.negative_open = !settings.negative_prompt.is_empty();
        self.draft.adopt(settings);
        self.draft.touched = true;
    }

    /// Takes over the settings of a picture whose sampler is missing here, with a notice that
    /// names the one used instead.
    pub(super) fn use_foreign_settings(&mut self, settings: Settings, path: &Path, sampler: String) {
        let used = SamplerKind::default();
        self.use_settings(Settings { sampler: used, ..settings });
        let values =
            vec![("what", file_name(path)), ("sampler", sampler), ("used", used.row().a1111.to_owned())];
        self.toasts.notice(Message::Values("settings-from-other", values), None);
    }
}
