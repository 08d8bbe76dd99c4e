//! `ClassEmbedder`: a class label to a context of one token (mirrors `ldm/modules/encoders/modules.py`).

use crate::ops::{Embedding, Result, Tensor, Weights};

/// A table of class embeddings.
#[derive(Debug)]
pub struct ClassEmbedder {
    embedding: Embedding,
}

impl ClassEmbedder {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, n_classes: usize, embed_dim: usize) -> Result<Self> {
        Ok(Self { embedding: Embedding::new(&weights.pp("embedding"), n_classes, embed_dim)? })
    }

    /// Labels (b) → (b, 1, embed_dim).
    ///
    /// # Errors
    /// If a label is no class of the model.
    pub fn forward(&self, labels: &[i64]) -> Result<Tensor> {
        self.embedding.forward(labels, [labels.len(), 1])
    }
}
