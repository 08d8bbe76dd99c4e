//! Why a phrasebook cannot be used.

use std::io;
use std::path::PathBuf;

use crate::told::Told;

/// Why a phrasebook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PhraseError {
    /// A file that cannot be read.
    #[error("cannot read the styles in {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write the styles to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A table of something else.
    #[error(
        "expected columns called name, prompt and negative_prompt in {path}, found none called name; correct its first \
         line"
    )]
    NoNames {
        /// The file.
        path: PathBuf,
    },
    /// A style that is not there.
    #[error("expected a style called {name:?} in {path}, found {known}; correct the name or add it there")]
    NoStyle {
        /// What was asked for.
        name: String,
        /// The file.
        path: PathBuf,
        /// Those that are there.
        known: String,
    },
    /// A system without a place for such files.
    #[error("this system has no folder for styles; set SAFELIGHT_HOME to one")]
    NoPlace,
}

impl Told for PhraseError {
    fn key(&self) -> &'static str {
        match self {
            Self::Read { .. } => "error-styles-read",
            Self::Write { .. } => "error-styles-write",
            Self::NoNames { .. } => "error-styles-names",
            Self::NoStyle { .. } => "error-style-missing",
            Self::NoPlace => "error-styles-place",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Read { path, .. } | Self::Write { path, .. } | Self::NoNames { path } => {
                vec![("file", path.display().to_string())]
            }
            Self::NoStyle { name, known, .. } => vec![("name", name.clone()), ("known", known.clone())],
            Self::NoPlace => Vec::new(),
        }
    }
}
