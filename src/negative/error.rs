//! `NegativeError`: why a negative cannot be had, in one sentence.

use std::io;
use std::path::{Path, PathBuf};

/// Why a negative cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NegativeError {
    /// There is no store, or it cannot be read or written.
    #[error("expected a folder for negatives that can be used, found that it cannot ({cause}): {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// No negative has this id.
    #[error("expected the id of a kept negative, found {id:?}; `safelight negatives list` has them all")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// Several ids begin like this.
    #[error("expected one negative, found {count} whose ids begin with {id:?}; write more of it")]
    Several {
        /// What was asked for.
        id: String,
        /// How many there are.
        count: usize,
    },
    /// The file is no negative, or one of a later program.
    #[error("expected a negative, found {found}: {}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// Another process records into it.
    #[error(
        "expected a run that rests, found that {id} is being made by another window or command; stop it there first"
    )]
    Busy {
        /// The negative.
        id: String,
    },
    /// The step was not made, or not kept.
    #[error("expected a step up to {last} of {id}, found {step}")]
    Step {
        /// The negative.
        id: String,
        /// What was asked for.
        step: usize,
        /// The last one.
        last: usize,
    },
    /// The step's picture was left out.
    #[error(
        "step {step} of {id} has no predicted picture, since the disk was too slow for it; take another step"
    )]
    NoPicture {
        /// The negative.
        id: String,
        /// The step.
        step: usize,
    },
}

impl NegativeError {
    /// What the system says of a file.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<'_> {
        |cause| Self::Io { path: path.to_owned(), cause }
    }

    pub(super) fn damaged(path: &Path, found: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), found: found.into() }
    }
}
