//! Finished pictures that could not be written yet. They are tried again when another folder is
//! chosen, when a later one succeeds, when the user asks, and at the end.
//!
//! Invariant: none is dropped. Each is held in memory and, where that can be written, as a file in the
//! session's folder, which the next start takes over.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::write_atomically;
use crate::gallery::Record;
use crate::message::JobId;
use crate::picture::{self, Format, Frame, Made, PictureError};

/// A finished picture.
pub(super) struct Finished {
    /// The job that made it.
    pub(super) job: JobId,
    /// Its pixels.
    pub(super) frame: Frame,
    /// How it was made.
    pub(super) made: Box<Made>,
}

impl Finished {
    /// Saves it in a folder, under a name of its prompt and seed.
    pub(super) fn save(&self, folder: &Path) -> Result<Arc<Record>, PictureError> {
        let settings = &self.made.settings;
        let stem = picture::stem(&settings.prompt, settings.seed);
        let path = picture::save_new(folder, &stem, Format::Png, &self.frame, &self.made)?;
        Ok(Arc::new(Record::of_saved(path, &self.frame, &self.made)))
    }
}

/// A picture that waits to be saved.
struct Held {
    /// None for one of an earlier session, which is a file alone.
    finished: Option<Finished>,
    /// Its file in the session's folder.
    aside: Option<PathBuf>,
}

/// A held picture that was saved.
pub(super) enum Saved {
    /// One of this session is in its place.
    OfJob(JobId, Arc<Record>),
    /// One of an earlier session is.
    OfEarlier(PathBuf),
}

/// Those that are held, oldest first.
#[derive(Default)]
pub(super) struct Unsaved {
    held: Vec<Held>,
    /// The folder for their files.
    aside: Option<PathBuf>,
}

impl Unsaved {
    /// With what an earlier session has left; files go to `aside`.
    pub(super) fn new(aside: Option<PathBuf>, left: Vec<PathBuf>) -> Self {
        let held = left.into_iter().map(|file| Held { finished: None, aside: Some(file) }).collect();
        Self { held, aside }
    }

    pub(super) fn hold(&mut self, finished: Finished) {
        let saved = self.aside.as_ref().map(|folder| finished.save(folder));
        let aside = saved.and_then(|saved| {
            saved.inspect_err(|error| log::warn!("a picture is held in memory alone: {error}")).ok()
        });
        self.held.push(Held { finished: Some(finished), aside: aside.map(|record| record.path.clone()) });
    }

    /// Tries again until one fails; returns what was saved, and the error that ended it.
    pub(super) fn try_again(&mut self, folder: &Path) -> (Vec<Saved>, Option<PictureError>) {
        let mut saved = Vec::new();
        while let Some(held) = self.held.first() {
            match held.save(folder) {
                Ok(one) => saved.push(one),
                Err(error) => return (saved, Some(error)),
            }
            let held = self.held.remove(0);
            if let Some(aside) = held.aside
                && let Err(error) = std::fs::remove_file(&aside)
            {
                log::info!("{} was not removed: {error}", aside.display());
            }
        }
        (saved, None)
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The jobs of those of this session.
    pub(super) fn jobs(&self) -> Vec<JobId> {
        self.held.iter().filter_map(|held| Some(held.finished.as_ref()?.job)).collect()
    }
}

impl Held {
    fn save(&self, folder: &Path) -> Result<Saved, PictureError> {
        if let Some(finished) = &self.finished {
            return Ok(Saved::OfJob(finished.job, finished.save(folder)?));
        }
        let aside = self.aside.as_deref().unwrap_or(Path::new(""));
        let path = folder.join(aside.file_name().unwrap_or_default());
        let saved = std::fs::read(aside).and_then(|bytes| {
            std::fs::create_dir_all(folder)?;
            write_atomically(&path, &bytes, false)
        });
        saved.map(Saved::OfEarlier).map_err(|source| PictureError::Write { path, source })
    }
}
