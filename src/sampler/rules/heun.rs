//! Heun: by the mean of the slopes at both ends (Karras et al. 2022, algorithm 2; k-diffusion's
//! `sample_heun`). Two calls of the model a step, one in a last step to σ = 0.

use super::ancestral::{along, churned, slope};
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent};

/// x ← x + (σ' − σ)·(d + d')/2.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let next = step.next_level();
    let (x, level) = churned(step, x);
    let pred_x0 = step.denoise(&x, level)?.pred_x0;
    let euler = along(&x, &pred_x0, level.sigma, next.sigma);
    if next.sigma == 0.0 {
        return Ok(Stepped { x_prev: euler, pred_x0 });
    }
    let there = step.denoise(&euler, next)?.pred_x0;
    let half = 0.5 * (next.sigma - level.sigma) as f32;
    let slopes = slope(&x, &pred_x0, level.sigma).zip(&slope(&euler, &there, next.sigma), |a, b| a + b);
    Ok(Stepped { x_prev: x.zip(&slopes, |x, slopes| x + half * slopes), pred_x0 })
}
