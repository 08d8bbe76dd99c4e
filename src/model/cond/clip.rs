//! `FrozenCLIPEmbedder`: token ids to a context, with CLIP's text transformer (mirrors
//! `ldm/modules/encoders/modules.py`, its successor in sgm and the text model of Hugging Face's
//! transformers).
//!
//! Traps: the activation is x·σ(1.702x); the final norm acts on the last state alone, so a context of an
//! earlier layer is taken without it, while the pooled output has it.

use super::learned::Learned;
use super::text_embedding::TextEmbedding;
use crate::ops::{self, Activation, Embedding, Error, LayerNorm, Linear, Mask, Result, Tensor, Weights};

/// The dimensions of a text transformer; ViT-L/14's are [`ClipShape::default`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipShape {
    /// Rows of the token table.
    pub vocabulary: usize,
    /// Positions.
    pub max_length: usize,
    /// Channels.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of attention.
    pub num_attention_heads: usize,
}

impl ClipShape {
    /// The text transformer of open_clip's ViT-H/14, of Stable Diffusion 2.
    pub const VIT_H: Self = Self {
        vocabulary: 49408,
        max_length: 77,
        hidden_size: 1024,
        num_hidden_layers: 24,
        num_attention_heads: 16,
    };
}

impl Default for ClipShape {
    fn default() -> Self {
        Self {
            vocabulary: 49408,
            max_length: 77,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
        }
    }
}

/// What an encoder gives of each text. [`ClipOutput::default`] is v1's: the last state, nothing pooled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClipOutput {
    /// The context is the state after so many layers (`layer: hidden`, `layer_idx`); the last one with the
    /// final norm where none is given (`layer: last`).
    pub layer_idx: Option<usize>,
    /// The pooled output is the last state at the first place of this id, which is the end of the text
    /// (`always_return_pooled`).
    pub pooled_at: Option<i64>,
}

#[derive(Debug)]
struct EncoderLayer {
    heads: usize,
    layer_norm1: LayerNorm,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl EncoderLayer {
    fn new(weights: &Weights, shape: ClipShape) -> Result<Self> {
        let c = shape.hidden_size;
        let attention = weights.pp("self_attn");
        let mlp = weights.pp("mlp");
        Ok(Self {
            heads: shape.num_attention_heads,
            layer_norm1: LayerNorm::new(&weights.pp("layer_norm1"), c)?,
            q_proj: Linear::new(&attention.pp("q_proj"), c, c)?,
            k_proj: Linear::new(&attention.pp("k_proj"), c, c)?,
            v_proj: Linear::new(&attention.pp("v_proj"), c, c)?,
            out_proj: Linear::new(&attention.pp("out_proj"), c, c)?,
            layer_norm2: LayerNorm::new(&weights.pp("layer_norm2"), c)?,
            fc1: Linear::new(&mlp.pp("fc1"), c, 4 * c)?,
            fc2: Linear::new(&mlp.pp("fc2"), 4 * c, c)?,
        })
    }

    /// (b, n, c) → (b, n, c).
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normal = self.layer_norm1.forward(x)?;
        let (q, k, v) =
            (self.q_proj.forward(&normal)?, self.k_proj.forward(&normal)?, self.v_proj.forward(&normal)?);
        let seen = ops::attention(&q, &k, &v, self.heads, Mask::Causal)?;
        let x = self.out_proj.forward_residual(&seen, x)?;
        let inner = self.fc1.forward_activated(&self.layer_norm2.forward(&x)?, Activation::QuickGelu)?;
        self.fc2.forward_residual(&inner, &x)
    }
}

/// The text encoder of Stable Diffusion v1.
#[derive(Debug)]
pub struct FrozenCLIPEmbedder {
    token_embedding: Embedding,
    position_embedding: Embedding,
    layers: Vec<EncoderLayer>,
    final_layer_norm: LayerNorm,
    output: ClipOutput,
}

impl FrozenCLIPEmbedder {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, shape: ClipShape, output: ClipOutput) -> Result<Self> {
        let text_model = weights.pp("transformer").pp("text_model");
        let embeddings = text_model.pp("embeddings");
        let layers = text_model.pp("encoder").pp("layers");
        let c = shape.hidden_size;
        Ok(Self {
            token_embedding: Embedding::new(&embeddings.pp("token_embedding"), shape.vocabulary, c)?,
            position_embedding: Embedding::new(&embeddings.pp("position_embedding"), shape.max_length, c)?,
            layers: (0..shape.num_hidden_layers)
                .map(|i| EncoderLayer::new(&layers.pp(i), shape))
                .collect::<Result<_>>()?,
            final_layer_norm: LayerNorm::new(&text_model.pp("final_layer_norm"), c)?,
            output,
        })
    }

    /// ids of b texts (b·max_length) → context (b, max_length, hidden_size), pooled (b, hidden_size).
    ///
    /// # Errors
    /// If an id is not in the vocabulary, or stopped.
    pub fn forward(&self, ids: &[i64]) -> Result<TextEmbedding> {
        self.forward_with(ids, &Learned::default(), 1)
    }

    /// The same of ids some of which stand for what was learned. The last state is that of layer `clip_skip` from the
    /// end, 1 being the last.
    ///
    /// # Errors
    /// If an id is not in the vocabulary, or stopped.
    pub(super) fn forward_with(
        &self,
        ids: &[i64],
        learned: &Learned,
        clip_skip: usize,
    ) -> Result<TextEmbedding> {
        let positions = self.position_embedding.all()?; // (1, max_length, hidden_size)
        let length = positions.shape()[1];
        let texts = ids.len() / length.max(1);
        if texts * length != ids.len() || texts == 0 {
            return Err(Error::Shape(format!("expected texts of {length} ids, found {} ids", ids.len())));
        }
        let positions = positions.repeated_to(texts)?;
        let looked_up = learned.embed(ids, |ids| self.token_embedding.forward(ids, [texts, length]))?;
        let mut x = looked_up.add(&positions)?;
        let ClipOutput { layer_idx, pooled_at } = self.output;
        let mut hidden = None;
        let layers = self.layers.len().saturating_sub(clip_skip.max(1) - 1).max(1);
        for (done, layer) in self.layers.iter().take(layers).enumerate() {
            if layer_idx == Some(done) {
                if pooled_at.is_none() {
                    return Ok(TextEmbedding { context: x, pooled: None });
                }
                hidden = Some(x.clone());
            }
            x = layer.forward(&x)?;
        }
        let last = self.final_layer_norm.forward(&x)?;
        let pooled = pooled_at.map(|end| pooled(&last, ids, end)).transpose()?;
        let context = if layer_idx == Some(self.layers.len()) { x } else { hidden.unwrap_or(last) };
        Ok(TextEmbedding { context, pooled })
    }
}

/// The rows (b, c) of `states` (b, n, c) at the first `end` of each text's ids.
fn pooled(states: &Tensor, ids: &[i64], end: i64) -> Result<Tensor> {
    let [texts, n, c] = states.token_shape()?;
    let values = states.to_f32()?;
    let mut rows = Vec::with_capacity(texts * c);
    for (text, ids) in ids.chunks(n.max(1)).enumerate() {
        // Every text has an end; without one it is the first place, as the reference's `argmax` has it.
        let at = text * n + ids.iter().position(|id| *id == end).unwrap_or(0);
        rows.extend_from_slice(&values[at * c..(at + 1) * c]);
    }
    Tensor::from_f32(states.device(), &[texts, c], &rows)
}
