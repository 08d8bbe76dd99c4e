//! `RunOptions`: what holds for all steps of a run.

use super::forward::Mask;
use super::{Latent, SamplerKind};

/// Corrects a prediction before the rule uses it: `score_corrector` of the reference.
/// Takes e_t, x, t; returns the corrected e_t.
pub type ScoreCorrector<'a> = &'a dyn Fn(Latent, &Latent, f32) -> Latent;

/// What holds for all steps of a run.
#[derive(Clone)]
pub struct RunOptions<'a> {
    /// The rule that takes the steps.
    pub sampler: SamplerKind,
    /// Factor of each step's fresh noise.
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

impl Default for RunOptions<'_> {
    fn default() -> Self {
        Self {
            sampler: SamplerKind::Ddim,
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
