//! LayerNorm over the channels of each token.
//!
//! Two passes over a row that stays in L1: the mean, then the squares of what differs from it.

use crate::ops::cpu::context::Context;
use crate::ops::cpu::cut::Pieces;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::simd::Simd;
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
    let pieces = Pieces::new(1, y.len(), CHUNK * channels);
    context.each_piece(y, pieces, |start, y| Normalize {
        x: &x[start..start + y.len()],
        weight,
        bias,
        eps,
        y,
    })
}

/// Some rows.
struct Normalize<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f32,
    y: &'a mut [f32],
}

impl Task for Normalize<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.weight.len();
        for (row, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
            let mean = fold::<S, false>(s, row, 0.0) / channels as f32;
            let variance = fold::<S, true>(s, row, mean) / channels as f32;
            let factor = s.splat(1.0 / (variance + self.eps).sqrt());
            let (weight, bias) = (&self.weight[..channels], &self.bias[..channels]);
            let mut c = 0;
            while c + S::LANES <= channels {
                let here = c..c + S::LANES;
                let (weight, bias) = (&weight[here.clone()], &bias[here.clone()]);
                normalize(s, &row[here.clone()], mean, factor, weight, bias, &mut y[here]);
                c += S::LANES;
            }
            if c < channels {
                normalize(s, &row[c..], mean, factor, &weight[c..], &bias[c..], &mut y[c..]);
            }
        }
    }
}

/// A vector of a row, or a part of one at its end.
#[inline(always)]
fn normalize<S: Simd>(s: S, x: &[f32], mean: f32, factor: S::V, weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let off = s.mul(s.sub(s.read(x), s.splat(mean)), factor);
    s.write(y, s.fma(off, s.read(weight), s.read(bias)));
}

/// Σ(x - pivot), or of its square, over a row.
#[inline(always)]
fn fold<S: Simd, const SQUARE: bool>(s: S, row: &[f32], pivot: f32) -> f32 {
    let mut sums = [s.splat(0.0); 4];
    let pivots = s.splat(pivot);
    let mut c = 0;
    while c + 4 * S::LANES <= row.len() {
        for (part, sum) in row[c..c + 4 * S::LANES].chunks_exact(S::LANES).zip(&mut sums) {
            let off = s.sub(s.read(part), pivots);
            *sum = if SQUARE { s.fma(off, off, *sum) } else { s.add(*sum, off) };
        }
        c += 4 * S::LANES;
    }
    let lanes = s.lanes(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])));
    let mut total: f32 = lanes.iter().sum();
    for x in &row[c..] {
        let off = x - pivot;
        total += if SQUARE { off * off } else { off };
    }
    total
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
