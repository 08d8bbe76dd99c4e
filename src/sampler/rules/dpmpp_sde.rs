//! DPM++ SDE: DPM-Solver++ with Brownian noise in both halves of the step (k-diffusion's
//! `sample_dpmpp_sde`, r = ½).
//!
//! Trap: the noise of the first half is part of that of the whole step, so the two go together.

use super::ancestral::{added, along, split};
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent, log_middle};

/// Half a step down and up by z(σ, √(σ·σ')), then the whole one by the picture there and z(σ, σ').
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let (level, to) = (step.level(), step.next_level().sigma);
    let pred_x0 = step.denoise(x, level)?.pred_x0;
    if to == 0.0 {
        return Ok(Stepped { x_prev: pred_x0.clone(), pred_x0 });
    }
    let eta = step.options().eta;
    let half = step.level_of_sigma(log_middle(level.sigma, to));
    // k-diffusion's times went through the logarithm and back.
    let [begin, end] = [level.sigma, to].map(|sigma| log_middle(sigma, sigma));
    let (down, up) = split(level.sigma, half.sigma, eta);
    let noise = step.brownian(x.shape, begin, half.sigma, up);
    let halfway = added(&along(x, &pred_x0, level.sigma, down), &noise);
    let there = step.denoise(&halfway, half)?.pred_x0;
    let (down, up) = split(level.sigma, to, eta);
    let noise = step.brownian(x.shape, begin, end, up);
    Ok(Stepped { x_prev: added(&along(x, &there, level.sigma, down), &noise), pred_x0 })
}
