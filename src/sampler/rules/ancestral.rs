//! What rules in σ share: the ancestral split of a step, churn, and x along a slope.

use crate::sampler::step::Step;
use crate::sampler::{Denoiser, Latent, Level};

/// (σ_down, σ_up): where a step goes down to, and the noise that brings it back up to `to`
/// (`get_ancestral_step`).
pub(super) fn split(from: f64, to: f64, eta: f64) -> (f64, f64) {
    if eta == 0.0 {
        return (to, 0.0);
    }
    let up = (eta * (to * to * (from * from - to * to) / (from * from)).max(0.0).sqrt()).min(to);
    ((to * to - up * up).max(0.0).sqrt(), up)
}

/// Raises σ by fresh noise before the step, where the run asks for it (Karras et al. 2022, algorithm 2).
/// Trap: as in k-diffusion the noise is drawn also where none is used.
pub(super) fn churned<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> (Latent, Level) {
    let level = step.level();
    let gamma = (step.options().s_churn / step.steps() as f64).min(std::f64::consts::SQRT_2 - 1.0);
    if gamma <= 0.0 {
        step.fresh(x.shape, 0.0);
        return (x.clone(), level);
    }
    let sigma_hat = level.sigma * (1.0 + gamma);
    let noise = step.fresh(x.shape, (sigma_hat * sigma_hat - level.sigma * level.sigma).sqrt());
    (added(x, &noise), step.level_of_sigma(sigma_hat))
}

/// x at σ `to`, along the straight line from x at σ `from` to the picture.
pub(super) fn along(x: &Latent, pred_x0: &Latent, from: f64, to: f64) -> Latent {
    let share = (to / from) as f32;
    x.zip(pred_x0, |x, x0| x0 + share * (x - x0))
}

/// The slope (x − pred_x0)/σ.
pub(super) fn slope(x: &Latent, pred_x0: &Latent, sigma: f64) -> Latent {
    let sigma = sigma as f32;
    x.zip(pred_x0, |x, x0| (x - x0) / sigma)
}

/// a + b.
pub(super) fn added(a: &Latent, b: &Latent) -> Latent {
    a.zip(b, |a, b| a + b)
}
