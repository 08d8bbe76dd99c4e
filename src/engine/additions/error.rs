//! `AdditionError`: why a LoRA or an embedding cannot be laid over a model.

use crate::checkpoint::CheckpointError;
use crate::engine::upscale::UpscaleError;
use crate::ops;
use crate::told::{Told, quoted};

/// Why a LoRA or an embedding cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdditionError {
    /// No such LoRA.
    #[error("expected a LoRA's file, or the name of one beside the model, found no {name:?}; give its path")]
    NoLora {
        /// The name or path.
        name: String,
    },
    /// No such embedding.
    #[error(
        "expected an embedding's file, or the name of one beside the model, found no {name:?}; give its path"
    )]
    NoEmbedding {
        /// The name or path.
        name: String,
    },
    /// Nothing of a LoRA belongs to the model.
    #[error(
        "expected a LoRA for this model, found none of its layers in {name} (first {first}); choose one that was \
         made for models of this kind"
    )]
    FitsNothing {
        /// The LoRA's name.
        name: String,
        /// Its first part.
        first: String,
    },
    /// A model whose prompts are taken letter by letter.
    #[error(
        "this model takes prompts as they stand and learns no words; leave --embedding out or choose another model"
    )]
    NoWords,
    /// The upscaler cannot be used.
    #[error(transparent)]
    Upscale(#[from] UpscaleError),
    /// The networks do not take it.
    #[error(transparent)]
    Ops(#[from] ops::Error),
    /// The file cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl Told for AdditionError {
    fn key(&self) -> &'static str {
        match self {
            Self::NoLora { .. } => "error-no-such-lora",
            Self::NoEmbedding { .. } => "error-no-such-embedding",
            Self::FitsNothing { .. } => "error-lora-fits-nothing",
            Self::NoWords => "error-learns-no-words",
            Self::Upscale(error) => error.key(),
            Self::Ops(error) => error.key(),
            Self::Checkpoint(error) => error.key(),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoLora { name } | Self::NoEmbedding { name } | Self::FitsNothing { name, .. } => {
                vec![("name", quoted(name))]
            }
            Self::Upscale(error) => error.values(),
            Self::NoWords => Vec::new(),
            Self::Ops(error) => error.values(),
            Self::Checkpoint(error) => error.values(),
        }
    }
}
