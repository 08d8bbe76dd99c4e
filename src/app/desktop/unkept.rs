//! Finished pictures that could not be written yet. They are tried again when another folder is
//! chosen, when a later one succeeds, and at the end.

use std::path::Path;
use std::time::SystemTime;

use crate::app::services::Record;
use crate::message::JobId;
use crate::picture::{self, Format, Frame, Made, PictureError};

/// Pictures that are held, the latest; a full-size one takes 800 KB.
const HELD_MAX: usize = 64;

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
    pub(super) fn save(&self, folder: &Path) -> Result<Record, PictureError> {
        let settings = &self.made.settings;
        let stem = picture::stem(&settings.prompt, settings.seed);
        let path = picture::save_new(folder, &stem, Format::Png, &self.frame, &self.made)?;
        let modified = path.metadata().and_then(|metadata| metadata.modified());
        Ok(Record {
            modified: modified.unwrap_or_else(|_| SystemTime::now()),
            path,
            prompt: settings.prompt.clone(),
            settings: Some(Box::new(settings.clone().into())),
            foreign_sampler: None,
            made_by: self.made.made_by(),
            size: [self.frame.width, self.frame.height],
        })
    }
}

/// Those that are held, oldest first.
#[derive(Default)]
pub(super) struct Unkept(Vec<Finished>);

impl Unkept {
    pub(super) fn hold(&mut self, finished: Finished) {
        self.0.push(finished);
        let surplus = self.0.len().saturating_sub(HELD_MAX);
        for lost in self.0.drain(..surplus) {
            log::warn!("the picture of job {} was given up", lost.job.0);
        }
    }

    /// Tries again until one fails; answers with what was saved.
    pub(super) fn try_again(&mut self, folder: &Path) -> Vec<(JobId, Record)> {
        let mut saved = Vec::new();
        while let Some(finished) = self.0.first()
            && let Ok(record) = finished.save(folder)
        {
            saved.push((finished.job, record));
            self.0.remove(0);
        }
        saved
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
