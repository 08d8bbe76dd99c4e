//! `AutoencoderKL`: pictures to a Gaussian over latents and back (mirrors `ldm/models/autoencoder.py`).

use crate::model::first_stage::blocks::{DdConfig, Decoder};
use crate::model::first_stage::encoder_half::EncoderHalf;
use crate::model::first_stage::watch::Watch;
use crate::ops::{Conv2d, Conv2dShape, Result, Tensor, Weights};

/// The encoder's distribution of a picture's latent.
#[derive(Clone, Debug)]
pub struct DiagonalGaussianDistribution {
    /// (b, embed_dim, h, w).
    pub mean: Tensor,
    /// (b, embed_dim, h, w), clamped to [-30, 20] where [`DiagonalGaussianDistribution::logvar`] gives it.
    logvar: Tensor,
}

impl DiagonalGaussianDistribution {
    /// log σ², clamped to [-30, 20] as the reference does, row-major on the host.
    ///
    /// # Errors
    /// If the device fails.
    pub fn logvar(&self) -> Result<Vec<f32>> {
        Ok(self.logvar.to_f32()?.into_iter().map(|value| value.clamp(-30.0, 20.0)).collect())
    }
}

/// The first stage of Stable Diffusion.
#[derive(Debug)]
pub struct AutoencoderKL {
    encoder: EncoderHalf,
    decoder: Decoder,
    post_quant_conv: Conv2d,
    numbers_in_bands: f64,
}

impl AutoencoderKL {
    /// # Errors
    /// If weights of the decoder are missing.
    pub fn new(weights: &Weights, config: &DdConfig, embed_dim: usize) -> Result<Self> {
        let quant = Conv2dShape::one(2 * config.z_channels, 2 * embed_dim);
        Ok(Self {
            encoder: EncoderHalf::new(weights, config, quant)?,
            decoder: Decoder::new(&weights.pp("decoder"), config)?,
            numbers_in_bands: config.numbers_in_bands(),
            post_quant_conv: Conv2d::new(
                &weights.pp("post_quant_conv"),
                Conv2dShape::one(embed_dim, config.z_channels),
            )?,
        })
    }

    /// (b, 3, H, W) in [-1, 1] → the distribution of its latent, unscaled.
    ///
    /// # Errors
    /// If there is no encoder, shapes do not fit, or stopped.
    pub fn encode(&self, x: &Tensor, bands: Option<usize>) -> Result<DiagonalGaussianDistribution> {
        let (mean, logvar) = self.encoder.forward(x, bands)?.halves()?;
        Ok(DiagonalGaussianDistribution { mean, logvar })
    }

    /// See [`super::FirstStage::numbers_in_bands`].
    pub(super) fn numbers_in_bands(&self) -> f64 {
        self.numbers_in_bands
    }

    /// The half that encodes.
    pub(super) fn encoder(&self) -> &EncoderHalf {
        &self.encoder
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
        let z = self.post_quant_conv.forward(z)?;
        match bands {
            Some(pixels) => self.decoder.forward_in_bands(&z, pixels, watch),
            None => self.decoder.forward(&z, watch),
        }
    }
}
