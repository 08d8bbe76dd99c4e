//! The outcome of a dialog: a file to write, a model or a picture to open.

use std::path::{Path, PathBuf};

use crate::app::services::Answer;
use crate::message::Report;
use crate::picture::animation::{self, Timing};
use crate::picture::{self, Frame, Made, PictureError, contact_print};
use crate::told::Sentence;

/// What the user chose in a dialog, or what is done where the system has none.
pub(super) enum DialogOutcome {
    /// Write a file.
    Write {
        /// The content.
        content: Content,
        /// The file.
        path: PathBuf,
        /// Whether an existing file is replaced, which the dialog has asked.
        force: bool,
        /// Reported afterwards in place of the name, where there was no dialog.
        sentence: Option<Sentence>,
    },
    /// Examine a file.
    Examine(PathBuf),
    /// Lay a picture on the tray.
    Photo(PathBuf),
    /// Take a mask for the picture on the tray.
    Mask {
        /// The file.
        path: PathBuf,
        /// The picture's width and height.
        size: [usize; 2],
    },
    /// Report this to the window.
    Tell(Answer),
    /// Add a folder of models.
    AddModels(PathBuf),
}

/// The content of a file.
pub(super) enum Content {
    /// A picture.
    Picture {
        /// The pixels.
        frame: Frame,
        /// How they were made, where known.
        made: Option<Box<Made>>,
    },
    /// The steps of a generation side by side.
    Strip {
        /// All frames, of one size.
        frames: Vec<Frame>,
        /// How they were made, where known.
        made: Option<Box<Made>>,
    },
    /// A generation.
    Animation {
        /// All frames, the finished picture last.
        frames: Vec<Frame>,
        /// How they were made, where known.
        made: Option<Box<Made>>,
    },
}

impl Content {
    /// Writes a file whose ending says the kind, its folder made if missing.
    pub(super) fn write(&self, path: &Path, force: bool) -> Result<PathBuf, PictureError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| PictureError::Write { path: path.to_owned(), source })?;
        }
        match self {
            Self::Picture { frame, made } => picture::write_to(path, force, frame, made.as_deref()),
            Self::Strip { frames, made } => {
                picture::write_to(path, force, &contact_print(frames), made.as_deref())
            }
            Self::Animation { frames, made } => {
                animation::export(path, force, frames, Timing::default(), made.as_deref())
            }
        }
    }
}

/// The answer that reports a picture's error.
pub(super) fn failed(error: &PictureError) -> Answer {
    Answer::Failed(Report::of(error))
}
