//! What can go wrong in an operation.

use crate::told::Told;

/// Why an operation gave no tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stop flag was raised.
    #[error("stopped")]
    Stopped,
    /// Weights that are not there, or of another shape than the network's.
    #[error("{0}")]
    Weights(String),
    /// A choice of device or arithmetic that cannot be had.
    #[error("{0}")]
    Device(String),
    /// Shapes that do not fit each other.
    #[error("{0}")]
    Shape(String),
    /// The backend failed (out of memory, a driver's fault).
    #[error("the {device} failed in {operation}: {cause}")]
    Backend {
        /// "CPU", "CUDA GPU", …
        device: &'static str,
        /// What was being computed.
        operation: &'static str,
        /// The backend's own words.
        cause: String,
    },
}

impl Told for Error {
    fn key(&self) -> &'static str {
        match self {
            Self::Stopped => "error-stopped",
            Self::Weights(_) => "error-weights",
            Self::Device(_) => "error-device",
            Self::Shape(_) => "error-shape",
            Self::Backend { .. } => "error-backend",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Backend { device, .. } => vec![("device", (*device).to_owned())],
            Self::Stopped | Self::Weights(_) | Self::Device(_) | Self::Shape(_) => Vec::new(),
        }
    }
}

/// A tensor, or why not.
pub type Result<T> = std::result::Result<T, Error>;

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Backend { device: "tensor library", operation: "an operation", cause: error.to_string() }
    }
}
