//! `FirstStage`: either of the two first stages, as `LatentDiffusion` sees them.

mod autoencoder;
mod bands;
mod blocks;
mod encoder_half;
mod taesd;
mod vector_quantizer;
mod watch;

pub use autoencoder::{AutoencoderKL, DiagonalGaussianDistribution};
pub use blocks::DdConfig;
pub use taesd::{TinyDecoder, TinyShape};
pub use vector_quantizer::VQModelInterface;
pub use watch::Watch;

use encoder_half::EncoderHalf;

use crate::ops::{Result, Tensor};

/// The network between pictures and latents.
#[derive(Debug)]
pub enum FirstStage {
    /// A Gaussian over latents.
    Kl(Box<AutoencoderKL>),
    /// A codebook of latents.
    Vq(Box<VQModelInterface>),
    /// A small decoder without an encoder.
    Tiny(Box<TinyFirstStage>),
}

/// A tiny decoder that is all of a first stage.
#[derive(Debug)]
pub struct TinyFirstStage {
    decoder: TinyDecoder,
    encoder: EncoderHalf,
}

impl TinyFirstStage {
    /// Around a decoder.
    pub fn new(decoder: TinyDecoder) -> Self {
        Self { decoder, encoder: EncoderHalf::absent() }
    }
}

/// What encoding a picture gives.
#[derive(Clone, Debug)]
pub enum Encoded {
    /// A Gaussian over latents, from [`FirstStage::Kl`].
    Posterior(DiagonalGaussianDistribution),
    /// The latent before it is quantized, from [`FirstStage::Vq`].
    Latent(Tensor),
}

impl Encoded {
    /// The latent itself, or the distribution's mean.
    pub fn mode(&self) -> &Tensor {
        match self {
            Self::Posterior(posterior) => &posterior.mean,
            Self::Latent(z) => z,
        }
    }
}

impl FirstStage {
    /// (b, 3, H, W) in [-1, 1] → unscaled latent; in bands of about so many positions if `bands` says so.
    ///
    /// # Errors
    /// If there is no encoder, shapes do not fit, or stopped.
    pub fn encode(&self, x: &Tensor, bands: Option<usize>) -> Result<Encoded> {
        match self {
            Self::Kl(model) => model.encode(x, bands).map(Encoded::Posterior),
            Self::Vq(model) => model.encode(x, bands).map(Encoded::Latent),
            Self::Tiny(model) => model.encoder.forward(x, bands).map(Encoded::Latent),
        }
    }

    /// Numbers for each pixel that are there at once where it works in bands; none where it never does.
    pub fn numbers_in_bands(&self) -> Option<f64> {
        match self {
            Self::Kl(model) => Some(model.numbers_in_bands()),
            Self::Vq(model) => Some(model.numbers_in_bands()),
            Self::Tiny(_) => None,
        }
    }

    /// Unscaled latent (b, c, h, w) → (b, 3, H, W), about [-1, 1]; in bands of about so many positions if `bands`
    /// says so; none if `watch` finds numbers beyond the range of z's type.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn decode(&self, z: &Tensor, bands: Option<usize>, watch: &mut Watch) -> Result<Option<Tensor>> {
        match self {
            Self::Kl(model) => model.decode(z, bands, watch),
            Self::Vq(model) => model.decode(z, bands, watch),
            Self::Tiny(model) => model.decoder.decode_signed(z).map(Some),
        }
    }

    /// The half that encodes.
    pub(super) fn encoder(&self) -> &EncoderHalf {
        match self {
            Self::Kl(model) => model.encoder(),
            Self::Vq(model) => model.encoder(),
            Self::Tiny(model) => &model.encoder,
        }
    }

    /// The quantized latent, for a first stage with a codebook.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn quantize(&self, z: &Tensor) -> Result<Option<Tensor>> {
        match self {
            Self::Kl(_) | Self::Tiny(_) => Ok(None),
            Self::Vq(model) => model.quantize(z).map(Some),
        }
    }
}
