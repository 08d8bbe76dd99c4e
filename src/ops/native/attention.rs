//! Attention in tiles with an online softmax: no score matrix in memory.

use crate::ops::Mask;
use crate::ops::Result;
use crate::ops::backend::AttentionOps;
use crate::ops::cpu::{self, AttentionMask, AttentionShape, Products, attention_packed};
use crate::ops::native::{LayerNorm, Native, Tensor};

/// Keys and values, packed once for many queries.
pub struct KeysValues {
    packed: cpu::KeysValues,
    shape: AttentionShape,
}

impl std::fmt::Debug for KeysValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeysValues({:?})", self.shape)
    }
}

impl Native {
    /// The shape of the attention of `queries` queries to `k`.
    fn attention_shape(&self, k: &Tensor, heads: usize, queries: usize) -> Result<AttentionShape> {
        let [batch, keys, c] = k.token_shape()?;
        let products = if self.is_bf16() { Products::Bf16 } else { Products::F32 };
        Ok(AttentionShape { batch, queries, keys, heads, head_size: c / heads, products })
    }
}

/// 1/√d, by which scores are multiplied.
fn scale(shape: &AttentionShape) -> f32 {
    1.0 / (shape.head_size as f32).sqrt()
}

/// Never made: queries, keys and values have a layer each.
#[derive(Debug)]
pub enum NoProjections {}

impl AttentionOps for Native {
    type KeysValues = KeysValues;

    type Projections = NoProjections;

    fn self_attention(&self, _norm: &LayerNorm, never: &NoProjections, _x: &Tensor) -> Result<Tensor> {
        match *never {}
    }

    fn attention(&self, q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask<'_>) -> Result<Tensor> {
        let [_, queries, _] = q.token_shape()?;
        let shape = self.attention_shape(k, heads, queries)?;
        let scale = scale(&shape);
        let mask = match mask {
            Mask::None => AttentionMask::default(),
            Mask::Causal => AttentionMask { causal: true, keys: None },
            Mask::Keys(seen) => AttentionMask { causal: false, keys: Some(seen) },
        };
        self.make(q.shape(), |y| {
            Ok(cpu::attention(
                &self.context,
                q.elements(),
                k.elements(),
                v.elements(),
                shape,
                scale,
                mask,
                y,
            )?)
        })
    }

    fn pack_keys_values(&self, k: &Tensor, v: &Tensor, heads: usize) -> Result<KeysValues> {
        let shape = self.attention_shape(k, heads, 0)?;
        let packed = cpu::KeysValues::pack(&self.context, k.elements(), v.elements(), shape)?;
        Ok(KeysValues { packed, shape })
    }

    fn attend(&self, keys: &KeysValues, q: &Tensor) -> Result<Tensor> {
        let [_, queries, _] = q.token_shape()?;
        let (scale, mask) = (scale(&keys.shape), AttentionMask::default());
        self.make(q.shape(), |y| {
            Ok(attention_packed(&self.context, q.elements(), &keys.packed, queries, scale, mask, y)?)
        })
    }
}
