//! Attention by our kernels: tiles with a running softmax, no score matrix in memory.

use super::Tensor;
use crate::ops::cpu::{self, AttentionMask, AttentionShape};
use crate::ops::{Mask, Result};

/// softmax(q·kᵀ / √d)·v for each head.
///
/// `q` (b, n, heads·d); `k`, `v` (b, m, heads·d); the result has q's shape. The caller has checked
/// the shapes.
///
/// # Errors
/// If stopped.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask<'_>) -> Result<Tensor> {
    let [batch, queries, c] = q.token_shape()?;
    let [_, keys, _] = k.token_shape()?;
    let head_size = c / heads;
    let shape = AttentionShape { batch, queries, keys, heads, head_size };
    let scale = 1.0 / (head_size as f32).sqrt();
    let mask = match mask {
        Mask::None => AttentionMask::default(),
        Mask::Causal => AttentionMask { causal: true, keys: None },
        Mask::Keys(seen) => AttentionMask { causal: false, keys: Some(seen) },
    };
    Tensor::make(q.device(), q.shape(), |context, y| {
        Ok(cpu::attention(context, q.numbers()?, k.numbers()?, v.numbers()?, shape, scale, mask, y)?)
    })
}
