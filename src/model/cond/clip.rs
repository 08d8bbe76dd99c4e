//! `FrozenCLIPEmbedder`: token ids to a context, with CLIP's text transformer (mirrors
//! `ldm/modules/encoders/modules.py` and the text model of Hugging Face's transformers).
//!
//! Traps: the activation is x·σ(1.702x); the context is the last hidden state after the final norm.

use crate::model::resident::Resident;
use crate::ops::{self, Activation, Embedding, Error, LayerNorm, Linear, Mask, Result, Tensor, Weights};

/// Numbers from which on an encoder's memory is worth reading it again for the next text.
const WORTH_GIVING_BACK: usize = 32_000_000;

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
}

impl FrozenCLIPEmbedder {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, shape: ClipShape) -> Result<Self> {
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
        })
    }

    /// ids of b texts (b·max_length) → context (b, max_length, hidden_size).
    ///
    /// # Errors
    /// If an id is not in the vocabulary, or stopped.
    pub fn forward(&self, ids: &[i64]) -> Result<Tensor> {
        let positions = self.position_embedding.all()?; // (1, max_length, hidden_size)
        let length = positions.shape()[1];
        let texts = ids.len() / length.max(1);
        if texts * length != ids.len() || texts == 0 {
            return Err(Error::Shape(format!("expected texts of {length} ids, found {} ids", ids.len())));
        }
        let positions = positions.repeated_to(texts)?;
        let mut x = self.token_embedding.forward(ids, [texts, length])?.add(&positions)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        self.final_layer_norm.forward(&x)
    }
}

/// The text encoder of a model: its dimensions stay, its weights may be given back between runs.
#[derive(Debug)]
pub struct TextEncoder {
    shape: ClipShape,
    embedder: Resident<FrozenCLIPEmbedder>,
}

impl TextEncoder {
    /// # Errors
    /// If weights are missing.
    pub(in crate::model) fn new(weights: &Weights, shape: ClipShape) -> Result<Self> {
        let embedder = Resident::of(weights, move |weights| FrozenCLIPEmbedder::new(weights, shape))?;
        Ok(Self { shape, embedder })
    }

    /// Its dimensions.
    pub fn shape(&self) -> ClipShape {
        self.shape
    }

    /// As [`FrozenCLIPEmbedder::forward`].
    ///
    /// # Errors
    /// If an id is not in the vocabulary, the weights cannot be read again, or stopped.
    pub fn forward(&self, ids: &[i64]) -> Result<Tensor> {
        self.embedder.get()?.forward(ids)
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
