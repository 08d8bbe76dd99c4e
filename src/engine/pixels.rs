//! Between pixels and latents: the first stage as the engine asks it.
//!
//! Trap: latents here are scaled (`scale_factor`); pixels are eight bits a channel, the reference's truncation and not
//! diffusers' rounding.

use crate::model::{Encoded, LatentDiffusion};
use crate::ops::{self, Tensor};
use crate::picture::Frame;
use crate::sampler::Latent;

use super::denoise::to_latent;
use super::generate_error::{GenerateError, Part, check_finite};

/// A scaled latent's picture, by the model's own decoder.
///
/// # Errors
/// If the decoder fails, gives a number that is not finite, or is stopped.
pub fn decode(model: &LatentDiffusion, z: &Latent) -> Result<(Frame, Tensor), GenerateError> {
    let image = decode_image(model, z)?;
    Ok((frame_of(model, &image)?, image))
}

/// The decoder's own numbers (b, 3, H, W), about [-1, 1], where it computes.
///
/// # Errors
/// If the decoder fails or is stopped.
pub fn decode_image(model: &LatentDiffusion, z: &Latent) -> Result<Tensor, GenerateError> {
    // As exact as it is: a decoder in f16 begins again in f32.
    let z = Tensor::from_f32(&model.first_stage_device(), &z.shape, &z.values)?;
    let image = model.decode_first_stage(&z)?;
    let [_, channels, ..] = image.map_shape()?;
    if channels != 3 {
        return Err(ops::Error::Shape(format!("expected a decoder of 3 channels, found {channels}")).into());
    }
    Ok(image)
}

/// The pixels of [`decode_image`]'s answer.
///
/// # Errors
/// If a number is not finite, or the device fails.
pub fn frame_of(model: &LatentDiffusion, image: &Tensor) -> Result<Frame, GenerateError> {
    let [_, _, h, w] = image.map_shape()?;
    let pixels = image.to_f32()?;
    check_finite(model, Part::FirstStage, &pixels)?;
    Ok(Frame::from_decoded(&pixels, w, h))
}

/// What the encoder makes of pictures (b, 3, H, W) in [-1, 1]: of a distribution its mean.
///
/// # Errors
/// If there is no encoder, it fails, gives a number that is not finite, or is stopped.
pub fn encode_image(model: &LatentDiffusion, image: &Latent) -> Result<Encoded, GenerateError> {
    let image = Tensor::from_f32(&model.first_stage_device(), &image.shape, &image.values)?;
    let encoded = model.encode_first_stage(&image)?;
    check_finite(model, Part::FirstStage, &encoded.mode().to_f32()?)?;
    Ok(encoded)
}

/// A picture's scaled latent.
///
/// # Errors
/// As [`encode_image`].
pub fn encode(model: &LatentDiffusion, picture: &Frame) -> Result<Latent, GenerateError> {
    let encoded = encode_image(model, &numbers_of(picture, |_| true))?;
    Ok(to_latent(&model.get_first_stage_encoding(&encoded)?)?)
}

/// The same not scaled.
///
/// # Errors
/// As [`encode_image`].
pub fn encode_unscaled(model: &LatentDiffusion, picture: &Frame) -> Result<Latent, GenerateError> {
    Ok(to_latent(encode_image(model, &numbers_of(picture, |_| true))?.mode())?)
}

/// A picture as the first stage takes it (1, 3, H, W), mid gray where a pixel is not `seen`.
pub fn numbers_of(picture: &Frame, seen: impl Fn(usize) -> bool) -> Latent {
    let (width, height) = (picture.width, picture.height);
    let number = |c: usize, pixel: usize| match seen(pixel) {
        true => 2.0 * (f32::from(picture.rgb[3 * pixel + c]) / 255.0) - 1.0,
        false => 0.0,
    };
    let values = (0..3).flat_map(|c| (0..width * height).map(move |pixel| (c, pixel)));
    Latent::new([1, 3, height, width], values.map(|(c, pixel)| number(c, pixel)).collect())
}
