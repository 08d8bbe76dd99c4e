//! `RunOptions`: what holds for all steps of a run.

use super::forward::Mask;
use super::{Latent, SamplerKind};

/// The weighting of UniPC's residuals, B(h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniPcWeights {
    /// B(h) = h; without noise at the end it is A1111's and not diffusers'.
    Bh1,
    /// B(h) = e^h − 1.
    Bh2,
}

/// Corrects a prediction before the rule uses it: `score_corrector` of the reference.
/// Takes e_t, x, t; returns the corrected e_t.
pub type ScoreCorrector<'a> = &'a dyn Fn(Latent, &Latent, f32) -> Latent;

/// What holds for all steps of a run.
#[derive(Clone)]
pub struct RunOptions<'a> {
    /// The rule that takes the steps.
    pub sampler: SamplerKind,
    /// η: share of fresh noise in each step, for rules in levels; DDIM's schedule holds its own.
    pub eta: f64,
    /// How much of the step's σ may be raised by fresh noise (`s_churn`), spread over the steps.
    pub s_churn: f64,
    /// Factor of fresh noise in rules in σ (`s_noise`).
    pub s_noise: f64,
    /// Share of the guided prediction that gets the conditional one's deviation (Lin et al. 2024).
    pub guidance_rescale: f64,
    /// Where guidance acts, as shares of the steps; elsewhere it is 1.
    pub guidance_interval: [f64; 2],
    /// Renoise with the unconditional prediction (CFG++, Chung et al. 2024), where the rule knows it.
    pub cfg_pp: bool,
    /// Ask the network with whole timesteps, the nearest in ln σ.
    pub quantize_timesteps: bool,
    /// Take the last step of DPM++ 2M by the first order though it ends above 0
    /// (`lower_order_final`).
    pub lower_order_final: bool,
    /// Order of UniPC.
    pub unipc_order: usize,
    /// Weighting of UniPC.
    pub unipc_weights: UniPcWeights,
    /// Factor of each step's fresh noise, for rules that keep the variance.
    pub temperature: f64,
    /// Share of the fresh noise to drop, 0 to 1.
    pub noise_dropout: f64,
    /// Draw noise once for the whole batch.
    pub repeat_noise: bool,
    /// Use the codebook's version of pred_x0.
    pub quantize_denoised: bool,
    /// Corrects each prediction; none by default.
    pub score_corrector: Option<ScoreCorrector<'a>>,
    /// Holds part of the picture to a given one.
    pub mask: Option<Mask>,
    /// Keep x and pred_x0 every so many steps (by index), and at the first.
    pub log_every_t: usize,
}

impl RunOptions<'_> {
    /// What a rule does by itself, with its own η.
    pub fn of(sampler: SamplerKind) -> Self {
        Self {
            sampler,
            eta: sampler.row().eta(),
            s_churn: 0.0,
            s_noise: 1.0,
            guidance_rescale: 0.0,
            guidance_interval: [0.0, 1.0],
            cfg_pp: false,
            quantize_timesteps: false,
            lower_order_final: false,
            unipc_order: 2,
            unipc_weights: UniPcWeights::Bh2,
            temperature: 1.0,
            noise_dropout: 0.0,
            repeat_noise: false,
            quantize_denoised: false,
            score_corrector: None,
            mask: None,
            log_every_t: 100,
        }
    }
}

impl Default for RunOptions<'_> {
    fn default() -> Self {
        Self::of(SamplerKind::default())
    }
}
