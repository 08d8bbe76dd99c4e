//! What a model that takes a picture beside the words is given where there is none.
//!
//! Traps: an inpainting model's mask comes before the masked picture's latent, and 1 repaints; the latent is
//! that of mid gray, which is not zero.

use crate::model::LatentDiffusion;
use crate::note::{ModelNote, Note};
use crate::ops::{Error, Result, Tensor};

/// The channels behind x (1, c, h, w) for a latent of height `h` and width `w`, and what is to be said.
///
/// # Errors
/// If the model takes channels of another sort; if the device fails, or stopped.
pub fn concat(model: &LatentDiffusion, [h, w]: [usize; 2]) -> Result<(Tensor, Note)> {
    let latent = model.config.channels;
    let further = model.config.unet.in_channels.saturating_sub(latent);
    let flat = |channels: usize| vec![0.0f32; channels * h * w];
    let (values, note) = match further {
        1 => (flat(1), ModelNote::WithoutDepth),
        _ if further == latent => (flat(latent), ModelNote::WithoutPicture),
        _ if further == latent + 1 => {
            let mut values = vec![1.0; h * w];
            values.extend(gray(model, [h, w])?);
            (values, ModelNote::WithoutMask)
        }
        _ => {
            return Err(Error::Shape(format!(
                "expected a UNet of 1, {latent} or {} channels beside the latent's {latent}, found {further}",
                latent + 1
            )));
        }
    };
    Ok((Tensor::from_f32(model.device(), &[1, further, h, w], &values)?, note.into()))
}

/// As many channels of zeros behind x, for a model that takes any: all that a rehearsal needs.
///
/// # Errors
/// If the device fails.
#[cfg(feature = "gpu")]
pub(super) fn zeros(model: &LatentDiffusion, [h, w]: [usize; 2]) -> Result<Option<Tensor>> {
    let further = model.config.unet.in_channels.saturating_sub(model.config.channels);
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
