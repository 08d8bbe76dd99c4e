//! Attention by candle.
//!
//! Trap: the score matrix of a 64×64 map is 4096², so queries are taken in slices: memory stays
//! bounded and a stop acts between slices.

use candle_core as candle;

use crate::ops::candle::Tensor;
use crate::ops::{Mask, Result};

/// Scores held at once: 32 million, 128 MB in f32.
const SCORES_MAX: usize = 32 << 20;

/// softmax(q·kᵀ / √d)·v for each head.
///
/// `q` (b, n, heads·d); `k`, `v` (b, m, heads·d); the result has q's shape. Scores and softmax are
/// in f32. The caller has checked the shapes.
///
/// # Errors
/// If the device fails, or stopped.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask<'_>) -> Result<Tensor> {
    let [b, n, c] = q.token_shape()?;
    let [_, m, _] = k.token_shape()?;
    let d = c / heads;
    let split = |x: &Tensor, len: usize| {
        // (b, len, heads·d) → (b, heads, len, d)
        x.inner.reshape((b, len, heads, d))?.transpose(1, 2)?.contiguous()
    };
    let device = &q.device;
    let q_heads = device.explain("attention", split(q, n).and_then(|q| q * (d as f64).powf(-0.5)))?;
    let k_heads = device.explain("attention", split(k, m).and_then(|k| k.transpose(2, 3)?.contiguous()))?;
    let v_heads = device.explain("attention", split(v, m))?;
    let bias = device.explain("a mask", mask_bias(mask, &q.inner, [b, n, m]))?;
    let slice = (SCORES_MAX / (b * heads * m)).clamp(1, n);
    let mut parts = Vec::new();
    for start in (0..n).step_by(slice) {
        device.check_stop()?;
        let rows = slice.min(n - start);
        let part = || {
            let scores = q_heads.narrow(2, start, rows)?.contiguous()?.matmul(&k_heads)?; // (b, heads, rows, m)
            let mut scores = scores.to_dtype(candle::DType::F32)?;
            if let Some(bias) = &bias {
                let bias = if bias.dim(2)? == 1 { bias.clone() } else { bias.narrow(2, start, rows)? };
                scores = scores.broadcast_add(&bias)?;
            }
            let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(q.inner.dtype())?;
            weights.matmul(&v_heads) // (b, heads, rows, d)
        };
        parts.push(device.explain("attention", part())?);
    }
    let join = || candle::Tensor::cat(&parts, 2)?.transpose(1, 2)?.contiguous()?.reshape((b, n, c));
    q.wrap("attention", join())
}

/// What to add to the scores: (1 or b, 1, n or 1, m), zero or minus a very large number.
fn mask_bias(
    mask: Mask<'_>,
    like: &candle::Tensor,
    [b, n, m]: [usize; 3],
) -> candle::Result<Option<candle::Tensor>> {
    let hidden = |hide: bool| if hide { f32::MIN } else { 0.0 };
    match mask {
        Mask::None => Ok(None),
        Mask::Causal => {
            let bias: Vec<f32> = (0..n * m).map(|i| hidden(i % m > i / m)).collect();
            candle::Tensor::from_vec(bias, (1, 1, n, m), like.device()).map(Some)
        }
        Mask::Keys(keys) => {
            let bias: Vec<f32> = keys.iter().map(|seen| hidden(!seen)).collect();
            candle::Tensor::from_vec(bias, (b, 1, 1, m), like.device()).map(Some)
        }
    }
}
