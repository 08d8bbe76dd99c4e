//! DPM2: by the slope in the middle of the step (DPM-Solver-2, Lu et al. 2022; k-diffusion's
//! `sample_dpm_2`). Two calls of the model a step, one in a last step to σ = 0.

use super::ancestral::{along, churned, slope};
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent, log_middle};

/// x ← x + (σ' − σ)·d at √(σ·σ').
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let to = step.next_level().sigma;
    let (x, level) = churned(step, x);
    let pred_x0 = step.denoise(&x, level)?.pred_x0;
    if to == 0.0 {
        return Ok(Stepped { x_prev: along(&x, &pred_x0, level.sigma, 0.0), pred_x0 });
    }
    let half = step.level_of_sigma(log_middle(level.sigma, to));
    let halfway = along(&x, &pred_x0, level.sigma, half.sigma);
    let there = step.denoise(&halfway, half)?.pred_x0;
    let length = (to - level.sigma) as f32;
    let x_prev = x.zip(&slope(&halfway, &there, half.sigma), |x, slope| x + length * slope);
    Ok(Stepped { x_prev, pred_x0 })
}
