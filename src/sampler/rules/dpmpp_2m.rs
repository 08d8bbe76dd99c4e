//! DPM++ 2M: DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2; k-diffusion's
//! `sample_dpmpp_2m`).
//!
//! Trap: across a last interval that is far longer than the one before, the extrapolation overshoots:
//! below some 15 steps `karras` or `sgm_uniform` suit it, `normal` does not.

use super::ancestral::along;
use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, History, Latent};

/// x ← (σ'/σ)·x + (1 − σ'/σ)·D*, with D* = D + (D − D_before)/(2r), r the ratio of the steps in ln σ.
pub(super) fn step<D: Denoiser>(
    step: &mut Step<'_, D>,
    x: &Latent,
    history: &mut History,
) -> Result<Stepped, D::Error> {
    let (level, next) = (step.level(), step.next_level());
    let pred_x0 = step.denoise(x, level)?.pred_x0;
    let last = step.number + 1 == step.steps();
    let first_order = next.sigma == 0.0 || (last && step.options().lower_order_final);
    let x_prev = match history.back(1).filter(|_| !first_order) {
        None => along(x, &pred_x0, level.sigma, next.sigma),
        Some(before) => {
            let h = next.lambda() - level.lambda();
            let h_before = level.lambda() + before.sigma.ln();
            let half_ratio = (0.5 * h / h_before) as f32;
            let ahead = pred_x0.zip(&before.value, |x0, before| x0 + half_ratio * (x0 - before));
            along(x, &ahead, level.sigma, next.sigma)
        }
    };
    history.keep(level.sigma, pred_x0.clone(), 1);
    Ok(Stepped { x_prev, pred_x0 })
}
