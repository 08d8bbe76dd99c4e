//! `VQModelInterface`: the first stage whose latents are rows of a codebook (mirrors
//! `ldm/models/autoencoder.py` and `VectorQuantizer2` of taming-transformers).
//!
//! Trap: `encode` does not quantize; `decode` does, before `post_quant_conv`.

use crate::model::first_stage::blocks::{DdConfig, Decoder};
use crate::model::first_stage::encoder_half::EncoderHalf;
use crate::model::first_stage::watch::Watch;
use crate::ops::{Conv2d, Conv2dShape, Result, Tensor, Weights};

/// A vector-quantized first stage.
#[derive(Debug)]
pub struct VQModelInterface {
    encoder: EncoderHalf,
    decoder: Decoder,
    post_quant_conv: Conv2d,
    numbers_in_bands: f64,
    codebook: Vec<f32>, // (n_embed, embed_dim)
    embed_dim: usize,
}

impl VQModelInterface {
    /// # Errors
    /// If weights of the decoder or the codebook are missing.
    pub fn new(weights: &Weights, config: &DdConfig, embed_dim: usize, n_embed: usize) -> Result<Self> {
        let encoded = if config.double_z { 2 * config.z_channels } else { config.z_channels };
        Ok(Self {
            encoder: EncoderHalf::new(weights, config, Conv2dShape::one(encoded, embed_dim))?,
            decoder: Decoder::new(&weights.pp("decoder"), config)?,
            numbers_in_bands: config.numbers_in_bands(),
            post_quant_conv: Conv2d::new(
                &weights.pp("post_quant_conv"),
                Conv2dShape::one(embed_dim, config.z_channels),
            )?,
            codebook: weights.pp("quantize").pp("embedding").get_f32("weight", &[n_embed, embed_dim])?,
            embed_dim,
        })
    }

    /// (b, 3, H, W) in [-1, 1] → (b, embed_dim, h, w), not quantized.
    ///
    /// # Errors
    /// If there is no encoder, shapes do not fit, or stopped.
    pub fn encode(&self, x: &Tensor, bands: Option<usize>) -> Result<Tensor> {
        self.encoder.forward(x, bands)
    }

    /// See [`super::FirstStage::numbers_in_bands`].
    pub(super) fn numbers_in_bands(&self) -> f64 {
        self.numbers_in_bands
    }

    /// The half that encodes.
    pub(super) fn encoder(&self) -> &EncoderHalf {
        &self.encoder
    }

    /// Every position's vector replaced by the nearest row of the codebook.
    ///
    /// # Errors
    /// If the channels are not `embed_dim`.
    pub fn quantize(&self, z: &Tensor) -> Result<Tensor> {
        let [b, c, h, w] = z.map_shape()?;
        let plane = h * w;
        let mut values = z.to_f32()?;
        for image in values.chunks_mut(c * plane).take(b) {
            for position in 0..plane {
                let row = self.nearest(|channel| image[channel * plane + position]);
                for (channel, &value) in row.iter().enumerate() {
                    image[channel * plane + position] = value;
                }
            }
        }
        Tensor::from_f32(z.device(), &[b, c, h, w], &values)
    }

    /// The codebook's row with the least Euclidean distance; the first of equals.
    fn nearest(&self, vector: impl Fn(usize) -> f32) -> &[f32] {
        let distance = |row: &[f32]| -> f64 {
            row.iter().enumerate().map(|(c, &value)| f64::from(value - vector(c)).powi(2)).sum()
        };
        let mut best = &self.codebook[..self.embed_dim];
        let mut least = f64::INFINITY;
        for row in self.codebook.chunks_exact(self.embed_dim) {
            let found = distance(row);
            if found < least {
                (best, least) = (row, found);
            }
        }
        best
    }

    /// z (b, embed_dim, h, w), unscaled → (b, 3, H, W), about [-1, 1]; see [`super::FirstStage::decode`].
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub(super) fn decode(
        &self,
        z: &Tensor,
        bands: Option<usize>,
        watch: &mut Watch,
    ) -> Result<Option<Tensor>> {
        let z = self.post_quant_conv.forward(&self.quantize(z)?)?;
        match bands {
            Some(pixels) => self.decoder.forward_in_bands(&z, pixels, watch),
            None => self.decoder.forward(&z, watch),
        }
    }
}
