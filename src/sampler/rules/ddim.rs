//! DDIM: denoising diffusion implicit models (Song et al. 2020, eq. 12; `DDIMSampler.p_sample_ddim`).
//!
//! Trap: under CFG++ the picture is the guided one and the noise that it gets back is not (Chung et al.
//! 2024, algorithm 2).

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent};

/// x_prev = √ᾱ_prev·pred_x0 + √(1 − ᾱ_prev − σ²)·e_t + σ·noise.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let predicted = step.predict(x, step.number)?;
    step.x_prev(predicted.e_t_uncond.as_ref().unwrap_or(&predicted.e_t), predicted.pred_x0)
}
