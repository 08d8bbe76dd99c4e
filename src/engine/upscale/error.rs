//! `UpscaleError`: why a picture cannot be enlarged by an upscaler.

use crate::checkpoint::CheckpointError;
use crate::ops;
use crate::told::{Told, quoted};

/// Why an upscaler cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpscaleError {
    /// No such file.
    #[error(
        "expected an upscaler's file, or the name of one beside the model, found no {name:?}; give its path"
    )]
    Missing {
        /// The name or path.
        name: String,
    },
    /// A second pass by an upscaler, and none is named.
    #[error(
        "expected an upscaler for the second pass, found none; add --upscale FILE or leave its name out of --hires"
    )]
    Unnamed,
    /// The result would have too many pixels.
    #[error(
        "expected a picture that memory holds, found one of {width}x{height} behind the upscaler; enlarge a smaller one"
    )]
    TooLarge {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The network does not take it.
    #[error(transparent)]
    Ops(#[from] ops::Error),
}

impl Told for UpscaleError {
    fn key(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "error-no-such-upscaler",
            Self::Unnamed => "error-no-upscaler-named",
            Self::TooLarge { .. } => "error-upscaled-too-large",
            Self::Checkpoint(error) => error.key(),
            Self::Ops(error) => error.key(),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Missing { name } => vec![("name", quoted(name))],
            Self::Unnamed => Vec::new(),
            Self::TooLarge { width, height } => {
                vec![("width", width.to_string()), ("height", height.to_string())]
            }
            Self::Checkpoint(error) => error.values(),
            Self::Ops(error) => error.values(),
        }
    }
}
