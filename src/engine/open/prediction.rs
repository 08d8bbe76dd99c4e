//! What a network predicts, by one call: at the end of the schedule x is noise, so a network that predicts
//! the noise answers with x itself, and one that predicts v with what it sees in it.

use crate::checkpoint::side_of_v2;
use crate::engine::denoise::to_tensor;
use crate::engine::from::without_picture;
use crate::model::{Conditioning, ConditioningKey, LatentDiffusion};
use crate::note::{ModelNote, Note};
use crate::ops::{Result, Tensor};
use crate::sampler::noise::Noise;
use crate::sampler::{Parameterization, RngKind};

/// The share of x in the answer from which on it is the noise.
const SHARE: f64 = 0.5;

/// Lets the network say what it predicts, and the side that goes with it.
///
/// # Errors
/// As [`tried`].
pub(super) fn settle(model: &mut LatentDiffusion) -> Result<Note> {
    model.config.parameterization = tried(model)?;
    let v = model.config.parameterization == Parameterization::V;
    model.config.image_size = side_of_v2(v, model.config.image_size);
    Ok(ModelNote::PredictionTried { v }.into())
}

/// What the UNet predicts. Of a network that was not trained it says something all the same.
///
/// # Errors
/// If the network fails or is stopped.
fn tried(model: &LatentDiffusion) -> Result<Parameterization> {
    let side = 2 << model.config.unet.halvings();
    let shape = [1, model.config.channels, side, side];
    let noise = Noise::seeded(RngKind::Cpu, 0).randn(shape.iter().product());
    let x = Tensor::from_f32(model.device(), &shape, &noise)?;
    let texts = model.get_learned_conditioning(&[""])?;
    let mut conditioning = Conditioning::from_texts(texts, ConditioningKey::Crossattn);
    if model.config.conditioning_key == ConditioningKey::Hybrid {
        let (concat, _) = without_picture(model, [side, side])?;
        conditioning.c_concat.push(to_tensor(model, &concat)?);
    }
    if model.config.unet.time_cond_proj_dim.is_some() {
        conditioning.guidance = Some(vec![1.0]);
    }
    let last = model.config.schedule.timesteps().saturating_sub(1) as f32;
    let answer = model.apply_model(&x, &[last], &conditioning)?.to_f32()?;
    let product =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let share = product(&answer, &noise) / product(&noise, &noise);
    Ok(if share >= SHARE { Parameterization::Eps } else { Parameterization::V })
}
