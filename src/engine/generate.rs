//! `generate`: a text and settings to a picture, on one screen. Mirrors the reference's `txt2img.py`.

use std::ops::ControlFlow;

use crate::message::{SamplerKind, Settings, TokenCount};
use crate::model::{Conditioning, ConditioningKey, LatentDiffusion};
use crate::ops::{self, Tensor};
use crate::picture::Frame;
use crate::sampler::noise::Noise;
use crate::sampler::{DdimSchedule, Latent, Next, RunOptions, RunState, ScheduleError, StepReport, run};
use crate::trace::Trace;

use super::denoise::{ConditionedModel, to_tensor};

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// A choice that this model cannot follow.
    #[error("{0}")]
    Settings(String),
    /// Steps that do not exist.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The networks failed, or were stopped.
    #[error(transparent)]
    Ops(#[from] ops::Error),
}

/// What is known before the first step.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps.
    pub schedule: DdimSchedule,
    /// The prompt's tokens.
    pub tokens: TokenCount,
    /// What differs from what was asked, in sentences.
    pub notes: Vec<String>,
    conditioning: Option<(Conditioning, Conditioning)>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The last latent, scaled.
    pub samples: Latent,
    /// The callback ended it early.
    pub stopped: bool,
}

/// Checks settings, encodes the texts and lays out the steps.
///
/// # Errors
/// If a setting does not go with the model; if stopped.
pub fn plan(
    model: &LatentDiffusion,
    settings: &Settings,
    trace: Option<&mut Trace>,
) -> Result<Plan, GenerateError> {
    check_settings(model, settings)?;
    let schedule =
        DdimSchedule::new(&model.config.schedule, settings.steps, settings.timesteps, settings.eta)?;
    let mut notes = schedule.notes.clone();
    let mut tokens = TokenCount::default();
    let mut conditioning = None;
    if model.config.conditioning_key == ConditioningKey::Crossattn {
        let prompt = model.tokenize(&settings.prompt)?;
        let negative = model.tokenize(&settings.negative_prompt)?;
        for (what, text, found) in
            [("prompt", &settings.prompt, &prompt), ("negative prompt", &settings.negative_prompt, &negative)]
        {
            if let Some(from) = found.dropped_from {
                notes.push(format!(
                    "the {what} has {} tokens, {} fit; dropped: {:?}",
                    found.needed,
                    found.ids.len(),
                    text[from..].trim()
                ));
            }
        }
        let (context, unconditional) = model.get_learned_conditioning_of_both(&prompt, &negative)?;
        if let Some(trace) = trace {
            trace.i64("tokens", &[1, prompt.ids.len()], prompt.ids.clone());
            trace.f32("context", context.shape(), context.to_f32()?);
            trace.f32("unconditional_context", unconditional.shape(), unconditional.to_f32()?);
        }
        tokens = TokenCount {
            used: prompt.needed.min(prompt.ids.len()),
            max: prompt.ids.len(),
            dropped_from: prompt.dropped_from,
        };
        let key = model.config.conditioning_key;
        conditioning =
            Some((Conditioning::from_tensor(context, key), Conditioning::from_tensor(unconditional, key)));
    }
    model.keep_what_steps_need();
    Ok(Plan { schedule, tokens, notes, conditioning })
}

/// The state before the first step: x_T from the seed.
pub fn start(model: &LatentDiffusion, settings: &Settings) -> RunState {
    let factor = model.config.first_stage_factor;
    let shape = [1, model.config.channels, settings.height / factor, settings.width / factor];
    RunState::start(shape, None, Noise::seeded(settings.rng, settings.seed), settings.guidance)
}

/// Runs the steps that `state` has not done yet. `on_step` may end the run or steer it.
///
/// # Errors
/// If the network fails, gives a number that is not finite, or is stopped.
pub fn develop(
    model: &LatentDiffusion,
    settings: &Settings,
    plan: &Plan,
    state: RunState,
    trace: Option<&mut Trace>,
    on_step: &mut dyn FnMut(&StepReport<'_>, &RunState) -> ControlFlow<(), Next>,
) -> Result<Generated, GenerateError> {
    let (conditional, unconditional) = match &plan.conditioning {
        Some((conditional, unconditional)) => (conditional.clone(), Some(unconditional)),
        None => (Conditioning::default(), None),
    };
    let mut denoiser = ConditionedModel::new(model, conditional, unconditional)?;
    let options =
        RunOptions { sampler: settings.sampler, temperature: settings.temperature, ..RunOptions::default() };
    let mut trace = trace;
    if let Some(trace) = trace.as_deref_mut() {
        let timesteps = plan.schedule.timesteps_in_order();
        trace.i64("timesteps", &[timesteps.len()], timesteps.iter().map(|&t| t as i64).collect());
        trace.f64("ddim_alphas", &plan.schedule.ddim_alphas);
        trace.f64("ddim_sigmas", &plan.schedule.ddim_sigmas);
        trace.latent("x_T", &state.x);
    }
    let mut broken_at = None;
    let mut each = |report: &StepReport<'_>, state: &RunState| {
        if let Some(trace) = trace.as_deref_mut() {
            trace.push_step("x_steps", report.x);
            trace.push_step("pred_x0_steps", report.pred_x0);
        }
        if !report.x.is_finite() {
            broken_at = Some(report.step);
            return ControlFlow::Break(());
        }
        on_step(report, state)
    };
    let outcome = run(&mut denoiser, &model.config.schedule, &plan.schedule, &options, state, &mut each)?;
    if let Some(step) = broken_at {
        return Err(GenerateError::Settings(format!(
            "the UNet gave numbers that are not finite in step {}; use --dtype f32 or another model file",
            step + 1
        )));
    }
    if let Some(trace) = trace {
        trace.latent("samples", &outcome.state.x);
    }
    Ok(Generated { samples: outcome.state.x, stopped: outcome.stopped })
}

/// A scaled latent's picture, by the model's own decoder.
///
/// # Errors
/// If the decoder fails or is stopped.
pub fn decode(model: &LatentDiffusion, z: &Latent) -> ops::Result<(Frame, Tensor)> {
    let image = model.decode_first_stage(&to_tensor(model, z)?)?;
    let [_, channels, h, w] = image.map_shape()?;
    if channels != 3 {
        return Err(ops::Error::Shape(format!("expected a decoder of 3 channels, found {channels}")));
    }
    Ok((Frame::from_decoded(&image.to_f32()?, w, h), image))
}

/// Whether this model can follow these settings.
///
/// # Errors
/// In one sentence, if not.
pub fn check_settings(model: &LatentDiffusion, settings: &Settings) -> Result<(), GenerateError> {
    let refuse = |sentence: String| Err(GenerateError::Settings(sentence));
    match model.config.conditioning_key {
        ConditioningKey::Crossattn if model.tokenize("").is_ok() => {}
        ConditioningKey::None => {}
        key => {
            return refuse(format!(
                "expected a model that makes pictures from words, found one with conditioning_key {key:?}; \
                 use a text-to-image model"
            ));
        }
    }
    let multiple = model.size_multiple();
    for (name, pixels) in [("width", settings.width), ("height", settings.height)] {
        if pixels == 0 || pixels % multiple != 0 || pixels > 8192 {
            let lower = (pixels.min(8192 - multiple) / multiple).max(1) * multiple;
            return refuse(format!(
                "expected a {name} that is a multiple of {multiple}, found {pixels}; the nearest are {lower} and {}",
                lower + multiple
            ));
        }
    }
    if !(0.0..=1.0).contains(&settings.eta) {
        return refuse(format!("expected an eta from 0 to 1, found {}", settings.eta));
    }
    if settings.sampler == SamplerKind::Plms && settings.eta > 0.0 {
        return Err(ScheduleError::PlmsEta(settings.eta.to_string()).into());
    }
    if !settings.guidance.is_finite() || settings.guidance.abs() > 1000.0 {
        return refuse(format!("expected a guidance from -1000 to 1000, found {}", settings.guidance));
    }
    if !settings.temperature.is_finite() || settings.temperature < 0.0 {
        return refuse(format!("expected a temperature of 0 or more, found {}", settings.temperature));
    }
    Ok(())
}
