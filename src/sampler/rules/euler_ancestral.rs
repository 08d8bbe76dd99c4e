//! Euler a: Euler's step to a lower level, and fresh noise back up (k-diffusion's
//! `sample_euler_ancestral`).

use super::ancestral::{added, split};
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent};

/// x ← D + (σ_down/σ)·(x − D) + σ_up·z; under CFG++ the slope is that without the condition.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let (level, to) = (step.level(), step.next_level().sigma);
    let denoised = step.denoise(x, level)?;
    let (down, up) = split(level.sigma, to, step.options().eta);
    let share = (down / level.sigma) as f32;
    let rest = x.zip(denoised.anchor(), |x, x0| share * (x - x0));
    let mut x_prev = denoised.pred_x0.zip(&rest, |x0, rest| x0 + rest);
    if to > 0.0 {
        x_prev = added(&x_prev, &step.fresh(x.shape, up));
    }
    Ok(Stepped { x_prev, pred_x0: denoised.pred_x0 })
}
