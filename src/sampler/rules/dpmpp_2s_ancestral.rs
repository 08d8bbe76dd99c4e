//! DPM++ 2S a: DPM-Solver++(2S) to a lower level, and fresh noise back up (Lu et al. 2022,
//! arXiv 2211.01095, algorithm 1; k-diffusion's `sample_dpmpp_2s_ancestral`).

use super::ancestral::{added, along, split};
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent, log_middle};

/// x ← (σ_down/σ)·x + (1 − σ_down/σ)·D at √(σ·σ_down) + σ_up·z.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let (level, to) = (step.level(), step.next_level().sigma);
    let pred_x0 = step.denoise(x, level)?.pred_x0;
    let (down, up) = split(level.sigma, to, step.options().eta);
    let mut x_prev = if down == 0.0 {
        along(x, &pred_x0, level.sigma, 0.0)
    } else {
        let half = step.level_of_sigma(log_middle(level.sigma, down));
        let halfway = along(x, &pred_x0, level.sigma, half.sigma);
        let there = step.denoise(&halfway, half)?.pred_x0;
        along(x, &there, level.sigma, down)
    };
    if to > 0.0 {
        x_prev = added(&x_prev, &step.fresh(x.shape, up));
    }
    Ok(Stepped { x_prev, pred_x0 })
}
