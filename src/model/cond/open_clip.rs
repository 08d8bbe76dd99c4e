//! `FrozenOpenCLIPEmbedder`: token ids to a context, with open_clip's text transformer (mirrors
//! `ldm/modules/encoders/modules.py` of Stable Diffusion 2).
//!
//! Traps: the activation is the exact GELU; queries, keys and values lie in one tensor, in this order; the
//! final norm acts on whatever block's state is the context, so the last block is skipped and its weights
//! are not read with `layer: penultimate`.

use super::clip::ClipShape;
use super::learned::Learned;
use super::text_embedding::TextEmbedding;
use crate::ops::{self, Activation, Embedding, Error, LayerNorm, Linear, Mask, Result, Tensor, Weights};

#[derive(Debug)]
struct ResidualAttentionBlock {
    heads: usize,
    ln_1: LayerNorm,
    /// Queries, keys and values: a third of `in_proj` each.
    in_proj: [Linear; 3],
    out_proj: Linear,
    ln_2: LayerNorm,
    c_fc: Linear,
    c_proj: Linear,
}

impl ResidualAttentionBlock {
    fn new(weights: &Weights, shape: ClipShape) -> Result<Self> {
        let c = shape.hidden_size;
        let (attention, mlp) = (weights.pp("attn"), weights.pp("mlp"));
        let third = |part| Linear::part(&attention, ["in_proj_weight", "in_proj_bias"], [c, c], part, 3);
        Ok(Self {
            heads: shape.num_attention_heads,
            ln_1: LayerNorm::new(&weights.pp("ln_1"), c)?,
            in_proj: [third(0)?, third(1)?, third(2)?],
            out_proj: Linear::new(&attention.pp("out_proj"), c, c)?,
            ln_2: LayerNorm::new(&weights.pp("ln_2"), c)?,
            c_fc: Linear::new(&mlp.pp("c_fc"), c, 4 * c)?,
            c_proj: Linear::new(&mlp.pp("c_proj"), 4 * c, c)?,
        })
    }

    /// (b, n, c) → (b, n, c).
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normal = self.ln_1.forward(x)?;
        let [q, k, v] = &self.in_proj;
        let (q, k, v) = (q.forward(&normal)?, k.forward(&normal)?, v.forward(&normal)?);
        let seen = ops::attention(&q, &k, &v, self.heads, Mask::Causal)?;
        let x = self.out_proj.forward_residual(&seen, x)?;
        let inner = self.c_fc.forward_activated(&self.ln_2.forward(&x)?, Activation::Gelu)?;
        self.c_proj.forward_residual(&inner, &x)
    }
}

/// The text encoder of Stable Diffusion 2.
#[derive(Debug)]
pub struct FrozenOpenCLIPEmbedder {
    token_embedding: Embedding,
    /// (1, max_length, hidden_size).
    positional_embedding: Tensor,
    resblocks: Vec<ResidualAttentionBlock>,
    ln_final: LayerNorm,
}

impl FrozenOpenCLIPEmbedder {
    /// `skipped` blocks at the end do not run: 0 for `layer: last`, 1 for `layer: penultimate`.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, shape: ClipShape, skipped: usize) -> Result<Self> {
        let model = weights.pp("model");
        let (n, c) = (shape.max_length, shape.hidden_size);
        let resblocks = model.pp("transformer").pp("resblocks");
        let positions = model.get_f32("positional_embedding", &[n, c])?;
        Ok(Self {
            token_embedding: Embedding::new(&model.pp("token_embedding"), shape.vocabulary, c)?,
            positional_embedding: Tensor::from_f32(weights.device(), &[1, n, c], &positions)?,
            resblocks: (0..shape.num_hidden_layers.saturating_sub(skipped))
                .map(|i| ResidualAttentionBlock::new(&resblocks.pp(i), shape))
                .collect::<Result<_>>()?,
            ln_final: LayerNorm::new(&model.pp("ln_final"), c)?,
        })
    }

    /// ids of b texts (b·max_length) → context (b, max_length, hidden_size).
    ///
    /// # Errors
    /// If an id is not in the vocabulary, or stopped.
    pub fn forward(&self, ids: &[i64]) -> Result<TextEmbedding> {
        self.forward_with(ids, &Learned::default())
    }

    /// The same of ids some of which stand for what was learned.
    ///
    /// # Errors
    /// If an id is not in the vocabulary, or stopped.
    pub(super) fn forward_with(&self, ids: &[i64], learned: &Learned) -> Result<TextEmbedding> {
        let length = self.positional_embedding.shape()[1];
        let texts = ids.len() / length.max(1);
        if texts * length != ids.len() || texts == 0 {
            return Err(Error::Shape(format!("expected texts of {length} ids, found {} ids", ids.len())));
        }
        let positions = self.positional_embedding.repeated_to(texts)?;
        let looked_up = learned.embed(ids, |ids| self.token_embedding.forward(ids, [texts, length]))?;
        let mut x = looked_up.add(&positions)?;
        for block in &self.resblocks {
            x = block.forward(&x)?;
        }
        Ok(TextEmbedding { context: self.ln_final.forward(&x)?, pooled: None })
    }
}
