//! The probabilities of cross-attention, for those who want to see them: the mean over heads.
//!
//! The attention that makes pictures never has them in memory: it goes through keys in tiles. So they are computed
//! again from queries and keys, on the host and in f32 whatever the device and its dtype; from a card the queries are
//! read back.

use super::meter::Described;
use super::{Error, Result, Tensor};

/// Keys of one item, on the host.
#[derive(Clone, Debug)]
pub struct HostKeys {
    keys: usize,
    channels: usize,
    /// Channels by keys: neighbors in memory are keys.
    transposed: Vec<f32>,
}

impl HostKeys {
    /// Reads item `item` of `k` (b, m, heads·d) back.
    ///
    /// # Errors
    /// If there is no such item, or the device fails.
    pub fn read(k: &Tensor, item: usize) -> Result<Self> {
        let [_, keys, channels] = k.token_shape()?;
        let values = k.batch_item(item)?.to_f32()?;
        let mut transposed = vec![0.0; values.len()];
        for (key, row) in values.chunks_exact(channels.max(1)).enumerate() {
            for (channel, value) in row.iter().enumerate() {
                transposed[channel * keys + key] = *value;
            }
        }
        Ok(Self { keys, channels, transposed })
    }

    /// Keys (m).
    pub fn len(&self) -> usize {
        self.keys
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }
}

/// softmax(q·kᵀ / √d) of item `item` of `q` (b, n, heads·d), the mean over heads: (n, m), row-major.
///
/// # Errors
/// If the shapes do not fit, or the device fails.
pub fn attention_probabilities(q: &Tensor, item: usize, keys: &HostKeys, heads: usize) -> Result<Vec<f32>> {
    let [_, n, c] = q.token_shape()?;
    if heads == 0 || c % heads != 0 || c != keys.channels || keys.is_empty() {
        return Err(Error::Shape(format!(
            "attention over {heads} heads cannot join q {:?} and keys [{}, {}]",
            q.shape(),
            keys.keys,
            keys.channels
        )));
    }
    let work = || Ok(mean_over_heads(&q.batch_item(item)?.to_f32()?, keys, heads));
    q.device().measure(work, |_| Described {
        kind: "attention maps",
        shape: format!("{n} to {}, {heads} heads of {}", keys.keys, c / heads),
        operations: 2.0 * (n * keys.keys) as f64 * c as f64,
    })
}

fn mean_over_heads(q: &[f32], keys: &HostKeys, heads: usize) -> Vec<f32> {
    let (m, c) = (keys.keys, keys.channels);
    let d = c / heads;
    let (scale, share) = (1.0 / (d as f32).sqrt(), 1.0 / heads as f32);
    let mut mean = vec![0.0; q.len() / c * m];
    let mut scores = vec![0.0_f32; m];
    for (query, row) in q.chunks_exact(c).zip(mean.chunks_exact_mut(m)) {
        for head in 0..heads {
            let channels = head * d..(head + 1) * d;
            scores.fill(0.0);
            for (x, column) in
                query[channels.clone()].iter().zip(keys.transposed[channels.start * m..].chunks_exact(m))
            {
                for (score, key) in scores.iter_mut().zip(column) {
                    *score += x * key;
                }
            }
            let most = scale * scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for score in &mut scores {
                *score = (scale * *score - most).exp();
                sum += *score;
            }
            let factor = share / sum;
            row.iter_mut().zip(&scores).for_each(|(mean, score)| *mean += factor * score);
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Device, StopFlag};

    /// The same in f64 by the formula.
    fn plainly(q: &[f32], k: &[f32], [n, m, c]: [usize; 3], heads: usize) -> Vec<f64> {
        let d = c / heads;
        let mut mean = vec![0.0; n * m];
        for (i, head) in (0..n).flat_map(|i| (0..heads).map(move |head| (i, head))) {
            let score = |j: usize| -> f64 {
                let of = |values: &[f32], row: usize, channel: usize| {
                    f64::from(values[row * c + head * d + channel])
                };
                (0..d).map(|channel| of(q, i, channel) * of(k, j, channel)).sum::<f64>() / (d as f64).sqrt()
            };
            let scores: Vec<f64> = (0..m).map(|j| score(j).exp()).collect();
            let sum: f64 = scores.iter().sum();
            scores.iter().enumerate().for_each(|(j, score)| mean[i * m + j] += score / sum / heads as f64);
        }
        mean
    }

    #[test]
    fn probabilities_are_those_of_the_formula_in_f64() {
        let device = Device::cpu(StopFlag::default());
        let (n, m, c, heads) = (37, 24, 48, 3);
        let values = |len: usize, seed: f32| -> Vec<f32> {
            (0..len).map(|i| 3.0 * (seed * (i * i % 977) as f32).sin()).collect()
        };
        // Of a batch of two the second is asked for.
        let (q, k) = (values(2 * n * c, 0.7), values(2 * m * c, 1.3));
        let keys = HostKeys::read(&Tensor::from_f32(&device, &[2, m, c], &k).unwrap(), 1).unwrap();
        let q_tensor = Tensor::from_f32(&device, &[2, n, c], &q).unwrap();
        let found = attention_probabilities(&q_tensor, 1, &keys, heads).unwrap();
        let expected = plainly(&q[n * c..], &k[m * c..], [n, m, c], heads);
        let worst = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(worst <= 1e-6, "{worst}");
        assert!(expected.iter().any(|p| *p > 0.2), "a flat softmax shows nothing");
        assert!(attention_probabilities(&q_tensor, 1, &keys, 5).is_err());
        assert!(attention_probabilities(&q_tensor, 2, &keys, heads).is_err());
    }
}
