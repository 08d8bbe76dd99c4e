//! Attention of the UNet: `SpatialTransformer`, `BasicTransformerBlock`, `CrossAttention`,
//! `FeedForward` with GEGLU (mirrors `ldm/modules/attention.py`), and the older `AttentionBlock`
//! (`ldm/modules/diffusionmodules/openaimodel.py`).
//!
//! Letters: b batch, n = h·w positions, c channels, d channels of a head.
//! Trap: the norm before a `SpatialTransformer` has epsilon 1e-6, the one in an `AttentionBlock` 1e-5.

use std::sync::{Arc, Mutex, PoisonError};

use super::attention_maps::AttentionMaps;
use crate::ops::{
    self, Activation, Conv2d, Conv2dShape, Fused, Geglu, GroupNorm, HostKeys, KeysValues, LayerNorm, Linear,
    Mask, Result, SelfAttention, Tensor, Weights,
};

/// Queries, keys and values from `x` itself: the reference's `CrossAttention` without a context.
#[derive(Debug)]
pub struct OwnAttention {
    qkv: SelfAttention,
    to_out: Linear,
}

impl OwnAttention {
    /// `heads` heads of `dim_head` channels over tokens of `dim` channels.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, dim: usize, heads: usize, dim_head: usize) -> Result<Self> {
        let inner = heads * dim_head;
        Ok(Self {
            qkv: SelfAttention::new(weights, dim, inner, heads)?,
            to_out: Linear::new(&weights.pp("to_out").pp(0), inner, dim)?,
        })
    }

    /// `x` (b, n, dim) plus the attention of the normalized `x` to itself.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_after(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        self.to_out.forward_residual(&self.qkv.forward_after(norm, x)?, x)
    }
}

/// Queries from `x`, keys and values from `context` (or from `x` itself).
#[derive(Debug)]
pub struct CrossAttention {
    heads: usize,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    /// The last context with what is made of it: all steps of a run share one.
    remembered: Mutex<Option<Remembered>>,
}

/// A context, and what is made of it once.
#[derive(Debug)]
struct Remembered {
    context: Tensor,
    keys_values: Arc<KeysValues>,
    /// Keys of one item for [`AttentionMaps`], where they were asked for.
    seen: Option<(usize, Arc<HostKeys>)>,
}

/// Where a watched layer's maps go, and their height and width.
pub type Watched<'a> = Option<(&'a AttentionMaps, [usize; 2])>;

impl CrossAttention {
    /// `heads` heads of `dim_head` channels over queries of `query_dim` and a context of `context_dim`.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(
        weights: &Weights,
        query_dim: usize,
        context_dim: usize,
        heads: usize,
        dim_head: usize,
    ) -> Result<Self> {
        let inner = heads * dim_head;
        Ok(Self {
            heads,
            to_q: Linear::without_bias(&weights.pp("to_q"), query_dim, inner)?,
            to_k: Linear::without_bias(&weights.pp("to_k"), context_dim, inner)?,
            to_v: Linear::without_bias(&weights.pp("to_v"), context_dim, inner)?,
            to_out: Linear::new(&weights.pp("to_out").pp(0), inner, query_dim)?,
            remembered: Mutex::default(),
        })
    }

    /// `x` (b, n, query_dim) plus the attention of the normalized `x` to `context` (b, m, context_dim).
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_after(
        &self,
        norm: &LayerNorm,
        x: &Tensor,
        context: Option<&Tensor>,
        watched: Watched<'_>,
    ) -> Result<Tensor> {
        let seen = match context {
            None => {
                let normal = norm.forward(x)?;
                let (q, k) = (self.to_q.forward(&normal)?, self.to_k.forward(&normal)?);
                ops::attention(&q, &k, &self.to_v.forward(&normal)?, self.heads, Mask::None)?
            }
            Some(context) => {
                let q = self.to_q.forward_after(norm, x)?;
                if let Some((maps, size)) = watched {
                    maps.timed(|| self.watch(maps, size, &q, context))?;
                }
                self.keys_values(context)?.attention(&q)?
            }
        };
        self.to_out.forward_residual(&seen, x)
    }

    /// Adds what the watched item's queries look at.
    fn watch(&self, maps: &AttentionMaps, size: [usize; 2], q: &Tensor, context: &Tensor) -> Result<()> {
        let keys = self.host_keys(context, maps.item())?;
        maps.add(size, &ops::attention_probabilities(q, maps.item(), &keys, self.heads)?);
        Ok(())
    }

    /// Frees the last context with its keys and values.
    pub fn forget_context(&self) {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// A context's keys and values, computed once while it stays the same.
    fn keys_values(&self, context: &Tensor) -> Result<Arc<KeysValues>> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*remembered
            && known.context.is_same(context)
        {
            return Ok(known.keys_values.clone());
        }
        let (k, v) = (self.to_k.forward(context)?, self.to_v.forward(context)?);
        let made = Arc::new(KeysValues::new(&k, &v, self.heads)?);
        *remembered = Some(Remembered { context: context.clone(), keys_values: made.clone(), seen: None });
        Ok(made)
    }

    /// The keys of one item of a context on the host, made once while the context stays the same.
    fn host_keys(&self, context: &Tensor, item: usize) -> Result<Arc<HostKeys>> {
        self.keys_values(context)?;
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let known = remembered.as_mut().filter(|known| known.context.is_same(context));
        if let Some((of, keys)) = known.as_ref().and_then(|known| known.seen.as_ref())
            && *of == item
        {
            return Ok(keys.clone());
        }
        let keys = Arc::new(HostKeys::read(&self.to_k.forward(context)?, item)?);
        if let Some(known) = known {
            known.seen = Some((item, keys.clone()));
        }
        Ok(keys)
    }
}

/// Two linear layers with a gate between them.
#[derive(Debug)]
pub struct FeedForward {
    project: Geglu,
    out: Linear,
}

impl FeedForward {
    /// `dim` → 4·dim, gated → `dim`.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, dim: usize) -> Result<Self> {
        let inner = 4 * dim;
        let net = weights.pp("net");
        Ok(Self {
            project: Geglu::new(&net.pp(0).pp("proj"), dim, inner)?,
            out: Linear::new(&net.pp(2), inner, dim)?,
        })
    }

    /// `x` (b, n, dim) plus the layers of the normalized `x`.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_after(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        self.out.forward_residual(&self.project.forward_after(norm, x)?, x)
    }
}

/// What the first attention of a block looks at.
#[derive(Debug)]
enum FirstAttention {
    /// The tokens themselves.
    Own(Box<OwnAttention>),
    /// The context, as the second does (diffusers' `only_cross_attention`).
    Context(Box<CrossAttention>),
}

/// Self-attention, cross-attention and feed-forward, each after a norm and around a skip.
#[derive(Debug)]
pub struct BasicTransformerBlock {
    attn1: FirstAttention,
    attn2: CrossAttention,
    ff: FeedForward,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm3: LayerNorm,
}

impl BasicTransformerBlock {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, dim: usize, shape: TransformerShape) -> Result<Self> {
        let TransformerShape { heads, dim_head, context_dim, .. } = shape;
        let first = weights.pp("attn1");
        Ok(Self {
            attn1: match shape.reads_text_only {
                false => FirstAttention::Own(Box::new(OwnAttention::new(&first, dim, heads, dim_head)?)),
                true => {
                    let attention = CrossAttention::new(&first, dim, context_dim, heads, dim_head)?;
                    FirstAttention::Context(Box::new(attention))
                }
            },
            attn2: CrossAttention::new(&weights.pp("attn2"), dim, context_dim, heads, dim_head)?,
            ff: FeedForward::new(&weights.pp("ff"), dim)?,
            norm1: LayerNorm::new(&weights.pp("norm1"), dim)?,
            norm2: LayerNorm::new(&weights.pp("norm2"), dim)?,
            norm3: LayerNorm::new(&weights.pp("norm3"), dim)?,
        })
    }

    /// `x` (b, n, dim), `context` (k·b, m, context_dim) → (k·b, n, dim): copies of x are one tensor
    /// until they look at different contexts.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward(&self, x: &Tensor, context: Option<&Tensor>, watched: Watched<'_>) -> Result<Tensor> {
        let copies = |x: &Tensor| match context {
            Some(context) => x.repeated_to(context.shape()[0]),
            None => Ok(x.clone()),
        };
        let x = match &self.attn1 {
            FirstAttention::Own(attention) => copies(&attention.forward_after(&self.norm1, x)?)?,
            FirstAttention::Context(attention) => {
                attention.forward_after(&self.norm1, &copies(x)?, context, None)?
            }
        };
        let x = self.attn2.forward_after(&self.norm2, &x, context, watched)?;
        self.ff.forward_after(&self.norm3, &x)
    }
}

/// What a [`SpatialTransformer`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct TransformerShape {
    /// Heads of attention.
    pub heads: usize,
    /// Channels of a head.
    pub dim_head: usize,
    /// Transformer blocks, one after another.
    pub depth: usize,
    /// Channels of the context.
    pub context_dim: usize,
    /// Groups of the norm.
    pub norm_num_groups: usize,
    /// Both attentions of a block read the context.
    pub reads_text_only: bool,
}

/// Transformer blocks over the positions of a map.
#[derive(Debug)]
pub struct SpatialTransformer {
    norm: GroupNorm,
    proj_in: Conv2d,
    transformer_blocks: Vec<BasicTransformerBlock>,
    proj_out: Conv2d,
}

impl SpatialTransformer {
    /// # Errors
    /// If weights are missing.
    pub fn new(weights: &Weights, channels: usize, shape: TransformerShape) -> Result<Self> {
        let TransformerShape { heads, dim_head, depth, norm_num_groups, .. } = shape;
        let inner = heads * dim_head;
        let blocks = weights.pp("transformer_blocks");
        Ok(Self {
            norm: GroupNorm::new(&weights.pp("norm"), norm_num_groups, channels, 1e-6)?,
            proj_in: Conv2d::new(&weights.pp("proj_in"), Conv2dShape::one(channels, inner))?,
            transformer_blocks: (0..depth)
                .map(|i| BasicTransformerBlock::new(&blocks.pp(i), inner, shape))
                .collect::<Result<_>>()?,
            proj_out: Conv2d::new(&weights.pp("proj_out"), Conv2dShape::one(inner, channels))?,
        })
    }

    /// `x` (b, c, h, w), `context` (k·b, m, context_dim) → (k·b, c, h, w); see
    /// [`BasicTransformerBlock::forward`].
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward(
        &self,
        x: &Tensor,
        context: Option<&Tensor>,
        maps: Option<&AttentionMaps>,
    ) -> Result<Tensor> {
        let [_, _, h, w] = x.map_shape()?;
        let watched = maps.map(|maps| (maps, [h, w]));
        let normal = self.norm.forward(x, Activation::Identity)?;
        let mut tokens = self.proj_in.forward(&normal)?.to_tokens()?; // (b, n, inner)
        for block in &self.transformer_blocks {
            tokens = block.forward(&tokens, context, watched)?;
        }
        let map = tokens.to_map(h, w)?; // (k·b, inner, h, w)
        let x = x.repeated_to(map.shape()[0])?;
        self.proj_out.forward_fused(&map, Fused { residual: Some(&x), channels: None })
    }

    /// Frees what is remembered of the last context.
    pub fn forget_context(&self) {
        for block in &self.transformer_blocks {
            block.attn2.forget_context();
            if let FirstAttention::Context(attention) = &block.attn1 {
                attention.forget_context();
            }
        }
    }
}

/// Self-attention over the positions of a map, of the models without a text context.
#[derive(Debug)]
pub struct AttentionBlock {
    heads: usize,
    norm: GroupNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    proj_out: Linear,
}

impl AttentionBlock {
    /// `use_new_attention_order` says how the rows of `qkv` lie: all q, all k, all v (true), or
    /// q, k, v of one head after another (false, `QKVAttentionLegacy`). Rows are sorted while they
    /// are read, so both compute alike.
    ///
    /// # Errors
    /// If weights are missing.
    pub fn new(
        weights: &Weights,
        channels: usize,
        heads: usize,
        use_new_attention_order: bool,
        norm_num_groups: usize,
    ) -> Result<Self> {
        let qkv = weights.pp("qkv");
        let weight = qkv.get_f32("weight", &[3 * channels, channels, 1])?;
        let bias = qkv.get_f32("bias", &[3 * channels])?;
        let d = channels / heads;
        let row_of = |part: usize, channel: usize| {
            if use_new_attention_order {
                part * channels + channel
            } else {
                (channel / d * 3 + part) * d + channel % d
            }
        };
        let part = |part: usize| {
            let rows: Vec<usize> = (0..channels).map(|channel| row_of(part, channel)).collect();
            let weight: Vec<f32> =
                rows.iter().flat_map(|&row| &weight[row * channels..(row + 1) * channels]).copied().collect();
            let bias: Vec<f32> = rows.iter().map(|&row| bias[row]).collect();
            Linear::from_values(&qkv, [channels, channels], &weight, Some(&bias))
        };
        let out = weights.pp("proj_out");
        let out_weight = out.get_f32("weight", &[channels, channels, 1])?;
        let out_bias = out.get_f32("bias", &[channels])?;
        Ok(Self {
            heads,
            norm: GroupNorm::new(&weights.pp("norm"), norm_num_groups, channels, 1e-5)?,
            q: part(0)?,
            k: part(1)?,
            v: part(2)?,
            proj_out: Linear::from_values(&out, [channels, channels], &out_weight, Some(&out_bias))?,
        })
    }

    /// `x` (b, c, h, w); the result has its shape.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [_, _, h, w] = x.map_shape()?;
        let tokens = self.norm.forward(x, Activation::Identity)?.to_tokens()?; // (b, n, c)
        let (q, k, v) = (self.q.forward(&tokens)?, self.k.forward(&tokens)?, self.v.forward(&tokens)?);
        let seen = ops::attention(&q, &k, &v, self.heads, Mask::None)?;
        self.proj_out.forward_residual(&seen, &x.to_tokens()?)?.to_map(h, w)
    }
}
