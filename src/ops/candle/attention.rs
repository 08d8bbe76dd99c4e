//! Attention through a score matrix in f32.
//!
//! Trap: the score matrix of a 64×64 map is 4096², so queries are taken in slices: memory stays
//! bounded and a stop acts between slices.

use candle_core::{DType, Result as CandleResult, Tensor};

use crate::ops::backend::AttentionOps;
use crate::ops::candle::{Candle, LayerNorm};
use crate::ops::{Mask, Result};

/// Scores held at once: 32 million, 128 MB in f32.
const SCORES_MAX: usize = 32 << 20;

/// Keys and values as they came: nothing is gained by preparing them.
#[derive(Debug)]
pub struct KeysValues {
    k: Tensor,
    v: Tensor,
    heads: usize,
}

/// Never made: queries, keys and values have a layer each.
#[derive(Debug)]
pub enum NoProjections {}

impl AttentionOps for Candle {
    type KeysValues = KeysValues;

    type Projections = NoProjections;

    fn self_attention(&self, _norm: &LayerNorm, never: &NoProjections, _x: &Tensor) -> Result<Tensor> {
        match *never {}
    }

    /// Scores and softmax are in f32.
    fn attention(&self, q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask<'_>) -> Result<Tensor> {
        let (b, n, c) = self.explain("attention", q.dims3())?;
        let (_, m, _) = self.explain("attention", k.dims3())?;
        let d = c / heads;
        let split = |x: &Tensor, len: usize| {
            // (b, len, heads·d) → (b, heads, len, d)
            x.reshape((b, len, heads, d))?.transpose(1, 2)?.contiguous()
        };
        let q_heads = self.explain("attention", split(q, n).and_then(|q| q * (d as f64).powf(-0.5)))?;
        let k_heads = self.explain("attention", split(k, m).and_then(|k| k.transpose(2, 3)?.contiguous()))?;
        let v_heads = self.explain("attention", split(v, m))?;
        let bias = self.explain("a mask", mask_bias(mask, q, [b, n, m]))?;
        let slice = (SCORES_MAX / (b * heads * m)).clamp(1, n);
        let mut parts = Vec::new();
        for start in (0..n).step_by(slice) {
            self.check_stop()?;
            let rows = slice.min(n - start);
            let part = || {
                let scores = q_heads.narrow(2, start, rows)?.contiguous()?.matmul(&k_heads)?; // (b, heads, rows, m)
                let mut scores = scores.to_dtype(DType::F32)?;
                if let Some(bias) = &bias {
                    let bias = if bias.dim(2)? == 1 { bias.clone() } else { bias.narrow(2, start, rows)? };
                    scores = scores.broadcast_add(&bias)?;
                }
                let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(q.dtype())?;
                weights.matmul(&v_heads) // (b, heads, rows, d)
            };
            parts.push(self.explain("attention", part())?);
        }
        let join = || Tensor::cat(&parts, 2)?.transpose(1, 2)?.contiguous()?.reshape((b, n, c));
        self.explain("attention", join())
    }

    fn pack_keys_values(&self, k: &Tensor, v: &Tensor, heads: usize) -> Result<KeysValues> {
        Ok(KeysValues { k: k.clone(), v: v.clone(), heads })
    }

    fn attend(&self, keys: &KeysValues, q: &Tensor) -> Result<Tensor> {
        self.attention(q, &keys.k, &keys.v, keys.heads, Mask::None)
    }
}

/// What to add to the scores: (1 or b, 1, n or 1, m), zero or minus a very large number.
fn mask_bias(mask: Mask<'_>, like: &Tensor, [b, n, m]: [usize; 3]) -> CandleResult<Option<Tensor>> {
    let hidden = |hide: bool| if hide { f32::MIN } else { 0.0 };
    match mask {
        Mask::None => Ok(None),
        Mask::Causal => {
            let bias: Vec<f32> = (0..n * m).map(|i| hidden(i % m > i / m)).collect();
            Tensor::from_vec(bias, (1, 1, n, m), like.device()).map(Some)
        }
        Mask::Keys(keys) => {
            let bias: Vec<f32> = keys.iter().map(|seen| hidden(!seen)).collect();
            Tensor::from_vec(bias, (b, 1, 1, m), like.device()).map(Some)
        }
    }
}
