//! `OpenError`: why a model could not be opened, in one sentence that names the file.

use std::path::{Path, PathBuf};

use crate::checkpoint::{self, Checkpoint, CheckpointError, ModelPart};
use crate::config::ConfigError;
use crate::model::ModelError;
use crate::ops;
use crate::told::Told;

/// Why a model could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The file or folder.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The two together.
    #[error("{}", with_file(error, file))]
    Model {
        /// The config where that is wrong, else the weights.
        file: PathBuf,
        /// What is wrong with it.
        error: ModelError,
    },
    /// A build without the starter.
    #[error(
        "this build carries no starter model; name a model with --model, or build with `--features starter`"
    )]
    NoStarter,
}

impl Told for OpenError {
    fn key(&self) -> &'static str {
        match self {
            Self::Checkpoint(error) => error.key(),
            Self::Config(error) => error.key(),
            Self::Model { error: ModelError::Config(_), .. } => "error-config-of-model",
            Self::Model { error: ModelError::Ops(ops::Error::Weights(_)), .. } => "error-weights-of-model",
            Self::Model { error, .. } => error.key(),
            Self::NoStarter => "error-no-starter",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Checkpoint(error) => error.values(),
            Self::Config(error) => error.values(),
            Self::Model { file, error } => {
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
                error.values().into_iter().chain([("file", name)]).collect()
            }
            Self::NoStarter => Vec::new(),
        }
    }
}

impl OpenError {
    /// Whether a stop flag ended it.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Model { error: ModelError::Ops(ops::Error::Stopped), .. })
            || matches!(self, Self::Checkpoint(CheckpointError { problem: checkpoint::Problem::Stopped, .. }))
    }

    /// Whether TAESD was found in place of a whole model.
    pub fn is_tiny_decoder(&self) -> bool {
        matches!(self, Self::Checkpoint(error) if error.is_tiny_decoder())
    }

    /// The part that was found in place of a whole model, if it can be laid over one.
    pub fn part(&self) -> Option<ModelPart> {
        match self {
            Self::Checkpoint(error) => error.part(),
            _ => None,
        }
    }
}

/// The sentence with the file at its end; what was read of a part of it is told with the part's own file.
fn with_file(error: &ModelError, file: &Path) -> String {
    let (sentence, file) = (error.to_string(), format!(": {}", file.display()));
    if sentence.contains(&file) { sentence } else { sentence + &file }
}

/// An error with the file that it is about: the config's, or the weights'.
pub fn of_model(error: ModelError, config_file: Option<&Path>, checkpoint: &Checkpoint) -> OpenError {
    let of_config = config_file.filter(|_| matches!(error, ModelError::Config(_)));
    OpenError::Model { file: of_config.unwrap_or(checkpoint.path()).to_owned(), error }
}
