//! Euler: along the slope to the next level (Karras et al. 2022, algorithm 2 without its correction;
//! k-diffusion's `sample_euler`).

use super::ancestral::churned;
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent};

/// x ← D + (σ'/σ)·(x − D); under CFG++ the slope is that without the condition.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let to = step.next_level().sigma;
    let (x, level) = churned(step, x);
    let denoised = step.denoise(&x, level)?;
    let share = (to / level.sigma) as f32;
    let rest = x.zip(denoised.anchor(), |x, x0| share * (x - x0));
    let x_prev = denoised.pred_x0.zip(&rest, |x0, rest| x0 + rest);
    Ok(Stepped { x_prev, pred_x0: denoised.pred_x0 })
}
