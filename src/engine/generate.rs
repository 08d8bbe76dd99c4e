//! `generate`: a text and settings to a picture. Mirrors the reference's `txt2img.py`.

use std::ops::ControlFlow;

use crate::message::TokenCount;
use crate::model::{Conditioning, ConditioningKey, LatentDiffusion};
use crate::note::Note;
use crate::ops::{self, Tensor};
use crate::picture::{Added, Frame};
use crate::sampler::noise::Noise;
use crate::sampler::{
    Latent, Layout, Next, RunOptions, RunSchedule, RunState, StepReport, make_schedule, run,
};
use crate::settings::{GuidanceKind, Kind, PartialSettings, Row, SIDE_MAX, Setting, Settings, Value};

use super::additions::Laid;
use super::denoise::ConditionedModel;
use super::generate_error::check_finite;
pub use super::generate_error::{GenerateError, Part, Side};
use super::lens::Lens;
use super::prompts::{self, Prompts};
use super::sourceless::concat;

/// What is known before the first step.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps of the run: timesteps or noise levels, with the coefficients of each.
    pub schedule: RunSchedule,
    /// The prompt's tokens.
    pub tokens: TokenCount,
    /// The prompt's token ids, start, end and padding included; empty for a model without texts.
    pub ids: Vec<i64>,
    /// What differs from what was asked.
    pub notes: Vec<Note>,
    /// Why the run does not fit the graphics card that the model is on.
    pub refused: Option<GenerateError>,
    /// What the run is conditioned on; none for a model without texts.
    pub prompts: Option<Prompts>,
    /// The LoRAs that the run has.
    pub laid: Laid,
    /// The files that it lays over the model, for its picture.
    pub added: Vec<Added>,
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
pub fn plan(model: &LatentDiffusion, settings: &Settings) -> Result<Plan, GenerateError> {
    check_settings(model, settings)?;
    let schedule = schedule(model, settings)?;
    let mut notes = schedule.notes().to_vec();
    let refused = make_fit(model, settings, &mut notes)?;
    let mut tokens = TokenCount::default();
    let (mut ids, mut prompts) = (Vec::new(), None);
    if takes_words(model) {
        notes.extend(prompts::dropped(model, settings)?);
        ids = model.tokenize(&settings.prompt)?.ids;
        tokens = prompts::count(model, settings.grammar, &settings.prompt)?;
        tokens.used = tokens.used.min(tokens.max);
        // Where the run does not fit, another model encodes the texts.
        if refused.is_none() {
            let beside = beside(model, settings, &mut notes)?;
            prompts = Some(prompts::encode(model, settings, schedule.len(), &beside)?);
        }
    }
    model.keep_what_steps_need();
    let (laid, added) = (Laid::default(), Vec::new());
    Ok(Plan { schedule, tokens, ids, notes, refused, prompts, laid, added })
}

/// What goes into every conditioning beside the texts.
fn beside(
    model: &LatentDiffusion,
    settings: &Settings,
    notes: &mut Vec<Note>,
) -> Result<Vec<Tensor>, GenerateError> {
    if model.config.conditioning_key != ConditioningKey::Hybrid {
        return Ok(Vec::new());
    }
    let factor = model.config.first_stage_factor;
    let (tensor, note) = concat(model, [settings.height / factor, settings.width / factor])?;
    notes.push(note);
    Ok(vec![tensor])
}

/// Whether a model draws from words, alone or with something that can be left out.
fn takes_words(model: &LatentDiffusion) -> bool {
    matches!(model.config.conditioning_key, ConditioningKey::Crossattn | ConditioningKey::Hybrid)
}

/// Makes the run fit the memory of a graphics card; why it cannot.
#[cfg(feature = "gpu")]
fn make_fit(
    model: &LatentDiffusion,
    settings: &Settings,
    notes: &mut Vec<Note>,
) -> ops::Result<Option<GenerateError>> {
    let fit = super::ladder::fit(model, [settings.width, settings.height])?;
    notes.extend(fit.notes.into_iter().map(Note::from));
    Ok(fit.refused.map(GenerateError::from))
}

/// Without graphics cards there is nothing to fit.
#[cfg(not(feature = "gpu"))]
fn make_fit(_: &LatentDiffusion, _: &Settings, _: &mut [Note]) -> ops::Result<Option<GenerateError>> {
    Ok(None)
}

/// The steps that these settings run on a model.
///
/// # Errors
/// If their number, or eta, does not go with the model or the sampler.
pub fn schedule(model: &LatentDiffusion, settings: &Settings) -> Result<RunSchedule, GenerateError> {
    let Settings { sampler, steps, timesteps, schedule, eta, .. } = *settings;
    Ok(make_schedule(&model.config.schedule, &Layout { sampler, steps, timesteps, schedule, eta })?)
}

/// The state before the first step: x_T from the seed.
pub fn start(model: &LatentDiffusion, settings: &Settings, plan: &Plan) -> RunState {
    let factor = model.config.first_stage_factor;
    let shape = [1, model.config.channels, settings.height / factor, settings.width / factor];
    let noise = Noise::seeded(settings.rng, settings.seed);
    let space = settings.sampler.row().space;
    let state = RunState::start(shape, None, noise, settings.guidance).raised(&plan.schedule, space);
    state.along(settings.guidance_curve.clone(), plan.schedule.len())
}

/// Runs the steps that `state` has not done yet, of one run or of joint ones. `on_step` may end them or steer them.
///
/// # Errors
/// If the network fails, gives a number that is not finite, or is stopped; if the plan says that the run does not fit.
pub fn develop(
    model: &LatentDiffusion,
    settings: &Settings,
    plan: &Plan,
    state: RunState,
    on_step: &mut dyn FnMut(&StepReport<'_>, &RunState) -> ControlFlow<(), Next>,
) -> Result<Generated, GenerateError> {
    develop_watched(model, settings, plan, state, on_step, None)
}

/// The same under a lens.
///
/// # Errors
/// As [`develop`].
pub fn develop_watched(
    model: &LatentDiffusion,
    settings: &Settings,
    plan: &Plan,
    state: RunState,
    on_step: &mut dyn FnMut(&StepReport<'_>, &RunState) -> ControlFlow<(), Next>,
    lens: Option<&Lens>,
) -> Result<Generated, GenerateError> {
    if let Some(refused) = &plan.refused {
        return Err(refused.clone());
    }
    let batch = state.x.shape[0];
    let prompts = match &plan.prompts {
        Some(prompts) => prompts.repeated_to(batch)?,
        None => Prompts::plain(Conditioning::default(), None),
    };
    let mut denoiser = ConditionedModel::of(model, prompts).watched_by(lens);
    let options = options(settings);
    let mut broken_at = None;
    let mut each = |report: &StepReport<'_>, state: &RunState| {
        if !report.x.is_finite() {
            broken_at = Some(report.step);
            return ControlFlow::Break(());
        }
        on_step(report, state)
    };
    let outcome = run(&mut denoiser, &model.config.schedule, &plan.schedule, &options, state, &mut each)?;
    if let Some(step) = broken_at {
        let dtype = model.device().dtype();
        return Err(GenerateError::NotFinite { part: Part::Unet, step: Some(step + 1), dtype });
    }
    Ok(Generated { samples: outcome.state.x, stopped: outcome.stopped })
}

/// What the settings ask of the sampler.
fn options(settings: &Settings) -> RunOptions<'static> {
    RunOptions {
        eta: settings.eta,
        s_churn: settings.s_churn,
        s_noise: settings.s_noise,
        guidance_rescale: settings.guidance_rescale,
        guidance_interval: [settings.guidance_start, settings.guidance_end],
        cfg_pp: settings.guidance_kind == GuidanceKind::CfgPp,
        temperature: settings.temperature,
        ..RunOptions::of(settings.sampler)
    }
}

/// A scaled latent's picture, by the model's own decoder.
///
/// # Errors
/// If the decoder fails, gives a number that is not finite, or is stopped.
pub fn decode(model: &LatentDiffusion, z: &Latent) -> Result<(Frame, Tensor), GenerateError> {
    let image = decode_image(model, z)?;
    Ok((frame_of(model, &image)?, image))
}

/// The decoder's own numbers (b, 3, H, W), about [-1, 1], where it computes.
///
/// # Errors
/// If the decoder fails or is stopped.
pub fn decode_image(model: &LatentDiffusion, z: &Latent) -> Result<Tensor, GenerateError> {
    // As exact as it is: a decoder in f16 begins again in f32.
    let z = Tensor::from_f32(&model.first_stage_device(), &z.shape, &z.values)?;
    let image = model.decode_first_stage(&z)?;
    let [_, channels, ..] = image.map_shape()?;
    if channels != 3 {
        return Err(ops::Error::Shape(format!("expected a decoder of 3 channels, found {channels}")).into());
    }
    Ok(image)
}

/// The pixels of [`decode_image`]'s answer.
///
/// # Errors
/// If a number is not finite, or the device fails.
pub fn frame_of(model: &LatentDiffusion, image: &Tensor) -> Result<Frame, GenerateError> {
    let [_, _, h, w] = image.map_shape()?;
    let pixels = image.to_f32()?;
    check_finite(model, Part::FirstStage, &pixels)?;
    Ok(Frame::from_decoded(&pixels, w, h))
}

/// Whether this model can follow these settings.
///
/// # Errors
/// In one sentence, if not.
pub fn check_settings(model: &LatentDiffusion, settings: &Settings) -> Result<(), GenerateError> {
    match model.config.conditioning_key {
        _ if takes_words(model) && model.tokenize("").is_ok() => {}
        ConditioningKey::None => {}
        key => return Err(GenerateError::NotFromWords { key: format!("{key:?}") }),
    }
    check_side(model, Side::Width, settings.width)?;
    check_side(model, Side::Height, settings.height)?;
    let known = PartialSettings::from(settings.clone());
    Setting::TABLE.iter().try_for_each(|row| check_range(row, known.get(row.setting)))
}

fn check_side(model: &LatentDiffusion, side: Side, pixels: usize) -> Result<(), GenerateError> {
    let multiple = model.size_multiple();
    let most = SIDE_MAX / multiple * multiple;
    if pixels > 0 && pixels.is_multiple_of(multiple) && pixels <= most {
        return Ok(());
    }
    let lower = (pixels.min(most - multiple) / multiple).max(1) * multiple;
    let upper = lower + multiple;
    Err(GenerateError::Size { side, found: pixels, multiple, most, lower, upper })
}

/// Checks a number against the table's range. A row without a sentence for it is checked elsewhere: the
/// steps by the schedule, the sides by [`check_side`].
fn check_range(row: &Row, value: Option<Value>) -> Result<(), GenerateError> {
    let ([least, most], found) = match (row.kind, value) {
        (Kind::Real { range, .. }, Some(Value::Real(found))) => (range, found),
        (Kind::Whole { range, .. }, Some(Value::Whole(found))) => (range.map(|end| end as f64), found as f64),
        _ => return Ok(()),
    };
    // NaN lies in no range.
    if row.error.is_empty() || (least..=most).contains(&found) {
        return Ok(());
    }
    Err(GenerateError::Range { what: row.setting, least, most, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_kinds_stay_in_their_range() {
        let real = Setting::Eta.row();
        let whole = Row { error: "error-steps", ..*Setting::Steps.row() };
        for (row, value, passes) in [
            (real, Value::Real(1.0), true),
            (real, Value::Real(1.5), false),
            (real, Value::Real(f64::NAN), false),
            (&whole, Value::Whole(1000), true),
            (&whole, Value::Whole(0), false),
            (&whole, Value::Whole(u64::MAX), false),
            (Setting::Steps.row(), Value::Whole(0), true),
        ] {
            assert_eq!(check_range(row, Some(value.clone())).is_ok(), passes, "{} {value:?}", row.name);
        }
    }
}
