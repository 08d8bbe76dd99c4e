//! TCD: trajectory consistency distillation by strategic stochastic sampling (Zheng et al. 2024,
//! algorithm 4; diffusers' `TCDScheduler`). Here η is its γ.
//!
//! Trap: the last step goes to the first timestep of training, and not to no noise at all.

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent, Level};

/// Down to s = ⌊(1 − γ)·t'⌋, and up to t' by fresh noise.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let gamma = step.options().eta;
    let last = step.number + 1 == step.steps();
    let next_t = if last { 0 } else { step.next_level().t as usize };
    let s = ((1.0 - gamma) * next_t as f64).max(0.0) as usize;
    let at = |t| Level::of_timestep(step.training(), t);
    let (there, next) = (at(s), at(next_t));
    let predicted = step.predict(x, step.number)?;
    let pred_x0 = step.quantized(predicted.pred_x0)?;
    let (signal, sigma) = (there.signal() as f32, there.noise() as f32);
    let mut x_prev = pred_x0.zip(&predicted.e_t, |x0, e| signal * x0 + sigma * e);
    if gamma > 0.0 && !last {
        let share = next.alpha_cumprod() / there.alpha_cumprod();
        let keep = share.sqrt() as f32;
        let noise = step.noise(x.shape, (1.0 - share).max(0.0).sqrt() as f32);
        x_prev = x_prev.zip(&noise, |x, noise| keep * x + noise);
    }
    Ok(Stepped { x_prev, pred_x0 })
}
