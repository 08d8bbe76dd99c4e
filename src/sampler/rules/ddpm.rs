//! DDPM: the ancestral step of training itself (Ho et al. 2020, eq. 7; diffusers' `DDPMScheduler` with
//! spaced timesteps and its fixed small variance).

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent};

/// The least variance, as in diffusers.
const VARIANCE_MIN: f64 = 1e-20;

/// x ← √ᾱ'·β/(1 − ᾱ)·x0 + √(ᾱ/ᾱ')·(1 − ᾱ')/(1 − ᾱ)·x + √β̃·z, β = 1 − ᾱ/ᾱ'; no z at timestep 0.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let level = step.level();
    let (a_t, a_prev) = (level.alpha_cumprod(), step.next_level().alpha_cumprod());
    let predicted = step.predict(x, step.number)?.pred_x0;
    let pred_x0 = step.quantized(predicted)?;
    let beta = 1.0 - a_t / a_prev;
    let of_x0 = (a_prev.sqrt() * beta / (1.0 - a_t)) as f32;
    let of_x = ((a_t / a_prev).sqrt() * (1.0 - a_prev) / (1.0 - a_t)) as f32;
    let mut x_prev = pred_x0.zip(x, |x0, x| of_x0 * x0 + of_x * x);
    if level.t > 0.0 {
        let variance = ((1.0 - a_prev) / (1.0 - a_t) * beta).max(VARIANCE_MIN);
        let noise = step.noise(x.shape, variance.sqrt() as f32);
        x_prev = x_prev.zip(&noise, |x, noise| x + noise);
    }
    Ok(Stepped { x_prev, pred_x0 })
}
