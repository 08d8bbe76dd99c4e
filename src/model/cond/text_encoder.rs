//! `TextEncoder`: a tokenizer and the transformer that reads its ids.
//!
//! Its dimensions stay, its weights may be given back between runs.

use super::clip::{ClipOutput, ClipShape, FrozenCLIPEmbedder};
use super::text_embedding::TextEmbedding;
use super::tokenizer::{Tokenizer, Tokens};
use crate::model::resident::Resident;
use crate::ops::{Error, Result, Weights};

/// Numbers from which on an encoder's memory is worth reading it again for the next text.
const WORTH_GIVING_BACK: usize = 32_000_000;

/// One text encoder of a model.
#[derive(Debug)]
pub struct TextEncoder {
    tokenizer: Tokenizer,
    shape: ClipShape,
    output: ClipOutput,
    embedder: Resident<FrozenCLIPEmbedder>,
}

impl TextEncoder {
    /// # Errors
    /// If weights are missing.
    pub(in crate::model) fn new(
        weights: &Weights,
        tokenizer: Tokenizer,
        shape: ClipShape,
        output: ClipOutput,
    ) -> Result<Self> {
        let build = move |weights: &Weights| FrozenCLIPEmbedder::new(weights, shape, output);
        Ok(Self { tokenizer, shape, output, embedder: Resident::of(weights, build)? })
    }

    /// Channels of its pooled output; 0 without one.
    pub fn pooled_width(&self) -> usize {
        if self.output.pooled_at.is_some() { self.shape.hidden_size } else { 0 }
    }

    /// The ids of a text.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        let tokens = self.tokenizer.encode(text, self.shape.max_length);
        tokens.map_err(|error| Error::Shape(error.to_string()))
    }

    /// b texts → their context (b, max_length, hidden_size), and pooled output (b, hidden_size) if it
    /// gives one.
    ///
    /// # Errors
    /// If a text cannot be split, the weights cannot be read again, or stopped.
    pub fn forward(&self, texts: &[&str]) -> Result<TextEmbedding> {
        let mut ids = Vec::with_capacity(texts.len() * self.shape.max_length);
        for text in texts {
            ids.extend(self.tokenize(text)?.ids);
        }
        self.embedder.get()?.forward(&ids)
    }

    /// Frees the weights' memory until the next text, where it is worth reading them again.
    pub(in crate::model) fn give_back(&self) {
        let ClipShape { vocabulary, hidden_size, num_hidden_layers, .. } = self.shape;
        // Four matrices of attention, two of eight times that.
        let numbers = vocabulary * hidden_size + num_hidden_layers * 12 * hidden_size * hidden_size;
        if numbers >= WORTH_GIVING_BACK {
            self.embedder.give_back();
        }
    }
}
