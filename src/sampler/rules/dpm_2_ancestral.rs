//! DPM2 a: DPM2's step to a lower level, and fresh noise back up (k-diffusion's
//! `sample_dpm_2_ancestral`).

use super::ancestral::{added, along, slope, split};
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent, log_middle};

/// x ← x + (σ_down − σ)·d at √(σ·σ_down) + σ_up·z.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let (level, to) = (step.level(), step.next_level().sigma);
    let pred_x0 = step.denoise(x, level)?.pred_x0;
    let (down, up) = split(level.sigma, to, step.options().eta);
    if down == 0.0 {
        return Ok(Stepped { x_prev: along(x, &pred_x0, level.sigma, 0.0), pred_x0 });
    }
    let half = step.level_of_sigma(log_middle(level.sigma, down));
    let halfway = along(x, &pred_x0, level.sigma, half.sigma);
    let there = step.denoise(&halfway, half)?.pred_x0;
    let length = (down - level.sigma) as f32;
    let x_prev = x.zip(&slope(&halfway, &there, half.sigma), |x, slope| x + length * slope);
    let noise = step.fresh(x.shape, up);
    Ok(Stepped { x_prev: added(&x_prev, &noise), pred_x0 })
}
