//! `ModelError`: why a config and weights gave no model.

use crate::config::ConfigError;
use crate::ops;
use crate::told::Told;

/// Why a config and weights gave no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The config is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights do not fit it, or reading was stopped.
    #[error(transparent)]
    Ops(#[from] ops::Error),
    /// A first stage whose decoder lacks a tensor.
    #[error("expected a whole VAE, found no whole decoder in it (no {missing}); use a whole model or VAE")]
    NoWholeDecoder {
        /// The first name that is missing.
        missing: String,
    },
}

impl Told for ModelError {
    fn key(&self) -> &'static str {
        match self {
            Self::Config(error) => error.key(),
            Self::Ops(error) => error.key(),
            Self::NoWholeDecoder { .. } => "error-no-whole-decoder",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Config(error) => error.values(),
            Self::Ops(error) => error.values(),
            Self::NoWholeDecoder { .. } => Vec::new(),
        }
    }
}
