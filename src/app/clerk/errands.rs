//! Errands: what the clerk's thread does, one after the other. Each ends in at most one answer.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::app::services::{Answer, Record};
use crate::message::{JobId, Report};
use crate::picture::animation::{self, Timing};
use crate::picture::{self, Format, Frame, Made, PictureError};

/// One errand.
pub enum Errand {
    /// Keep a finished picture in the folder.
    Keep {
        /// The folder.
        folder: PathBuf,
        /// The job that made it.
        job: JobId,
        /// Its pixels.
        frame: Frame,
        /// How it was made.
        made: Box<Made>,
    },
    /// Save a picture where a person said.
    Write {
        /// Where; an existing file is replaced, as the dialog asked.
        path: PathBuf,
        /// The pixels.
        frame: Frame,
        /// How they were made, where known.
        made: Option<Box<Made>>,
    },
    /// Save an animation where a person said.
    Animate {
        /// Where.
        path: PathBuf,
        /// All frames.
        frames: Vec<Frame>,
        /// How they were made, where known.
        made: Option<Box<Made>>,
    },
    /// Read a picture in full.
    Read(PathBuf),
    /// Find out what a file is.
    Examine(PathBuf),
    /// Show a file in its folder.
    Reveal(PathBuf),
    /// Show a folder, made if missing.
    OpenFolder(PathBuf),
}

impl Errand {
    /// Does it.
    pub fn run(self) -> Option<Answer> {
        match self {
            Self::Keep { folder, job, frame, made } => Some(keep(&folder, job, &frame, &made)),
            Self::Write { path, frame, made } => {
                Some(saved(picture::write_to(&path, true, &frame, made.as_deref())))
            }
            Self::Animate { path, frames, made } => {
                Some(saved(animation::export(&path, true, &frames, Timing::default(), made.as_deref())))
            }
            Self::Read(path) => Some(match picture::open::open(&path) {
                Ok(frame) => Answer::Read { path, frame },
                Err(error) => failed(&error),
            }),
            Self::Examine(path) => Some(examine(path)),
            Self::Reveal(path) => opened(opener::reveal(&path), &path),
            Self::OpenFolder(path) => {
                if let Err(error) = std::fs::create_dir_all(&path) {
                    return Some(refused(&path, &error.to_string()));
                }
                opened(opener::open(&path), &path)
            }
        }
    }
}

fn keep(folder: &Path, job: JobId, frame: &Frame, made: &Made) -> Answer {
    let stem = picture::stem(&made.settings.prompt, made.settings.seed);
    match picture::save_new(folder, &stem, Format::Png, frame, made) {
        Ok(path) => {
            let record = Record {
                modified: modified(&path),
                path,
                prompt: made.settings.prompt.clone(),
                settings: Some(Box::new(made.settings.clone().into())),
                size: [frame.width, frame.height],
            };
            Answer::Kept { job, record: Box::new(record) }
        }
        Err(error) => failed(&error),
    }
}

fn modified(path: &Path) -> SystemTime {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or_else(|_| SystemTime::now())
}

/// A picture by its pixels; all else is taken for a model, which the inference thread judges.
fn examine(path: PathBuf) -> Answer {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if !["png", "jpg", "jpeg", "webp", "apng"].contains(&ending.as_str()) {
        return Answer::Model(path);
    }
    let frame = match picture::open::open(&path) {
        Ok(frame) => frame,
        Err(error) => return failed(&error),
    };
    match picture::read::recover(&path) {
        Ok(found) => {
            let settings =
                found.map(|found| Box::new(found.settings)).filter(|settings| !settings.is_empty());
            Answer::Recovered { path, settings, frame }
        }
        Err(error) => failed(&error),
    }
}

fn saved(outcome: Result<PathBuf, PictureError>) -> Answer {
    match outcome {
        Ok(path) => Answer::Saved(path),
        Err(error) => failed(&error),
    }
}

fn failed(error: &PictureError) -> Answer {
    let details = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Answer::Failed(Report { sentence: error.to_string(), details })
}

fn opened(outcome: Result<(), opener::OpenError>, path: &Path) -> Option<Answer> {
    outcome.err().map(|error| refused(path, &error.to_string()))
}

fn refused(path: &Path, why: &str) -> Answer {
    let sentence = format!("the system could not show {}; open it in your file manager", path.display());
    Answer::Failed(Report { sentence, details: why.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::draft::first_settings;

    fn frame() -> Frame {
        Frame { width: 8, height: 8, rgb: vec![90; 192].into() }
    }

    fn made() -> Box<Made> {
        Box::new(Made {
            settings: first_settings(),
            guidance_of_steps: Vec::new(),
            model: "Starter".into(),
            model_hash: "0123456789".into(),
            stopped_after: None,
        })
    }

    #[test]
    fn a_kept_picture_is_found_again_with_its_settings() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("Safelight");
        let kept = Errand::Keep { folder: place, job: JobId(3), frame: frame(), made: made() }.run();
        let Some(Answer::Kept { job: JobId(3), record }) = kept else { panic!("{kept:?}") };
        assert!(record.path.ends_with("a-fox-on-a-green-background-2026.png"), "{}", record.path.display());
        let examined = Errand::Examine(record.path.clone()).run();
        let Some(Answer::Recovered { settings: Some(settings), .. }) = examined else {
            panic!("{examined:?}")
        };
        assert_eq!(
            settings.over(&crate::app::draft::Draft::new(first_settings()).settings),
            first_settings()
        );
        assert!(matches!(Errand::Read(record.path).run(), Some(Answer::Read { .. })));
    }

    #[test]
    fn a_development_is_written_as_an_animation_and_a_missing_picture_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fox.gif");
        let told = Errand::Animate { path: path.clone(), frames: vec![frame(); 3], made: None }.run();
        assert_eq!(told, Some(Answer::Saved(path)));
        let told = Errand::Read(folder.path().join("gone.png")).run();
        assert!(matches!(told, Some(Answer::Failed(_))), "{told:?}");
        let model = folder.path().join("v1.ckpt");
        assert_eq!(Errand::Examine(model.clone()).run(), Some(Answer::Model(model)));
    }
}
