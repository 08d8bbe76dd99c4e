//! The state of the window: plain data, changed by events and answers, drawn by the `*_ui` files.
//!
//! Invariant: events of a job that the inference thread no longer holds change nothing. What an
//! event asks for in turn comes back as [`Consequence`]s; nothing here sends, draws or waits.

pub(in crate::app) mod answers;
pub mod concepts;
pub(in crate::app) mod difference;
pub mod draft;
pub mod examples;
pub mod generation;
pub mod library;
pub mod memory;
pub(in crate::app) mod opening;
pub mod queue;
pub(in crate::app) mod status;
pub(in crate::app) mod strip;
pub mod toasts;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::command::Act;
use crate::app::services::{Record, Task};
use crate::app::state::draft::Draft;
use crate::app::state::generation::{Development, Picture, Stage};
use crate::app::state::library::Shelf;
use crate::app::state::queue::Desk;
use crate::app::state::toasts::{Cards, Said};
use crate::message::{Compute, DeviceOffer, Event, JobId, ModelInfo, ModelSource, Preview, Report, Request};
use crate::picture::{Frame, Made, MadeBy, PartialSettings, at_present_size};
use crate::preferences::Memory;
use crate::sampler::SamplerKind;
use crate::settings::Settings;
use crate::told::Told as _;

/// A person who waits for less than this has not turned to something else.
const LONG: Duration = Duration::from_secs(5);

/// What stands on the tray.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nothing yet.
    #[default]
    Nothing,
    /// A development: one step, or its newest state.
    Development {
        /// Which.
        job: JobId,
        /// The step, from 0; none is the newest.
        step: Option<usize>,
    },
    /// A picture of the gallery.
    Record(PathBuf),
}

/// The model, as the window knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelState {
    /// The model that is open.
    pub info: Option<Box<ModelInfo>>,
    /// What is being read, and how far it is.
    pub loading: Option<(String, f32)>,
    /// Why the last one could not be opened.
    pub failed: Option<(ModelSource, Report)>,
    /// Whether the starter is being opened in its place.
    pub stands_in: bool,
}

/// Where and how the model computes.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputeState {
    /// What can be chosen.
    pub offers: Vec<DeviceOffer>,
    /// What acts.
    pub chosen: Compute,
    /// What was asked for and is being opened.
    pub asked: Option<Compute>,
}

impl ComputeState {
    /// With nothing asked for.
    pub fn new(offers: Vec<DeviceOffer>, chosen: Compute) -> Self {
        Self { offers, chosen, asked: None }
    }
}

/// Two pictures under a wipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// The other picture.
    pub with: PathBuf,
    /// Where the line is, 0 to 1 across the picture.
    pub wipe: f32,
}

/// What is open over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// The command palette.
    Palette,
    /// The settings.
    Settings,
    /// The question whether to close with work in progress.
    Closing,
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Consequence {
    /// Hand this to the inference thread.
    Send(Request),
    /// Ask this of the services.
    Ask(Task),
    /// Tell those who listen to the window.
    Announce(Said),
    /// Tell those who look elsewhere, unless more work waits: something long has come to its end.
    Notify(Said),
    /// Bring the window to the front.
    Front,
}

/// Everything.
#[derive(Debug)]
pub struct State {
    /// The model.
    pub model: ModelState,
    /// Where it computes.
    pub compute: ComputeState,
    /// The settings being chosen.
    pub draft: Draft,
    /// Jobs.
    pub desk: Desk,
    /// What stands on the tray.
    pub shown: Shown,
    /// Kept pictures.
    pub shelf: Shelf,
    /// Two pictures under a wipe.
    pub compare: Option<Compare>,
    /// What is told.
    pub cards: Cards,
    /// Why the inference thread is gone, if it is.
    pub dead: Option<Report>,
    /// What is open over the window.
    pub over: Over,
    /// Whether the development is being played, and the step it is at.
    pub playing: Option<usize>,
    /// The negative prompt is shown.
    pub negative_open: bool,
    /// Pictures deleted, the last one last.
    pub deleted: Vec<PathBuf>,
    /// Those of them that were brought back, the last one last.
    pub undeleted: Vec<PathBuf>,
    /// Finished pictures that could not be saved.
    pub unsaved: usize,
    /// What an earlier session was making when it ended without order.
    pub interrupted: Vec<Settings>,
    /// What else is remembered.
    pub kept: Memory,
}

impl State {
    /// The state at the start, with what was remembered.
    pub fn new(kept: Memory, compute: ComputeState) -> Self {
        let first = crate::app::state::draft::first_settings();
        let mut settings = kept.settings.over(&first);
        if kept.sized_for.is_none() {
            // Nothing tells which model the size was chosen for.
            (settings.width, settings.height) = (first.width, first.height);
        }
        let mut draft = Draft::new(settings);
        draft.touched = !kept.settings.is_empty();
        draft.previews = kept.previews;
        draft.count = kept.count.map_or(1, |count| count as usize);
        draft.seed_locked = kept.seed_locked;
        if !draft.seed_locked && kept.settings.seed.is_some() {
            // The remembered one has made its picture.
            draft.new_seed();
        }
        draft.history = kept.history.clone();
        Self {
            model: ModelState::default(),
            compute,
            negative_open: !draft.settings.negative_prompt.is_empty(),
            draft,
            desk: Desk::default(),
            shown: Shown::Nothing,
            shelf: Shelf::default(),
            compare: None,
            cards: Cards::default(),
            dead: None,
            over: Over::Nothing,
            playing: None,
            deleted: Vec::new(),
            undeleted: Vec::new(),
            unsaved: 0,
            interrupted: Vec::new(),
            kept,
        }
    }

    /// What is to be remembered now.
    pub fn remembered(&self) -> Memory {
        Memory {
            settings: self.draft.settings.clone().into(),
            previews: self.draft.previews,
            seed_locked: self.draft.seed_locked,
            count: Some(self.draft.count as u32),
            history: self.draft.history.clone(),
            ..self.kept.clone()
        }
    }

    /// Whether a job runs or waits.
    pub fn is_busy(&self) -> bool {
        self.desk.running().is_some() || !self.desk.queue.is_empty()
    }

    /// Takes in what the inference thread tells.
    pub fn apply(&mut self, event: Event) -> Vec<Consequence> {
        match event {
            Event::Loading { part, share } => {
                self.model.loading = Some((part, share));
                Vec::new()
            }
            Event::Opened(info) => self.opened(info),
            Event::Hashed { hash } => {
                if let Some(info) = &mut self.model.info {
                    info.hash = Some(hash);
                }
                self.settle_size();
                Vec::new()
            }
            Event::OpenFailed { source, report, former_is_open } => {
                self.open_failed(source, report, former_is_open)
            }
            Event::Tokens { text, count } => {
                self.draft.counted(text, count);
                Vec::new()
            }
            Event::Decoded { job, step, frame } => self.decoded(job, step, frame),
            Event::Strip { job, from, frames, whole } => {
                self.strip_came(job, from, frames, whole);
                Vec::new()
            }
            Event::StripFailed { job, other_model } => {
                self.strip_failed(job, other_model);
                Vec::new()
            }
            Event::Died { report } => self.died(report),
            of_a_job => self.apply_to_job(of_a_job),
        }
    }

    fn apply_to_job(&mut self, event: Event) -> Vec<Consequence> {
        match event {
            Event::Started { job, timesteps, tokens, notes } => {
                if let Some(running) = self.desk.running_as(job) {
                    running.start(&timesteps, tokens, notes);
                    return vec![Consequence::Announce(Said::Key("announce-started"))];
                }
                Vec::new()
            }
            Event::Stepped(step) => {
                if let Some(running) = self.desk.running_as(step.job) {
                    running.step(&step);
                }
                Vec::new()
            }
            Event::Paused { job } => self.set_stage(job, Stage::Paused),
            Event::Resumed { job } => self.set_stage(job, Stage::Running),
            Event::Finished { job, frame, made, took } => {
                let Some(running) = self.desk.running_as(job) else { return Vec::new() };
                running.stage = Stage::Finished;
                running.done = running.steps.len();
                running.result = Some(Picture::new(frame.clone()));
                running.made = Some(made.clone());
                running.took = Some(took);
                let said = Said::Key("announce-finished");
                let announce = Consequence::Announce(said.clone());
                let mut follow = vec![Consequence::Ask(Task::Keep { job, frame, made }), announce];
                follow.extend(self.begin_next());
                follow.extend((took >= LONG).then_some(Consequence::Notify(said)));
                follow
            }
            Event::Stopped { job, steps_done, made, .. } => {
                let Some(running) = self.desk.running_as(job) else { return Vec::new() };
                running.stage = Stage::Stopped;
                running.made = Some(made);
                running.done = steps_done.min(running.steps.len());
                let mut follow = vec![Consequence::Announce(Said::Key("announce-stopped"))];
                follow.extend(self.begin_next());
                follow
            }
            Event::Failed { job, report } => {
                let Some(running) = self.desk.running_as(job) else { return Vec::new() };
                running.stage = Stage::Failed;
                let said = Said::from(report.sentence.clone());
                let mut follow = vec![Consequence::Announce(said.clone())];
                self.cards.error(report, None);
                follow.extend(self.begin_next());
                follow.push(Consequence::Notify(said));
                follow
            }
            _ => Vec::new(),
        }
    }

    /// Takes in a preview.
    pub fn preview(&mut self, preview: Preview) {
        // The last previews may overtake the end of their job: they still belong to it.
        let Some(development) = self.desk.development_mut(preview.job) else { return };
        let fresh = development.stage != Stage::Failed;
        if fresh {
            development.preview(preview);
            self.trim();
        }
    }

    fn set_stage(&mut self, job: JobId, stage: Stage) -> Vec<Consequence> {
        if let Some(running) = self.desk.running_as(job) {
            running.stage = stage;
        }
        Vec::new()
    }

    fn decoded(&mut self, job: JobId, step: usize, frame: Result<Frame, Report>) -> Vec<Consequence> {
        let Some(view) =
            self.desk.development_mut(job).and_then(|development| development.steps.get_mut(step))
        else {
            return Vec::new();
        };
        view.decoding = false;
        match frame {
            Ok(frame) => {
                view.picture = Some(Picture::new(frame));
                view.mode = crate::settings::PreviewMode::Full;
            }
            Err(report) => self.cards.error(report, None),
        }
        Vec::new()
    }

    /// The inference thread is gone.
    pub fn died(&mut self, report: Report) -> Vec<Consequence> {
        self.desk.abandon();
        self.model.loading = None;
        self.draft.counting = None;
        let said = Said::from(report.sentence.clone());
        self.cards.error(report.clone(), Some(Act::Restart));
        self.dead = Some(report);
        vec![Consequence::Announce(said.clone()), Consequence::Notify(said)]
    }

    /// Hands the next waiting job over, if nothing runs.
    pub fn begin_next(&mut self) -> Vec<Consequence> {
        if self.dead.is_some() {
            return Vec::new();
        }
        let before = self.desk.developments.last().map(|development| development.job.id);
        let Some(job) = self.desk.begin() else { return Vec::new() };
        let following = match &self.shown {
            Shown::Nothing => true,
            Shown::Development { job, step } => step.is_none() && Some(*job) == before,
            Shown::Record(_) => false,
        };
        if following {
            self.shown = Shown::Development { job: job.id, step: None };
            self.compare = None;
        }
        // Without a model it waits for one.
        let running = self.desk.running_mut().filter(|_| self.model.info.is_some());
        let send = running.map(|running| {
            running.sent = true;
            Consequence::Send(Request::Generate(job))
        });
        send.into_iter().collect()
    }

    /// A picture's settings; those of a former starter's at the size that it would have now, which is said.
    pub(super) fn at_present_size(&mut self, found: PartialSettings, made_by: &MadeBy) -> PartialSettings {
        let grown = self.model.info.as_ref().and_then(|info| at_present_size(&found, made_by, info));
        let Some((grown, note)) = grown else { return found };
        self.cards.notice(note.sentence().into(), None);
        grown
    }

    /// Takes over settings as a whole; the seed is the very one.
    pub fn use_settings(&mut self, settings: Settings) {
        self.negative_open = !settings.negative_prompt.is_empty();
        self.draft.adopt(settings);
        self.draft.touched = true;
    }

    /// Takes over the settings of a picture whose sampler we lack, and says what is used instead.
    pub(super) fn use_foreign_settings(&mut self, settings: Settings, path: &Path, sampler: String) {
        let used = SamplerKind::default();
        self.use_settings(Settings { sampler: used, ..settings });
        let values =
            vec![("what", file_name(path)), ("sampler", sampler), ("used", used.row().a1111.to_owned())];
        self.cards.notice(Said::Values("settings-from-other", values), None);
    }

    /// Takes over the settings of what is on the tray.
    pub fn use_shown_settings(&mut self) {
        let Some(settings) = self.shown_settings() else { return };
        let shown = match &self.shown {
            Shown::Record(path) => self.shelf.record(path).cloned(),
            _ => None,
        };
        let Some(Record { path, settings: Some(found), foreign_sampler, made_by, .. }) = shown else {
            return self.use_settings(settings);
        };
        let settings = self.at_present_size(*found, &made_by).over(&self.draft.settings);
        match foreign_sampler {
            Some(sampler) => self.use_foreign_settings(settings, &path, sampler),
            None => self.use_settings(settings),
        }
    }

    /// The development on the tray.
    pub fn development(&self) -> Option<&Development> {
        match &self.shown {
            Shown::Development { job, .. } => self.desk.development(*job),
            _ => None,
        }
    }

    /// The picture on the tray: the full one, else what is at hand of it.
    pub fn picture(&self) -> Option<&Picture> {
        match &self.shown {
            Shown::Nothing => None,
            Shown::Development { job, step } => {
                let (development, step) = (self.desk.development(*job)?, self.playing.or(*step));
                // The strip may be there before the picture itself is read again.
                let whole = || self.full(development.saved.as_deref()?);
                let is_whole = step.is_none() && development.result.is_none();
                is_whole.then(whole).flatten().or_else(|| development.picture(step))
            }
            Shown::Record(path) => self.full(path),
        }
    }

    /// A picture of the gallery, as good as it is at hand.
    pub fn full(&self, path: &Path) -> Option<&Picture> {
        self.shelf.full(path).or_else(|| self.shelf.thumbnail_at_hand(path))
    }

    /// The settings of what is on the tray.
    pub fn shown_settings(&self) -> Option<Settings> {
        match &self.shown {
            Shown::Nothing => None,
            Shown::Development { job, .. } => {
                let development = self.desk.development(*job)?;
                Some(
                    development
                        .made
                        .as_ref()
                        .map_or(&development.job.settings, |made| &made.settings)
                        .clone(),
                )
            }
            Shown::Record(path) => {
                Some(self.shelf.record(path)?.settings.as_deref()?.over(&self.draft.settings))
            }
        }
    }

    /// The file of what is on the tray.
    pub fn shown_path(&self) -> Option<&Path> {
        match &self.shown {
            Shown::Nothing => None,
            Shown::Development { step: Some(_), .. } => None,
            Shown::Development { job, step: None } => self.desk.development(*job)?.saved.as_deref(),
            Shown::Record(path) => Some(path),
        }
    }

    /// How what is on the tray was made, for files: a step's own numbers where one is shown.
    pub fn shown_made(&self) -> Option<Box<Made>> {
        let Shown::Development { job, step } = self.shown else { return None };
        let development = self.desk.development(job)?;
        if let (Some(made), None) = (&development.made, step) {
            return Some(made.clone());
        }
        let (model, hash) = match (&development.made, &self.model.info) {
            (Some(made), _) => (made.model.as_str(), made.model_hash.as_str()),
            (None, Some(info)) => (info.name.as_str(), info.hash.as_deref().unwrap_or_default()),
            (None, None) => return None,
        };
        let done = step.map_or(development.done, |step| step + 1);
        let guidance: Vec<f64> =
            development.steps.iter().take(done).filter_map(|view| view.guidance).collect();
        let settings = &development.job.settings;
        Some(Box::new(Made::new(settings, development.steps.len(), &guidance, model, hash)))
    }
}

/// A path's last part, for people.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
