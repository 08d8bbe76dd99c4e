//! `TextEncoder`: a tokenizer and the transformer that reads its ids.
//!
//! Its dimensions stay, its weights may be given back between runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chunks::{Chunks, Piece};
use super::clip::{ClipOutput, ClipShape, FrozenCLIPEmbedder};
use super::learned::Learned;
use super::open_clip::FrozenOpenCLIPEmbedder;
use super::text_embedding::TextEmbedding;
use super::tokenizer::{Token, Tokenizer, Tokens, Word};
use crate::model::resident::Resident;
use crate::ops::{Device, Error, Result, Weights};

/// Numbers from which on an encoder's memory is worth reading it again for the next text.
const WORTH_GIVING_BACK: usize = 32_000_000;

/// Which transformer reads the ids, and what it gives of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransformerKind {
    /// CLIP's, as Hugging Face names its tensors.
    Clip(ClipOutput),
    /// open_clip's, without so many blocks at its end.
    OpenClip {
        /// 1 for `layer: penultimate`.
        skipped: usize,
    },
}

/// A transformer with its weights.
#[derive(Debug)]
enum Transformer {
    Clip(FrozenCLIPEmbedder),
    OpenClip(FrozenOpenCLIPEmbedder),
}

impl Transformer {
    fn new(weights: &Weights, shape: ClipShape, kind: TransformerKind) -> Result<Self> {
        Ok(match kind {
            TransformerKind::Clip(output) => Self::Clip(FrozenCLIPEmbedder::new(weights, shape, output)?),
            TransformerKind::OpenClip { skipped } => {
                Self::OpenClip(FrozenOpenCLIPEmbedder::new(weights, shape, skipped)?)
            }
        })
    }

    fn forward_with(&self, ids: &[i64], learned: &Learned, clip_skip: usize) -> Result<TextEmbedding> {
        match self {
            Self::Clip(transformer) => transformer.forward_with(ids, learned, clip_skip),
            Self::OpenClip(transformer) => transformer.forward_with(ids, learned),
        }
    }
}

/// The transformer, and where it computes.
#[derive(Clone)]
struct Embedder {
    device: Device,
    part: Arc<Resident<Transformer>>,
}

/// One text encoder of a model.
pub struct TextEncoder {
    tokenizer: Tokenizer,
    shape: ClipShape,
    kind: TransformerKind,
    weights: Weights,
    embedder: Mutex<Embedder>,
    learned: Mutex<Arc<Learned>>,
}

impl std::fmt::Debug for TextEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextEncoder").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl TextEncoder {
    /// # Errors
    /// If weights are missing.
    pub(in crate::model) fn new(
        weights: &Weights,
        tokenizer: Tokenizer,
        shape: ClipShape,
        kind: TransformerKind,
    ) -> Result<Self> {
        let build = move |weights: &Weights| Transformer::new(weights, shape, kind);
        let part = Arc::new(Resident::of(weights, build)?);
        let embedder = Mutex::new(Embedder { device: weights.device().clone(), part });
        Ok(Self { tokenizer, shape, kind, weights: weights.clone(), embedder, learned: Mutex::default() })
    }

    fn embedder(&self) -> MutexGuard<'_, Embedder> {
        self.embedder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it computes on `device`.
    pub(in crate::model) fn is_on(&self, device: &Device) -> bool {
        device.shares_tensors_with(&self.embedder().device)
    }

    /// Frees the weights; from the next text on it computes on `device`, where they are read again.
    pub(in crate::model) fn move_to(&self, device: &Device) {
        let (shape, kind) = (self.shape, self.kind);
        let build = move |weights: &Weights| Transformer::new(weights, shape, kind);
        let part = Arc::new(Resident::later(&self.weights.on(device), build));
        *self.embedder() = Embedder { device: device.clone(), part };
    }

    /// Channels of its pooled output; 0 without one.
    pub fn pooled_width(&self) -> usize {
        match self.kind {
            TransformerKind::Clip(ClipOutput { pooled_at: Some(_), .. }) => self.shape.hidden_size,
            _ => 0,
        }
    }

    /// Channels of the vectors of its words.
    pub(in crate::model) fn width(&self) -> usize {
        self.shape.hidden_size
    }

    /// Knows these words, with their vectors (n, channels), and no others beside its vocabulary.
    ///
    /// # Errors
    /// If a word cannot be split, or vectors have other channels.
    pub(in crate::model) fn teach(&self, words: Vec<(String, Vec<f32>)>) -> Result<()> {
        let learned = Learned::new(words, &self.tokenizer, self.shape.hidden_size)?;
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(learned);
        Ok(())
    }

    fn learned(&self) -> Arc<Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ids of a text.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        Ok(self.tokenizer.cut(text, &self.tokens(text)?, self.shape.max_length))
    }

    /// The tokens of a text, those of its learned words too.
    fn tokens(&self, text: &str) -> Result<Vec<Token>> {
        self.learned().tokens(&self.tokenizer, text)
    }

    /// The words that it was taught and that stand in a text.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub(in crate::model) fn taught_in(&self, text: &str) -> Result<BTreeSet<String>> {
        Ok(self.learned().words_of(&self.tokens(text)?))
    }

    /// The words of a text and their places among its ids.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub fn words(&self, text: &str) -> Result<Vec<Word>> {
        Ok(Tokenizer::words_of(text, &self.tokens(text)?, self.shape.max_length))
    }

    /// b texts → their context (b, max_length, hidden_size), and pooled output (b, hidden_size) if it
    /// gives one.
    ///
    /// # Errors
    /// If a text cannot be split, the weights cannot be read again, or stopped.
    pub fn forward(&self, texts: &[&str]) -> Result<TextEmbedding> {
        let learned = self.learned();
        let mut ids = Vec::with_capacity(texts.len() * self.shape.max_length);
        for text in texts {
            let tokens = learned.tokens(&self.tokenizer, text)?;
            ids.extend(self.tokenizer.cut(text, &tokens, self.shape.max_length).ids);
        }
        let embedder = self.embedder().part.clone();
        embedder.get()?.forward_with(&ids, &learned, 1)
    }

    /// The tokens of a text's pieces, in chunks.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub(super) fn chunks(&self, pieces: &[Piece]) -> Result<Chunks> {
        let learned = self.learned();
        let of = |piece: &Piece| match piece {
            Piece::Text { text, weight } => {
                Ok::<_, Error>(Some((learned.tokens(&self.tokenizer, text)?, *weight)))
            }
            Piece::Break => Ok(None),
        };
        let pieces = pieces.iter().map(of).collect::<Result<Vec<_>>>()?;
        let room = self.shape.max_length.saturating_sub(2);
        Ok(Chunks::lay_out(&pieces, room, self.tokenizer.comma(), |id| learned.is_row(id)))
    }

    /// Chunks of ids → their context (b, max_length, hidden_size), and pooled output if it gives one.
    ///
    /// # Errors
    /// If the weights cannot be read again, or stopped.
    pub(super) fn encode(&self, chunks: &[Vec<u32>], clip_skip: usize) -> Result<TextEmbedding> {
        let ids: Vec<i64> =
            chunks.iter().flat_map(|ids| self.tokenizer.framed(ids, self.shape.max_length)).collect();
        let embedder = self.embedder().part.clone();
        embedder.get()?.forward_with(&ids, &self.learned(), clip_skip)
    }

    /// Frees the weights' memory until the next text, where it is worth reading them again.
    pub(in crate::model) fn give_back(&self) {
        let ClipShape { vocabulary, hidden_size, num_hidden_layers, .. } = self.shape;
        // Four matrices of attention, two of eight times that.
        let numbers = vocabulary * hidden_size + num_hidden_layers * 12 * hidden_size * hidden_size;
        if numbers >= WORTH_GIVING_BACK {
            self.embedder().part.give_back();
        }
    }
}
