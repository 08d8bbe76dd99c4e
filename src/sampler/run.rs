//! A run: the state between two steps, the options that hold for all of them, and the loop.
//!
//! Invariant: [`RunState`] is a plain value. Saved after any step and restored, it goes on to the
//! same picture, bit for bit.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::noise::Noise;
use super::{DdimSchedule, Denoiser, DiffusionSchedule, Latent, update};
use crate::sampler::SamplerKind;

/// Changes a prediction before it is used: `score_corrector` of the reference.
/// Takes e_t, x, t; gives the corrected e_t.
pub type ScoreCorrector<'a> = &'a dyn Fn(Latent, &Latent, usize) -> Latent;

/// Where a mask is 1 the picture is held to x0 (inpainting without a special model).
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// (b, 1 or c, h, w); 1 keeps x0.
    pub mask: Latent,
    /// (b, c, h, w), noised to each step's level.
    pub x0: Latent,
}

/// What holds for all steps of a run.
#[derive(Clone)]
pub struct RunOptions<'a> {
    /// The update rule.
    pub sampler: SamplerKind,
    /// Scales each step's fresh noise.
    pub temperature: f64,
    /// Share of the fresh noise that is dropped, 0 to 1.
    pub noise_dropout: f64,
    /// One draw of noise for the whole batch.
    pub repeat_noise: bool,
    /// Use the codebook's version of pred_x0.
    pub quantize_denoised: bool,
    /// Changes predictions.
    pub score_corrector: Option<ScoreCorrector<'a>>,
    /// Holds part of the picture.
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

/// Everything between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// The latent as it is now.
    pub x: Latent,
    /// Steps done.
    pub step: usize,
    /// The generator, where it stands.
    pub noise: Noise,
    /// The guidance of the steps to come (`unconditional_guidance_scale`).
    pub guidance: f64,
    /// The last predictions, for PLMS; at most three.
    pub old_eps: Vec<Latent>,
}

impl RunState {
    /// The start: `x_t`, or fresh noise of `shape`.
    pub fn start(shape: [usize; 4], x_t: Option<Latent>, mut noise: Noise, guidance: f64) -> Self {
        let x = x_t.unwrap_or_else(|| Latent::new(shape, noise.randn(shape.iter().product())));
        Self { x, step: 0, noise, guidance, old_eps: Vec::new() }
    }
}

/// What a step gives to the callback.
pub struct StepReport<'a> {
    /// Which step, from 0.
    pub step: usize,
    /// How many there are.
    pub steps: usize,
    /// Its t.
    pub timestep: usize,
    /// The guidance it used.
    pub guidance: f64,
    /// The latent after it.
    pub x: &'a Latent,
    /// The picture it predicts.
    pub pred_x0: &'a Latent,
    /// How long it took, callback excluded.
    pub took: Duration,
}

/// What the callback wants next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Next {
    /// Another guidance for the steps to come.
    pub guidance: Option<f64>,
}

/// Latents kept on the way (`intermediates`), both lists starting with x_T.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intermediates {
    /// x after the kept steps.
    pub x_inter: Vec<Latent>,
    /// pred_x0 of the kept steps.
    pub pred_x0: Vec<Latent>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutcome {
    /// The state at the end; `state.x` is `samples`.
    pub state: RunState,
    /// What `log_every_t` kept.
    pub intermediates: Intermediates,
    /// The callback ended it before the last step.
    pub stopped: bool,
}

/// Runs the steps of `schedule` that `state` has not done yet.
///
/// `on_step` is called after each; it may end the run or change the guidance of the steps to come.
/// Mirrors `DDIMSampler.ddim_sampling` and `PLMSSampler.plms_sampling`.
///
/// # Errors
/// If the network fails or is stopped inside a step.
pub fn run<D: Denoiser>(
    denoiser: &mut D,
    full: &DiffusionSchedule,
    schedule: &DdimSchedule,
    options: &RunOptions<'_>,
    mut state: RunState,
    on_step: &mut dyn FnMut(&StepReport<'_>, &RunState) -> ControlFlow<(), Next>,
) -> Result<RunOutcome, D::Error> {
    let steps = schedule.len();
    let mut intermediates = Intermediates { x_inter: vec![state.x.clone()], pred_x0: vec![state.x.clone()] };
    while state.step < steps {
        let began = Instant::now();
        let index = steps - state.step - 1;
        let timestep = schedule.ddim_timesteps[index];
        let guidance = state.guidance;
        if let Some(mask) = &options.mask {
            state.x = hold(mask, full, timestep, &mut state);
        }
        let pred_x0 = match options.sampler {
            SamplerKind::Ddim => update::p_sample_ddim(denoiser, full, schedule, options, index, &mut state)?,
            SamplerKind::Plms => update::p_sample_plms(denoiser, full, schedule, options, index, &mut state)?,
        };
        state.step += 1;
        if index.is_multiple_of(options.log_every_t.max(1)) || index + 1 == steps {
            intermediates.x_inter.push(state.x.clone());
            intermediates.pred_x0.push(pred_x0.clone());
        }
        let (step, took) = (state.step - 1, began.elapsed());
        let report = StepReport { step, steps, timestep, guidance, x: &state.x, pred_x0: &pred_x0, took };
        match on_step(&report, &state) {
            ControlFlow::Continue(next) => state.guidance = next.guidance.unwrap_or(state.guidance),
            ControlFlow::Break(()) => {
                let stopped = state.step < steps;
                return Ok(RunOutcome { state, intermediates, stopped });
            }
        }
    }
    Ok(RunOutcome { state, intermediates, stopped: false })
}

/// x with the masked part replaced by x0 at this step's noise level; draws the noise.
fn hold(mask: &Mask, full: &DiffusionSchedule, timestep: usize, state: &mut RunState) -> Latent {
    let img_orig = q_sample(full, &mask.x0, timestep, &mut state.noise);
    let [_, c, h, w] = state.x.shape;
    let mask_channels = mask.mask.shape[1];
    let plane = h * w;
    let mut x = state.x.clone();
    for (i, value) in x.values.iter_mut().enumerate() {
        let (batch, channel, position) = (i / (c * plane), i / plane % c, i % plane);
        let keep = mask.mask.values[(batch * mask_channels + channel % mask_channels) * plane + position];
        *value = img_orig.values[i] * keep + (1.0 - keep) * *value;
    }
    x
}

/// x_t = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε with fresh noise (DDPM, eq. 4).
pub fn q_sample(full: &DiffusionSchedule, x_start: &Latent, timestep: usize, noise: &mut Noise) -> Latent {
    let fresh = Latent::new(x_start.shape, noise.randn(x_start.len()));
    let (signal, sigma) = (full.sqrt_alphas_cumprod[timestep], full.sqrt_one_minus_alphas_cumprod[timestep]);
    x_start.zip(&fresh, |x, noise| signal * x + sigma * noise)
}

/// x_0 noised to the level of step index `t_enc` of the run's schedule: where img2img starts
/// (`DDIMSampler.stochastic_encode`).
pub fn stochastic_encode(schedule: &DdimSchedule, x0: &Latent, t_enc: usize, noise: &mut Noise) -> Latent {
    let fresh = Latent::new(x0.shape, noise.randn(x0.len()));
    let alpha = schedule.ddim_alphas[t_enc] as f32;
    let (signal, sigma) = (alpha.sqrt(), (1.0 - schedule.ddim_alphas[t_enc]).sqrt() as f32);
    x0.zip(&fresh, |x, noise| signal * x + sigma * noise)
}
