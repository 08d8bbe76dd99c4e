//! `FittedDecoder`: a linear map from a latent's neighborhood to the pixels under it, fitted by
//! least squares to whichever decoder is loaded. It shows a step's picture at almost no cost.
//!
//! Trap: pixels are fitted after clamping to [-1, 1], as they will be seen.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::write_atomically;
use crate::picture::Frame;
use crate::sampler::Latent;
use crate::sampler::RngKind;
use crate::sampler::noise::Noise;

/// Height and width of the latents that the fit decodes.
pub const CROP: usize = 16;
/// Decodes that a fit takes; the last is held out to measure the error.
pub const DECODES: usize = 8;
/// Added to the diagonal, as a share of it: keeps the solution small where latents say nothing.
const RIDGE: f64 = 1e-4;
/// A kept fit may not be longer.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The map: for each position, 3×3 neighbors of every channel and a constant → 3·f·f pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedDecoder {
    channels: usize,
    factor: usize,
    weights: Vec<f32>, // (9·channels + 1, 3·factor²)
    /// Root of the mean squared error on latents that were not fitted, as a share of the range of pixels.
    pub error: f32,
}

/// A latent and its decoded picture (3, h·f, w·f).
pub struct Sample {
    /// (1, c, CROP, CROP).
    pub latent: Latent,
    /// The decoder's answer.
    pub image: Vec<f32>,
}

/// The `number`th latent to decode for a fit: noise of several sizes of blot, about unit variance,
/// like what lies between a blur and a picture.
pub fn fit_latent(channels: usize, number: usize) -> Latent {
    let mut noise = Noise::seeded(RngKind::Cpu, number as u64);
    let mut values = vec![0.0; channels * CROP * CROP];
    for (blot, share) in [(1, 0.35_f32), (2, 0.45), (4, 0.55), (8, 0.5), (16, 0.35)] {
        let side = CROP / blot;
        let coarse = noise.randn((channels * side * side).max(16));
        for (i, value) in values.iter_mut().enumerate() {
            let (channel, y, x) = (i / (CROP * CROP), i / CROP % CROP / blot, i % CROP / blot);
            *value += share * coarse[(channel * side + y) * side + x];
        }
    }
    Latent::new([1, channels, CROP, CROP], values)
}

/// Latent to red, green and blue for models shaped like Stable Diffusion v1, until a fit is ready
/// (found by Hugging Face forum user keturn; rows are channels).
const V1_LATENT_TO_RGB: [[f32; 3]; 4] =
    [[0.298, 0.207, 0.208], [0.187, 0.286, 0.173], [-0.158, 0.189, 0.264], [-0.184, -0.271, -0.473]];

impl FittedDecoder {
    /// Whether colors of latents like these are known without a fit.
    pub fn knows_colors(channels: usize, factor: usize) -> bool {
        channels == V1_LATENT_TO_RGB.len() && factor == 8
    }

    /// What stands in until there is a fit: one flat color a position where colors are known, else gray.
    pub fn rough(channels: usize, factor: usize) -> Self {
        let square = factor * factor;
        let mut weights = vec![0.0; (9 * channels + 1) * 3 * square];
        let known = if Self::knows_colors(channels, factor) { &V1_LATENT_TO_RGB[..] } else { &[] };
        for (channel, colors) in known.iter().enumerate() {
            // The middle of the neighborhood.
            let row = (9 * channel + 4) * 3 * square;
            for (color, weight) in colors.iter().enumerate() {
                weights[row + color * square..row + (color + 1) * square].fill(*weight);
            }
        }
        Self { channels, factor, weights, error: 0.0 }
    }

    /// The least squares fit of all samples but the last, whose error is measured; `None` if the
    /// samples do not determine one.
    pub fn fit(samples: &[Sample], factor: usize) -> Option<Self> {
        let (held_out, fitted) = samples.split_last()?;
        let channels = held_out.latent.shape[1];
        let (inputs, outputs) = (9 * channels + 1, 3 * factor * factor);
        let mut gram = vec![0.0; inputs * inputs];
        let mut cross = vec![0.0; inputs * outputs];
        for sample in fitted {
            for position in 0..CROP * CROP {
                let features = features(&sample.latent, position / CROP, position % CROP);
                let pixels = block(sample, factor, position);
                for (i, &a) in features.iter().enumerate() {
                    let row = &mut gram[i * inputs..(i + 1) * inputs];
                    row.iter_mut().zip(&features).for_each(|(sum, &b)| *sum += f64::from(a * b));
                    let row = &mut cross[i * outputs..(i + 1) * outputs];
                    row.iter_mut().zip(&pixels).for_each(|(sum, &b)| *sum += f64::from(a * b));
                }
            }
        }
        for i in 0..inputs {
            gram[i * inputs + i] *= 1.0 + RIDGE;
            gram[i * inputs + i] += 1e-9;
        }
        solve(&mut gram, &mut cross, inputs, outputs)?;
        let weights = cross.iter().map(|&weight| weight as f32).collect();
        let mut decoder = Self { channels, factor, weights, error: 0.0 };
        decoder.error = decoder.error_on(held_out);
        decoder.error.is_finite().then_some(decoder)
    }

    fn error_on(&self, sample: &Sample) -> f32 {
        let mut squares = 0.0;
        for position in 0..CROP * CROP {
            let guess = self.pixels(&sample.latent, position / CROP, position % CROP);
            let truth = block(sample, self.factor, position);
            squares +=
                guess.iter().zip(&truth).map(|(a, b)| f64::from(a.clamp(-1.0, 1.0) - b).powi(2)).sum::<f64>();
        }
        let count = CROP * CROP * 3 * self.factor * self.factor;
        ((squares / count as f64).sqrt() / 2.0) as f32
    }

    /// The 3·f·f pixels under one position.
    fn pixels(&self, z: &Latent, y: usize, x: usize) -> Vec<f32> {
        let outputs = 3 * self.factor * self.factor;
        let mut pixels = vec![0.0; outputs];
        for (i, feature) in features(z, y, x).into_iter().enumerate() {
            let row = &self.weights[i * outputs..(i + 1) * outputs];
            pixels.iter_mut().zip(row).for_each(|(sum, weight)| *sum += feature * weight);
        }
        pixels
    }

    /// A latent's picture (the first of a batch); `None` if the latent has other channels.
    pub fn decode(&self, z: &Latent) -> Option<Frame> {
        (z.shape[1] == self.channels).then(|| self.frame(z))
    }

    /// A latent's picture without a fit; see [`FittedDecoder::rough`].
    pub fn decode_roughly(z: &Latent, factor: usize) -> Frame {
        Self::rough(z.shape[1], factor).frame(z)
    }

    fn frame(&self, z: &Latent) -> Frame {
        let [_, _, h, w] = z.shape;
        let f = self.factor;
        let (height, width) = (h * f, w * f);
        let mut image = vec![0.0; 3 * height * width];
        for y in 0..h {
            for x in 0..w {
                let pixels = self.pixels(z, y, x);
                for (i, value) in pixels.into_iter().enumerate() {
                    let (channel, dy, dx) = (i / (f * f), i / f % f, i % f);
                    image[(channel * height + y * f + dy) * width + x * f + dx] = value;
                }
            }
        }
        Frame::from_decoded(&image, width, height)
    }

    /// Channels of its latents, pixels of a position's side, and its map: (9·channels + 1, 3·factor²).
    pub fn map(&self) -> (usize, usize, &[f32]) {
        (self.channels, self.factor, &self.weights)
    }

    /// Reads a kept fit; `None` for anything but a fit of this decoder.
    pub fn read(path: &Path, channels: usize, factor: usize) -> Option<Self> {
        if std::fs::metadata(path).ok()?.len() > FILE_BYTES_MAX {
            return None;
        }
        let kept: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let fits = kept.channels == channels
            && kept.factor == factor
            && kept.weights.len() == (9 * channels + 1) * 3 * factor * factor;
        fits.then_some(kept)
    }

    /// Saves the fit for the next start; ignores a folder that cannot be written.
    pub fn keep(&self, path: &Path) {
        let written = serde_json::to_vec(self).map_err(std::io::Error::other).and_then(|bytes| {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            write_atomically(path, &bytes, true)
        });
        if let Err(error) = written {
            log::info!("the fitted preview is not kept: {error}");
        }
    }
}

/// The 3×3 neighborhood of every channel, edges repeated, and a constant.
fn features(z: &Latent, y: usize, x: usize) -> Vec<f32> {
    let [_, channels, h, w] = z.shape;
    let mut features = Vec::with_capacity(9 * channels + 1);
    for channel in 0..channels {
        for dy in 0..3 {
            for dx in 0..3 {
                let row = (y + dy).saturating_sub(1).min(h - 1);
                let column = (x + dx).saturating_sub(1).min(w - 1);
                features.push(z.values[(channel * h + row) * w + column]);
            }
        }
    }
    features.push(1.0);
    features
}

/// The pixels under a position of a sample, clamped.
fn block(sample: &Sample, f: usize, position: usize) -> Vec<f32> {
    let (y, x) = (position / CROP, position % CROP);
    let side = CROP * f;
    (0..3 * f * f)
        .map(|i| {
            let (channel, dy, dx) = (i / (f * f), i / f % f, i % f);
            sample.image[(channel * side + y * f + dy) * side + x * f + dx].clamp(-1.0, 1.0)
        })
        .collect()
}

/// Solves A·X = B for a symmetric positive A (n, n) by Cholesky's method, X in B's place (n, m).
fn solve(a: &mut [f64], b: &mut [f64], n: usize, m: usize) -> Option<()> {
    for j in 0..n {
        for i in j..n {
            let sum: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - sum;
            if i == j && (rest.is_nan() || rest <= 0.0) {
                return None;
            }
            a[i * n + j] = if i == j { rest.sqrt() } else { rest / a[j * n + j] };
        }
    }
    for column in 0..m {
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| a[i * n + k] * b[k * m + column]).sum();
            b[i * m + column] = (b[i * m + column] - sum) / a[i * n + i];
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k * m + column]).sum();
            b[i * m + column] = (b[i * m + column] - sum) / a[i * n + i];
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A decoder that is linear in the neighborhood: the fit must find it.
    fn linear_sample(number: usize, factor: usize) -> Sample {
        let latent = fit_latent(4, number);
        let side = CROP * factor;
        let mut image = vec![0.0; 3 * side * side];
        for (i, value) in image.iter_mut().enumerate() {
            let (channel, y, x) = (i / (side * side), i / side % side / factor, i % side / factor);
            let features = features(&latent, y, x);
            *value = 0.1 * features[channel * 9 + 4] - 0.05 * features[27] + 0.02 * channel as f32;
        }
        Sample { latent, image }
    }

    #[test]
    fn a_linear_decoder_is_found() {
        let samples: Vec<Sample> = (0..4).map(|number| linear_sample(number, 2)).collect();
        let fitted = FittedDecoder::fit(&samples, 2).unwrap();
        assert!(fitted.error < 1e-3, "{}", fitted.error);
        let frame = fitted.decode(&samples[0].latent).unwrap();
        let truth = Frame::from_decoded(&samples[0].image, 2 * CROP, 2 * CROP);
        let worst = frame.rgb.iter().zip(truth.rgb.iter()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(2), "{worst:?}");
    }

    #[test]
    fn without_a_fit_colors_are_flat_or_gray() {
        let z = fit_latent(4, 3);
        let frame = FittedDecoder::decode_roughly(&z, 8);
        let at = |y: usize, x: usize| &frame.rgb[3 * (y * frame.width + x)..][..3];
        assert!((0..8).all(|i| at(8, 16) == at(8 + i, 23 - i)) && at(8, 16) != at(8, 24));
        let red: f32 = (0..4).map(|c| z.values[c * CROP * CROP + CROP + 2] * V1_LATENT_TO_RGB[c][0]).sum();
        assert_eq!(at(8, 16)[0], Frame::from_decoded(&[red; 3], 1, 1).rgb[0]);
        let gray = FittedDecoder::decode_roughly(&fit_latent(16, 3), 16);
        assert!(gray.rgb.iter().all(|level| *level == 127));
    }

    #[test]
    fn a_kept_fit_comes_back_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fit.json");
        let samples: Vec<Sample> = (0..4).map(|number| linear_sample(number, 2)).collect();
        let fitted = FittedDecoder::fit(&samples, 2).unwrap();
        fitted.keep(&path);
        assert_eq!(FittedDecoder::read(&path, 4, 2), Some(fitted));
        assert_eq!(FittedDecoder::read(&path, 3, 2), None);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(FittedDecoder::read(&path, 4, 2), None);
    }
}
