//! `Error`: what can go wrong in an operation, as data; `told` gives each its sentence.

use std::path::PathBuf;

use super::cpu::{KernelError, OutOfMemory};
use crate::told::Told;

/// What errors and reports call a card that wgpu drives.
pub(super) const GRAPHICS_CARD: &str = "graphics card";

/// The reason why an operation made no tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stop flag was raised.
    #[error("stopped")]
    Stopped,
    /// A tensor that the network needs and the weights lack.
    #[error(
        "expected the tensor {name} of shape {shape:?}, found none in the weights; get the whole file, or give the \
         config that belongs to it"
    )]
    NoTensor {
        /// Its name in the file.
        name: String,
        /// The shape asked for.
        shape: Vec<usize>,
    },
    /// Weights of another shape than the network's, or that cannot be read.
    #[error("{0}")]
    Weights(String),
    /// A file that weights are read from is no longer the one that was opened.
    #[error("the model file has changed since it was opened; open it again: {}", path.display())]
    FileChanged {
        /// The model file.
        path: PathBuf,
    },
    /// A file that weights are read from can no longer be read, e.g. on a drive that was pulled out.
    #[error("the model file can no longer be read ({cause}); check the drive and open it again: {}", path.display())]
    Unreadable {
        /// The model file.
        path: PathBuf,
        /// The system's own message.
        cause: String,
    },
    /// The system refused memory.
    #[error(
        "the system has no memory left (it refused {:.1} MB); close other programs, or choose a smaller size or \
         model",
        *bytes as f64 / 1e6
    )]
    OutOfMemory {
        /// The bytes asked for.
        bytes: usize,
    },
    /// The graphics card has no memory left.
    #[error(
        "the graphics card has no memory left (it refused {:.1} MB); choose a smaller size, --dtype f16 or \
         --device cpu",
        *bytes as f64 / 1e6
    )]
    OutOfCardMemory {
        /// The bytes asked for.
        bytes: u64,
    },
    /// A first stage that only decodes.
    #[error("expected a first stage that encodes pictures, found a decoder alone; use a whole VAE")]
    NoEncoder,
    /// A model without a text encoder that was given a text.
    #[error("this model takes no text")]
    NoText,
    /// A model without class labels that was given some.
    #[error("this model takes no class labels")]
    NoLabels,
    /// A UNet with an embedding of class labels and no labels, or the other way round.
    #[error("class labels go with a class-conditional model (num_classes): give both or neither")]
    LabelsDiffer,
    /// A UNet with cross attention that was given no context.
    #[error("this model needs a context, found none")]
    NoContext,
    /// A first stage that cannot quantize.
    #[error("quantize_denoised needs a first stage with a codebook, found AutoencoderKL; leave it out")]
    NoCodebook,
    /// A choice of device or dtype that this build or machine lacks.
    #[error("{0}")]
    Device(String),
    /// Tensors or layers that live on different devices.
    #[error("tensors of two devices cannot be joined")]
    TwoDevices,
    /// Shapes that do not fit each other.
    #[error("{0}")]
    Shape(String),
    /// The backend failed (out of memory, a driver's fault).
    #[error("the {device} failed in {operation}: {cause}")]
    Backend {
        /// "CPU", "CUDA GPU", …
        device: &'static str,
        /// The operation that ran.
        operation: &'static str,
        /// The backend's own message.
        cause: String,
    },
}

impl Error {
    /// Whether a graphics card failed where the processor may go on.
    pub fn is_of_card(&self) -> bool {
        match self {
            Self::Backend { device, .. } => *device == GRAPHICS_CARD,
            Self::OutOfCardMemory { .. } => true,
            _ => false,
        }
    }
}

impl Told for Error {
    fn key(&self) -> &'static str {
        match self {
            Self::Stopped => "error-stopped",
            Self::NoTensor { .. } | Self::Weights(_) => "error-weights",
            Self::FileChanged { .. } => "error-file-changed",
            Self::Unreadable { .. } => "error-unreadable",
            Self::OutOfMemory { .. } => "error-out-of-memory",
            Self::OutOfCardMemory { .. } => "error-out-of-card-memory",
            Self::NoEncoder => "error-no-encoder",
            Self::Device(_) => "error-device",
            Self::Shape(_)
            | Self::TwoDevices
            | Self::NoText
            | Self::NoLabels
            | Self::LabelsDiffer
            | Self::NoContext
            | Self::NoCodebook => "error-shape",
            Self::Backend { .. } => "error-backend",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Backend { device, .. } => vec![("device", (*device).to_owned())],
            Self::FileChanged { path } | Self::Unreadable { path, .. } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                vec![("file", name.to_string_lossy().into_owned())]
            }
            _ => Vec::new(),
        }
    }
}

/// The result of an operation.
pub type Result<T> = std::result::Result<T, Error>;

impl From<OutOfMemory> for Error {
    fn from(OutOfMemory { bytes }: OutOfMemory) -> Self {
        Self::OutOfMemory { bytes }
    }
}

impl From<KernelError> for Error {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Stopped => Self::Stopped,
            KernelError::OutOfMemory(refused) => refused.into(),
        }
    }
}
