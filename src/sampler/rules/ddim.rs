//! DDIM: denoising diffusion implicit models (Song et al. 2020, eq. 12; `DDIMSampler.p_sample_ddim`).

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent};

/// x_prev = √ᾱ_prev·pred_x0 + √(1 − ᾱ_prev − σ²)·e_t + σ·noise.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let (e_t, pred_x0) = step.predict(x, step.index)?;
    step.x_prev(&e_t, pred_x0)
}
