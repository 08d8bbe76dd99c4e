//! The channels behind x of a model that takes more than words: from the picture that the run begins from, or what
//! stands for one where there is none.
//!
//! Traps: an inpainting model's mask comes before the masked picture's latent, and 1 repaints; what is masked is mid
//! gray, whose latent is not zero. A model that edits pictures takes their latent as it is encoded, without
//! `scale_factor`. Depths are brought to [-1, 1], the nearest 1.

use crate::message::Takes;
use crate::model::{ConditioningKey, LatentDiffusion};
use crate::note::{ModelNote, Note};
use crate::ops::{Error, Result, Tensor};
use crate::picture::Frame;
use crate::resize::resize_bicubic;
use crate::sampler::Latent;
use crate::tray::Mask;

use crate::engine::denoise::to_latent;
use crate::engine::generate_error::GenerateError;
use crate::engine::pixels::{encode_image, encode_unscaled, numbers_of};

/// From this level on a pixel is repainted by a model that knows no half.
const HALF: u8 = 128;

/// Channels behind a latent's own.
fn further(model: &LatentDiffusion) -> usize {
    model.config.unet.in_channels.saturating_sub(model.config.channels)
}

/// What a model takes beside words and noise.
pub fn takes(model: &LatentDiffusion) -> Takes {
    let latent = model.config.channels;
    match (model.config.conditioning_key, further(model)) {
        (ConditioningKey::Hybrid, 1) => Takes::Depth,
        (ConditioningKey::Hybrid, further) if further == latent => Takes::Picture,
        (ConditioningKey::Hybrid, further) if further == latent + 1 => Takes::MaskedPicture,
        _ => Takes::Nothing,
    }
}

/// The channels of a run of height `h` and width `w`, in positions of the latent, that begins from no picture, and what
/// is to be said.
///
/// # Errors
/// If the model takes channels of another sort; if the device fails, or stopped.
pub fn without_picture(model: &LatentDiffusion, [h, w]: [usize; 2]) -> Result<(Latent, Note)> {
    let latent = model.config.channels;
    let flat = |channels: usize| vec![0.0f32; channels * h * w];
    let (values, note) = match takes(model) {
        Takes::Depth => (flat(1), ModelNote::WithoutDepth),
        Takes::Picture => (flat(latent), ModelNote::WithoutPicture),
        Takes::MaskedPicture => {
            let mut values = vec![1.0; h * w];
            values.extend(gray(model, [h, w])?);
            (values, ModelNote::WithoutMask)
        }
        Takes::Nothing => {
            return Err(Error::Shape(format!(
                "expected a UNet of 1, {latent} or {} channels beside the latent's {latent}, found {}",
                latent + 1,
                further(model)
            )));
        }
    };
    Ok((Latent::new([1, further(model), h, w], values), note.into()))
}

/// The channels of a run that begins from the picture `begun`, at the run's size, of which `mask` is repainted; all of
/// it where there is none. `depth` are the levels of a map of that size.
///
/// # Errors
/// If the encoder fails, or stopped.
pub fn of_picture(
    model: &LatentDiffusion,
    begun: &Frame,
    mask: Option<&Mask>,
    depth: Option<&[f32]>,
) -> std::result::Result<Option<Latent>, GenerateError> {
    let factor = model.config.first_stage_factor;
    let [h, w] = [begun.height / factor, begun.width / factor];
    match takes(model) {
        Takes::Nothing => Ok(None),
        Takes::Picture => encode_unscaled(model, begun).map(Some),
        Takes::Depth => {
            let plane = depth.map_or(vec![0.0; h * w], |levels| {
                near_and_far(resize_bicubic(levels, [begun.height, begun.width], [h, w]))
            });
            Ok(Some(Latent::new([1, 1, h, w], plane)))
        }
        Takes::MaskedPicture => {
            let repaints = |pixel: usize| mask.is_none_or(|mask| mask.levels[pixel] >= HALF);
            // As `interpolate` takes the nearest: the first pixel of each position.
            let first = |place: usize| place / w * factor * begun.width + place % w * factor;
            let mut values: Vec<f32> =
                (0..h * w).map(|place| f32::from(u8::from(repaints(first(place))))).collect();
            let image = numbers_of(begun, |pixel| !repaints(pixel));
            let encoded = encode_image(model, &image)?;
            values.extend(to_latent(&model.get_first_stage_encoding(&encoded)?)?.values);
            Ok(Some(Latent::new([1, further(model), h, w], values)))
        }
    }
}

/// Levels brought to [-1, 1], whatever their range is; zeros where they have none.
fn near_and_far(levels: Vec<f32>) -> Vec<f32> {
    let least = levels.iter().copied().fold(f32::INFINITY, f32::min);
    let most = levels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if most <= least {
        return vec![0.0; levels.len()];
    }
    levels.into_iter().map(|level| 2.0 * (level - least) / (most - least) - 1.0).collect()
}

/// As many channels of zeros behind x, for a model that takes any: all that a rehearsal needs.
///
/// # Errors
/// If the device fails.
#[cfg(feature = "gpu")]
pub fn zeros(model: &LatentDiffusion, [h, w]: [usize; 2]) -> Result<Option<Tensor>> {
    let further = further(model);
    let values = vec![0.0; further * h * w];
    let zeros = (further > 0).then(|| Tensor::from_f32(model.device(), &[1, further, h, w], &values));
    zeros.transpose()
}

/// The scaled latent of mid gray; zeros where the model has no encoder.
fn gray(model: &LatentDiffusion, [h, w]: [usize; 2]) -> Result<Vec<f32>> {
    let (channels, factor) = (model.config.channels, model.config.first_stage_factor);
    if !model.encodes() {
        return Ok(vec![0.0; channels * h * w]);
    }
    let shape = [1, 3, h * factor, w * factor];
    let picture = vec![0.0; shape.iter().product()];
    let picture = Tensor::from_f32(&model.first_stage_device(), &shape, &picture)?;
    let encoded = model.encode_first_stage(&picture)?;
    model.get_first_stage_encoding(&encoded)?.to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_span_their_range_and_a_flat_map_is_zero() {
        assert_eq!(near_and_far(vec![10.0, 20.0, 30.0]), [-1.0, 0.0, 1.0]);
        assert_eq!(near_and_far(vec![7.0; 3]), [0.0; 3]);
    }
}
