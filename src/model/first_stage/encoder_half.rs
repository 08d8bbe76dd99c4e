//! `EncoderHalf`: the half of a first stage that turns pictures into latents.
//!
//! Text to picture does not use it, and files made for that alone leave it out; then it is absent, and
//! asking for it is an error that says so.

use crate::model::first_stage::blocks::{DdConfig, Encoder, resident_encoder};
use crate::model::resident::Resident;
use crate::ops::{Conv2d, Conv2dShape, Error, Result, Tensor, Weights};

/// An encoder and the convolution behind it, or neither.
#[derive(Debug)]
pub(in crate::model) struct EncoderHalf(Option<(Resident<Encoder>, Conv2d)>);

impl EncoderHalf {
    /// `encoder` and `quant_conv` of a first stage at `weights`, absent if one of their tensors is.
    ///
    /// # Errors
    /// If a tensor is of another shape or cannot be read.
    pub(super) fn new(weights: &Weights, config: &DdConfig, quant: Conv2dShape) -> Result<Self> {
        let built = resident_encoder(weights, config)
            .and_then(|encoder| Ok((encoder, Conv2d::new(&weights.pp("quant_conv"), quant)?)));
        match built {
            Ok(built) => Ok(Self(Some(built))),
            Err(Error::NoTensor { .. }) => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    /// None at all.
    pub(super) fn absent() -> Self {
        Self(None)
    }

    /// Whether it is there.
    pub(in crate::model) fn is_whole(&self) -> bool {
        self.0.is_some()
    }

    /// (b, in_channels, H, W) → (b, c, h, w), what `quant_conv` gives; in bands of about so many positions if `bands`
    /// says so.
    ///
    /// # Errors
    /// If it is absent, shapes do not fit, or stopped.
    pub(super) fn forward(&self, x: &Tensor, bands: Option<usize>) -> Result<Tensor> {
        let (encoder, quant_conv) = self.0.as_ref().ok_or(Error::NoEncoder)?;
        let encoder = encoder.get()?;
        let encoded = match bands {
            Some(pixels) => encoder.forward_in_bands(x, pixels)?,
            None => encoder.forward(x)?,
        };
        quant_conv.forward(&encoded)
    }

    /// Frees the encoder's memory until a picture is encoded.
    pub(in crate::model) fn give_back(&self) {
        if let Some((encoder, _)) = &self.0 {
            encoder.give_back();
        }
    }
}
