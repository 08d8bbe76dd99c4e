//! LayerNorm over the channels of each token.
//!
//! Two passes over a row that stays in L1: the mean, then the squares of what differs from it.
#![expect(unsafe_code, reason = "raw pointers into checked slices")]

use crate::ops::cpu::context::Context;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::simd::{Simd, load_upto, store_upto};
use crate::ops::cpu::memory::shared::Shared;
use crate::ops::cpu::stop::KernelError;

/// Rows of one item.
const CHUNK: usize = 32;

/// y = (x - mean) / √(variance + eps) · weight + bias, row by row.
///
/// # Errors
/// [`KernelError`]: `y` is incomplete.
///
/// # Panics
/// Unless `x` and `y` are rows of as many numbers as `weight` and `bias` have.
pub fn layer_norm(
    context: &Context,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    eps: f32,
    y: &mut [f32],
) -> Result<(), KernelError> {
    let channels = weight.len();
    assert!(bias.len() == channels && x.len() == y.len(), "weight and bias, x and y have one shape");
    assert!(channels > 0 && x.len().is_multiple_of(channels), "x has whole rows");
    let rows = x.len() / channels;
    let y = Shared::new(y);
    context.each(rows.div_ceil(CHUNK), |_, item| {
        let start = item * CHUNK;
        let count = CHUNK.min(rows - start);
        Normalise {
            x: &x[start * channels..(start + count) * channels],
            weight,
            bias,
            eps,
            y: y.at(start * channels),
        }
    })
}

/// Some rows.
struct Normalise<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f32,
    y: *mut f32,
}

impl Task for Normalise<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let channels = self.weight.len();
        let whole = channels / S::LANES * S::LANES;
        for (number, row) in self.x.chunks_exact(channels).enumerate() {
            let (row, y) = (row.as_ptr(), self.y.wrapping_add(number * channels));
            // SAFETY: row, weight, bias and y have `channels` numbers.
            unsafe {
                let mean = fold::<S, false>(row, 0.0, channels) / channels as f32;
                let variance = fold::<S, true>(row, mean, channels) / channels as f32;
                let factor = S::splat(1.0 / (variance + self.eps).sqrt());
                for c in (0..whole + S::LANES).step_by(S::LANES).take_while(|c| *c < channels) {
                    let left = channels - c;
                    let off = S::mul(S::sub(load_upto::<S>(row.add(c), left), S::splat(mean)), factor);
                    let value = S::fma(
                        off,
                        load_upto::<S>(self.weight.as_ptr().add(c), left),
                        load_upto::<S>(self.bias.as_ptr().add(c), left),
                    );
                    store_upto::<S>(y.add(c), value, left);
                }
            }
        }
    }
}

/// Σ(x - pivot), or of its square, over a row.
#[inline(always)]
unsafe fn fold<S: Simd, const SQUARE: bool>(row: *const f32, pivot: f32, count: usize) -> f32 {
    // SAFETY: the row has `count` numbers; the lanes fit in 16.
    unsafe {
        let mut sums = [S::splat(0.0); 4];
        let (mut c, pivots) = (0, S::splat(pivot));
        while c + 4 * S::LANES <= count {
            for (v, sum) in sums.iter_mut().enumerate() {
                let off = S::sub(S::load(row.add(c + v * S::LANES)), pivots);
                *sum = if SQUARE { S::fma(off, off, *sum) } else { S::add(*sum, off) };
            }
            c += 4 * S::LANES;
        }
        let mut lanes = [0.0f32; 16];
        S::store(lanes.as_mut_ptr(), S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3])));
        let mut total: f32 = lanes.iter().sum();
        while c < count {
            let off = *row.add(c) - pivot;
            total += if SQUARE { off * off } else { off };
            c += 1;
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::testing::{check, noise, wide};

    #[test]
    fn rows_of_odd_lengths() {
        for (rows, channels) in [(1, 1), (5, 37), (77, 768), (33, 320), (3, 1283)] {
            let x: Vec<f32> = noise(1, rows * channels).iter().map(|x| x + 3.0).collect();
            let (weight, bias) = (noise(2, channels), noise(3, channels));
            let mut want = Vec::new();
            for row in wide(&x).chunks_exact(channels) {
                let mean = row.iter().sum::<f64>() / channels as f64;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / channels as f64;
                want.extend(row.iter().enumerate().map(|(c, x)| {
                    (x - mean) / (variance + 1e-5).sqrt() * f64::from(weight[c]) + f64::from(bias[c])
                }));
            }
            check(&format!("layer norm {rows}x{channels}"), &want, 4e-6, |context, y| {
                layer_norm(context, &x, &weight, &bias, 1e-5, y).unwrap();
            });
        }
    }
}
