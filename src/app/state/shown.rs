//! What is on the canvas, and what is known of it.

use std::path::{Path, PathBuf};

use crate::app::picture::Picture;
use crate::app::sheets::SheetId;
use crate::app::state::State;
use crate::app::state::generation::Generation;
use crate::message::JobId;
use crate::picture::Made;
use crate::settings::Settings;

/// What is on the canvas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// No picture: the first screen.
    #[default]
    Nothing,
    /// A generation: one step, or its newest state.
    Generation {
        /// The job that the generation carries out.
        job: JobId,
        /// The step, from 0; none is the newest.
        step: Option<usize>,
    },
    /// A picture of the gallery.
    Record(PathBuf),
    /// Pictures that form side by side.
    Sheet(SheetId),
    /// The picture that the next run begins from.
    Tray,
}

/// The picture at the right of a wipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// A picture of the gallery.
    Record(PathBuf),
    /// A generation's newest state.
    Generation(JobId),
}

/// Two pictures under a wipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// The picture at the right.
    pub with: Beside,
    /// Where the line is, 0 to 1 across the picture.
    pub wipe: f32,
}

impl State {
    /// The generation on the canvas.
    pub fn generation(&self) -> Option<&Generation> {
        match &self.shown {
            Shown::Generation { job, .. } => self.queue.generation(*job),
            _ => None,
        }
    }

    /// Takes over the settings of what is on the canvas.
    pub fn use_shown_settings(&mut self) {
        let Some(settings) = self.shown_settings() else { return };
        let record = match &self.shown {
            Shown::Record(path) => self.library.record(path).cloned(),
            _ => None,
        };
        let Some((record, found)) = record.as_ref().and_then(|it| Some((it, it.settings()?))) else {
            return self.use_settings(settings);
        };
        let settings = self.at_present_size(found.clone(), &record.made_by()).over(&self.draft.settings);
        match record.foreign_sampler() {
            Some(sampler) => self.use_foreign_settings(settings, &record.path, sampler.to_owned()),
            None => self.use_settings(settings),
        }
    }

    /// The picture on the canvas: in full if it is here, else its thumbnail.
    pub fn picture(&self) -> Option<&Picture> {
        match &self.shown {
            Shown::Nothing | Shown::Sheet(_) => None,
            Shown::Tray => self.tray.laid.as_ref().map(|laid| &laid.picture),
            Shown::Generation { job, step } => {
                let (generation, step) = (self.queue.generation(*job)?, self.playing.or(*step));
                // The strip may be there before the picture itself is read again.
                let whole = || self.full(generation.saved.as_deref()?);
                let is_whole = step.is_none() && generation.result.is_none();
                is_whole
                    .then(whole)
                    .flatten()
                    .or_else(|| generation.picture(step))
                    .or_else(|| self.begun_from(generation))
            }
            Shown::Record(path) => self.full(path),
        }
    }

    /// What a run begins from that has no picture of its own yet, where that is on the tray.
    fn begun_from(&self, generation: &Generation) -> Option<&Picture> {
        let source = generation.job.source.as_ref().filter(|_| generation.stage.is_open())?;
        let laid = self.tray.laid.as_ref().filter(|laid| laid.treatment.outpaint.is_none())?;
        (laid.from == source.picture && source.mask.is_some()).then_some(&laid.picture)
    }

    /// A picture of the gallery in full if it is here, else its thumbnail.
    pub fn full(&self, path: &Path) -> Option<&Picture> {
        self.library.full(path).or_else(|| self.library.thumbnail(path))
    }

    /// The picture at the right of a wipe.
    pub fn beside(&self, with: &Beside) -> Option<&Picture> {
        match with {
            Beside::Record(path) => self.full(path),
            Beside::Generation(job) => self.queue.generation(*job)?.picture(None),
        }
    }

    /// The settings of what is on the canvas.
    pub fn shown_settings(&self) -> Option<Settings> {
        match &self.shown {
            Shown::Nothing | Shown::Sheet(_) | Shown::Tray => None,
            Shown::Generation { job, .. } => {
                let generation = self.queue.generation(*job)?;
                Some(generation.made.as_ref().map_or(&generation.job.settings, |made| &made.settings).clone())
            }
            Shown::Record(path) => Some(self.library.record(path)?.settings()?.over(&self.draft.settings)),
        }
    }

    /// The file of what is on the canvas.
    pub fn shown_path(&self) -> Option<&Path> {
        match &self.shown {
            Shown::Nothing | Shown::Sheet(_) | Shown::Tray => None,
            Shown::Generation { step: Some(_), .. } => None,
            Shown::Generation { job, step: None } => self.queue.generation(*job)?.saved.as_deref(),
            Shown::Record(path) => Some(path),
        }
    }

    /// How what is on the canvas was made, for files: a step's own numbers where one is shown.
    pub fn shown_made(&self) -> Option<Box<Made>> {
        let Shown::Generation { job, step } = self.shown else { return None };
        let generation = self.queue.generation(job)?;
        if let (Some(made), None) = (&generation.made, step) {
            return Some(made.clone());
        }
        let (model, hash) = match (&generation.made, &self.model.info) {
            (Some(made), _) => (made.model.as_str(), made.model_hash.as_str()),
            (None, Some(info)) => (info.name.as_str(), info.hash.as_deref().unwrap_or_default()),
            (None, None) => return None,
        };
        let done = step.map_or(generation.done, |step| step + 1);
        let guidance: Vec<f64> =
            generation.steps.iter().take(done).filter_map(|view| view.guidance).collect();
        let settings = &generation.job.settings;
        Some(Box::new(Made::new(settings, generation.steps.len(), &guidance, model, hash)))
    }
}
