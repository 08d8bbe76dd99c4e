//! DPM++ 2M SDE: DPM-Solver++(2M) of the stochastic equation, with Brownian noise (k-diffusion's
//! `sample_dpmpp_2m_sde`), by either of its two weights.

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, History, Latent};

/// How the change of the picture is weighted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Solver {
    /// By its middle.
    Midpoint,
    /// As Heun's rule does.
    Heun,
}

/// x ← (σ'/σ)·e^(−ηh)·x + E·D + c·(D − D_before)·h/h_before + σ'·√(1 − e^(−2ηh))·z, E = 1 − e^(−(1+η)h).
pub(super) fn step<D: Denoiser>(
    step: &mut Step<'_, D>,
    x: &Latent,
    history: &mut History,
    solver: Solver,
) -> Result<Stepped, D::Error> {
    let (level, next) = (step.level(), step.next_level());
    let pred_x0 = step.denoise(x, level)?.pred_x0;
    if next.sigma == 0.0 {
        history.keep(level.sigma, pred_x0.clone(), 1);
        return Ok(Stepped { x_prev: pred_x0.clone(), pred_x0 });
    }
    let eta = step.options().eta;
    let h = next.lambda() - level.lambda();
    let q = (1.0 + eta) * h;
    let e = -(-q).exp_m1();
    let (keep, take) = ((next.sigma / level.sigma * (-eta * h).exp()) as f32, e as f32);
    let mut x_prev = x.zip(&pred_x0, |x, x0| keep * x + take * x0);
    if let Some(before) = history.back(1) {
        let h_before = level.lambda() + before.sigma.ln();
        let weight = match solver {
            Solver::Midpoint => 0.5 * e,
            Solver::Heun => 1.0 - e / q,
        };
        let weight = (weight * h / h_before) as f32;
        let change = pred_x0.zip(&before.value, |x0, before| weight * (x0 - before));
        x_prev = x_prev.zip(&change, |x, change| x + change);
    }
    if eta != 0.0 {
        let scale = next.sigma * (-(-2.0 * eta * h).exp_m1()).sqrt();
        let noise = step.brownian(x.shape, level.sigma, next.sigma, scale);
        x_prev = x_prev.zip(&noise, |x, noise| x + noise);
    }
    history.keep(level.sigma, pred_x0.clone(), 1);
    Ok(Stepped { x_prev, pred_x0 })
}
