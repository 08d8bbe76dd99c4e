//! `GeneralConditioner`: the text encoders of a model, whose outputs are joined (mirrors
//! `sgm/modules/encoders/modules.py`).
//!
//! Stable Diffusion v1 and v2 have one; SDXL has CLIP ViT-L and OpenCLIP ViT-bigG, both at the state
//! before the last layer, and of the second what is pooled.

use std::collections::BTreeSet;

use super::chunks::{Laid, Piece};
use super::text_embedding::TextEmbedding;
use super::text_encoder::TextEncoder;
use super::tokenizer::{Tokens, Word};
use super::weighted::WeightedTexts;
use super::weighting::Weighting;
use crate::ops::{Device, Error, Result};

/// The text encoders of a model, in the order of their outputs.
#[derive(Debug)]
pub struct GeneralConditioner {
    encoders: Vec<TextEncoder>,
}

impl GeneralConditioner {
    /// One encoder or more; without any it takes no text.
    pub(in crate::model) fn new(encoders: Vec<TextEncoder>) -> Self {
        Self { encoders }
    }

    /// The first encoder's ids of a text: they tell how much of it is read.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        self.encoders.first().ok_or(Error::NoText)?.tokenize(text)
    }

    /// The words of a text and their places among the first encoder's ids.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub fn words(&self, text: &str) -> Result<Vec<Word>> {
        self.encoders.first().ok_or(Error::NoText)?.words(text)
    }

    /// What the encoders make of b texts, joined, on `device`.
    ///
    /// # Errors
    /// If a text cannot be split, weights cannot be read again, or stopped.
    pub fn forward(&self, texts: &[&str], device: &Device) -> Result<TextEmbedding> {
        let parts = self.encoders.iter().map(|encoder| encoder.forward(texts)?.brought_to(device));
        TextEmbedding::joined(parts.collect::<Result<_>>()?)
    }

    /// What the encoders make of texts of weighted pieces, joined, on `device`; each stands `times` in a schedule.
    ///
    /// # Errors
    /// As [`GeneralConditioner::forward`].
    pub fn weighted(
        &self,
        texts: &[&[Piece]],
        times: &[usize],
        weighting: Weighting,
        device: &Device,
    ) -> Result<WeightedTexts> {
        let parts = self.encoders.iter().map(|encoder| encoder.weighted(texts, times, weighting, device));
        let mut parts = parts.collect::<Result<Vec<_>>>()?;
        if parts.is_empty() {
            return Err(Error::NoText);
        }
        let embedding = TextEmbedding::joined(parts.iter().map(|part| part.embedding.clone()).collect())?;
        Ok(WeightedTexts { embedding, ..parts.swap_remove(0) })
    }

    /// The first encoder's tokens of a text's pieces, as A1111 counts them, and the chunks that they take.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub fn count(&self, pieces: &[Piece]) -> Result<Laid> {
        let chunks = self.encoders.first().ok_or(Error::NoText)?.chunks(pieces)?;
        Ok(chunks.laid(&pieces.iter().map(Piece::text).collect::<Vec<_>>()))
    }

    /// Channels of the vectors of the first encoder's words.
    pub(in crate::model) fn width(&self) -> Option<usize> {
        Some(self.encoders.first()?.width())
    }

    /// Teaches the first encoder words; see [`TextEncoder::teach`].
    ///
    /// # Errors
    /// If it does not take them.
    pub(in crate::model) fn teach(&self, words: Vec<(String, Vec<f32>)>) -> Result<()> {
        self.encoders.first().map_or(Ok(()), |encoder| encoder.teach(words))
    }

    /// The words that the first encoder was taught and that stand in a text.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub(in crate::model) fn taught_in(&self, text: &str) -> Result<BTreeSet<String>> {
        self.encoders.first().ok_or(Error::NoText)?.taught_in(text)
    }

    /// Channels of what is pooled; 0 where nothing is.
    pub fn pooled_width(&self) -> usize {
        self.encoders.iter().map(TextEncoder::pooled_width).sum()
    }

    /// Whether all encoders compute on `device`.
    pub(in crate::model) fn is_on(&self, device: &Device) -> bool {
        self.encoders.iter().all(|encoder| encoder.is_on(device))
    }

    /// Frees the weights; from the next text on all encoders compute on `device`.
    pub(in crate::model) fn move_to(&self, device: &Device) {
        self.encoders.iter().for_each(|encoder| encoder.move_to(device));
    }

    /// Frees the weights' memory until the next text, where it is worth reading them again.
    pub(in crate::model) fn give_back(&self) {
        self.encoders.iter().for_each(TextEncoder::give_back);
    }
}
