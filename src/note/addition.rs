//! `AdditionNote`: what LoRAs and embeddings did, and what of them was not used.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

/// About the LoRAs and embeddings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AdditionNote {
    /// Some of a LoRA belongs to no layer of the model.
    PartsLeftOut {
        /// The LoRA's name.
        name: String,
        /// Parts that were left out.
        left_out: usize,
        /// Layers that it changes.
        used: usize,
        /// The first part that was left out.
        first: String,
    },
    /// The prompt names a LoRA that is nowhere.
    TagLeftOut {
        /// The name in the prompt.
        name: String,
    },
    /// Embeddings whose words the texts have.
    EmbeddingsUsed {
        /// Their words, separated by commas.
        words: String,
    },
    /// An embedding of another width than the text encoder's.
    EmbeddingLeftOut {
        /// Its file's name.
        name: String,
        /// Its width.
        found: usize,
        /// The text encoder's.
        expected: usize,
    },
    /// A file among the embeddings that the texts may mean is no embedding, or damaged.
    EmbeddingUnread {
        /// Its name.
        name: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A LoRA for few steps brought its settings.
    Suits {
        /// The LoRA's name.
        name: String,
        /// The sampler's name.
        sampler: String,
        /// Steps.
        steps: usize,
        /// Guidance.
        guidance: f64,
    },
}

impl fmt::Display for AdditionNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PartsLeftOut { name, left_out, used, first } => write!(
                f,
                "the LoRA {name} changes {used} layers; {left_out} of its parts belong to no layer of this model \
                 ({first})"
            ),
            Self::TagLeftOut { name } => {
                write!(f, "no LoRA called {name:?} was found; its tag in the prompt is left out")
            }
            Self::EmbeddingsUsed { words } => write!(f, "embeddings in the texts: {words}"),
            Self::EmbeddingLeftOut { name, found, expected } => write!(
                f,
                "the embedding {name} has {found} channels where this model's text encoder has {expected}; it is \
                 left out"
            ),
            Self::EmbeddingUnread { name, cause } => {
                write!(f, "{name} among the embeddings is left out: {cause}")
            }
            Self::Suits { name, sampler, steps, guidance } => write!(
                f,
                "the LoRA {name} is made for few steps: sampler {sampler}, {steps} steps, guidance {guidance}"
            ),
        }
    }
}

impl Told for AdditionNote {
    fn key(&self) -> &'static str {
        match self {
            Self::PartsLeftOut { .. } => "note-lora-parts-left-out",
            Self::TagLeftOut { .. } => "note-lora-tag-left-out",
            Self::EmbeddingsUsed { .. } => "note-embeddings-used",
            Self::EmbeddingLeftOut { .. } => "note-embedding-left-out",
            Self::EmbeddingUnread { .. } => "note-embedding-unread",
            Self::Suits { .. } => "note-lora-suits",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::PartsLeftOut { name, left_out, used, .. } => {
                vec![("name", name.clone()), ("left", left_out.to_string()), ("used", used.to_string())]
            }
            Self::TagLeftOut { name } | Self::EmbeddingUnread { name, .. } => vec![("name", name.clone())],
            Self::EmbeddingsUsed { words } => vec![("words", words.clone())],
            Self::EmbeddingLeftOut { name, found, expected } => {
                vec![("name", name.clone()), ("found", found.to_string()), ("expected", expected.to_string())]
            }
            Self::Suits { name, sampler, steps, guidance } => vec![
                ("name", name.clone()),
                ("sampler", sampler.clone()),
                ("steps", steps.to_string()),
                ("guidance", guidance.to_string()),
            ],
        }
    }
}
