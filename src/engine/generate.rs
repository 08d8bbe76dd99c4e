//! `generate`: a text and settings to a picture. Mirrors the reference's `txt2img.py`.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::grammar::Steps;
use crate::message::{Takes, TokenCount};
use crate::model::{Conditioning, ConditioningKey, LatentDiffusion};
use crate::note::{ModelNote, Note, SourceNote};
use crate::ops::{self, Tensor};
use crate::picture::Added;
use crate::sampler::{
    Entry, Latent, Layout, Next, RunOptions, RunOutcome, RunSchedule, RunState, StepReport, first_noise,
    make_schedule, run,
};
use crate::settings::{GuidanceKind, Kind, PartialSettings, Row, SIDE_MAX, Setting, Settings, Value};

use super::additions::Laid;
use super::denoise::{ConditionedModel, to_tensor};
use super::from::{
    Beside, Ground, SourceError, second_again, second_size, takes, toward, turned, without_picture,
};
pub use super::generate_error::{GenerateError, Part, Side};
use super::lens::Lens;
pub use super::pixels::{decode, decode_image, frame_of};
use super::prompts::{self, Passes, Prompts};
use super::upscale::OpenUpscaler;

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
    /// The same of its second pass, where that is something else.
    pub second_prompts: Option<Prompts>,
    /// The LoRAs that the run has.
    pub laid: Laid,
    /// What enlarges its picture.
    pub upscaler: Option<Arc<OpenUpscaler>>,
    /// The files that it lays over the model, for its picture.
    pub added: Vec<Added>,
    /// The picture that it begins from, filled for its seed.
    pub ground: Option<Arc<Ground>>,
    /// Where it goes in, and where its second pass does.
    pub entries: [Option<Entry>; 2],
    /// The latent before its second pass, of a run that is taken up in that.
    pub before_turn: Option<Latent>,
    /// What that pass has beside its state, once it is known.
    pub beside_second: Arc<Mutex<Option<Beside>>>,
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
    plan_on(model, settings, None)
}

/// The same of a run that begins from a picture.
///
/// # Errors
/// As [`plan`].
pub fn plan_on(
    model: &LatentDiffusion,
    settings: &Settings,
    ground: Option<Arc<Ground>>,
) -> Result<Plan, GenerateError> {
    check_settings(model, settings)?;
    let (schedule, entries) = laid_out(model, settings, ground.as_deref())?;
    let mut notes = schedule.notes();
    if let Some(ground) = &ground {
        notes.extend(ground.notes.iter().cloned());
        notes.extend(fewer_steps(settings, &schedule, ground));
    }
    let large = model.large_picture(second_size(model, settings));
    notes.extend(large.map(|bytes| Note::Model(ModelNote::LargePicture { megabytes: bytes >> 20 })));
    let refused = make_fit(model, settings, &mut notes)?;
    let mut tokens = TokenCount::default();
    let (mut ids, mut prompts, mut second_prompts) = (Vec::new(), None, None);
    if takes_words(model) {
        notes.extend(prompts::dropped(model, settings)?);
        ids = model.tokenize(&settings.prompt)?.ids;
        tokens = prompts::count(model, settings.grammar, &settings.prompt)?;
        tokens.used = tokens.used.min(tokens.max);
        // Where the run does not fit, another model encodes the texts.
        if refused.is_none() {
            let concat = c_concat(model, settings, ground.as_deref(), &mut notes)?;
            let [first, second] = encode(model, settings, (&schedule, ground.as_deref()), &concat)?;
            (prompts, second_prompts) = (first, second);
        }
    }
    model.keep_what_steps_need();
    let (laid, added, upscaler, before_turn) = (Laid::default(), Vec::new(), None, None);
    Ok(Plan {
        schedule,
        tokens,
        ids,
        notes,
        refused,
        prompts,
        second_prompts,
        laid,
        upscaler,
        added,
        ground,
        entries,
        before_turn,
        beside_second: Arc::default(),
    })
}

impl Plan {
    /// What its passes are conditioned on.
    pub fn passes(&self) -> Passes {
        let (first, second) = (self.prompts.clone(), self.second_prompts.clone());
        Passes { first, second, turn: self.schedule.turn() }
    }
}

/// What each pass is conditioned on; nothing of its own for a second one in which the same texts act throughout.
/// Trap: a run that begins from a picture reads its prompts over all steps that were asked for, as A1111's does.
fn encode(
    model: &LatentDiffusion,
    settings: &Settings,
    (schedule, ground): (&RunSchedule, Option<&Ground>),
    concat: &[Tensor],
) -> Result<[Option<Prompts>; 2], GenerateError> {
    let runs = schedule.turn().unwrap_or(schedule.len());
    let steps = if ground.is_some() { runs.max(settings.steps) } else { runs };
    let first = prompts::encode(model, settings, Steps { steps, before: None }, concat)?;
    let second = schedule.turn().filter(|_| first.as_plain().is_none()).map(|turn| {
        let steps = Steps { steps: schedule.len() - turn, before: Some(steps) };
        prompts::encode(model, settings, steps, concat)
    });
    Ok([Some(first), second.transpose()?])
}

/// A note where a strength leaves another number of steps than was asked for.
fn fewer_steps(settings: &Settings, schedule: &RunSchedule, ground: &Ground) -> Option<Note> {
    let runs = schedule.turn().unwrap_or(schedule.len());
    let (asked, strength) = (settings.steps, ground.beginning.treatment.strength);
    (runs != asked).then_some(Note::Source(SourceNote::Steps { asked, runs, strength }))
}

/// What goes into every conditioning beside the texts.
fn c_concat(
    model: &LatentDiffusion,
    settings: &Settings,
    ground: Option<&Ground>,
    notes: &mut Vec<Note>,
) -> Result<Vec<Tensor>, GenerateError> {
    if model.config.conditioning_key != ConditioningKey::Hybrid {
        return Ok(Vec::new());
    }
    let factor = model.config.first_stage_factor;
    let concat = match ground.and_then(|ground| ground.concat.clone()) {
        Some(concat) => concat,
        None => {
            let size = [settings.height / factor, settings.width / factor];
            let (concat, note) = without_picture(model, size)?;
            notes.push(note);
            concat
        }
    };
    Ok(vec![to_tensor(model, &concat)?])
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
    // The larger of two passes.
    let fit = super::ladder::fit(model, second_size(model, settings))?;
    notes.extend(fit.notes.into_iter().map(Note::from));
    Ok(fit.refused.map(GenerateError::from))
}

/// Without graphics cards there is nothing to fit.
#[cfg(not(feature = "gpu"))]
fn make_fit(_: &LatentDiffusion, _: &Settings, _: &mut [Note]) -> ops::Result<Option<GenerateError>> {
    Ok(None)
}

/// The steps that these settings run on a model from noise alone.
///
/// # Errors
/// If their number, or eta, does not go with the model or the sampler.
pub fn schedule(model: &LatentDiffusion, settings: &Settings) -> Result<RunSchedule, GenerateError> {
    laid_out(model, settings, None).map(|(schedule, _)| schedule)
}

/// The steps of a run, and where it and its second pass go in.
fn laid_out(
    model: &LatentDiffusion,
    settings: &Settings,
    ground: Option<&Ground>,
) -> Result<(RunSchedule, [Option<Entry>; 2]), GenerateError> {
    let Settings { sampler, steps, timesteps, schedule, eta, hires, .. } = *settings;
    let training = &model.config.schedule;
    let layout = Layout { sampler, steps, timesteps, schedule, eta };
    let entry = ground.map(|ground| {
        let treatment = &ground.beginning.treatment;
        Entry::new(training, &layout, treatment.strength, treatment.full_steps)
    });
    let entry = entry.transpose()?;
    let first = match &entry {
        Some(entry) => entry.schedule.clone(),
        None => make_schedule(training, &layout)?,
    };
    if hires.is_none() {
        return Ok((first, [entry, None]));
    }
    let layout = Layout { steps: hires.steps_after(steps), ..layout };
    let second = Entry::new(training, &layout, hires.strength, true)?;
    let both = RunSchedule::Twice(Box::new(first), Box::new(second.schedule.clone()));
    Ok((both, [entry, Some(second)]))
}

/// The first noise of a run of these settings, and its generator after that.
pub fn fresh(model: &LatentDiffusion, settings: &Settings) -> (Latent, crate::sampler::noise::Noise) {
    let factor = model.config.first_stage_factor;
    let shape = [1, model.config.channels, settings.height / factor, settings.width / factor];
    first_noise(settings.rng, settings.seed, shape, toward(settings))
}

/// The state before the first step: x_T from the seed, or the picture with its noise.
pub fn start(model: &LatentDiffusion, settings: &Settings, plan: &Plan) -> RunState {
    let (fresh, noise) = fresh(model, settings);
    let space = settings.sampler.row().space;
    let shape = fresh.shape;
    let begun = plan.ground.as_ref().filter(|ground| !ground.begins_from_noise(takes(model)));
    let state = match begun.zip(plan.entries[0].as_ref()) {
        Some((ground, entry)) => {
            let x = entry.start(&ground.x0, &fresh, space);
            RunState::start(shape, Some(x), noise, settings.guidance)
        }
        None => {
            let state = RunState::start(shape, Some(fresh), noise, settings.guidance);
            state.raised(&plan.schedule, space)
        }
    };
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
    let mut state = state;
    loop {
        let beside = beside(model, settings, plan, &mut state)?;
        let outcome = one_pass(model, settings, plan, (state, &beside), on_step, lens)?;
        if outcome.stopped || outcome.state.step >= plan.schedule.len() {
            return Ok(Generated { samples: outcome.state.x, stopped: outcome.stopped });
        }
        state = outcome.state;
    }
}

/// What the pass has beside its state in which the run stands; at the turn to the second pass the state becomes that
/// before its first step.
///
/// # Errors
/// If the first stage fails, or is stopped.
pub(super) fn beside(
    model: &LatentDiffusion,
    settings: &Settings,
    plan: &Plan,
    state: &mut RunState,
) -> Result<Beside, GenerateError> {
    let ground = plan.ground.as_deref();
    let first = || Beside { mask: ground.and_then(|ground| ground.held(takes(model))), concat: None };
    let (Some(turn), Some(entry)) = (plan.schedule.turn(), &plan.entries[1]) else { return Ok(first()) };
    let mut known = plan.beside_second.lock().unwrap_or_else(PoisonError::into_inner);
    match state.step {
        step if step < turn => Ok(first()),
        step if step == turn => {
            let (next, beside) = turned(model, settings, (ground, plan.upscaler.as_deref()), entry, state)?;
            *state = next;
            Ok(known.insert(beside).clone())
        }
        _ => match known.as_ref() {
            Some(beside) => Ok(beside.clone()),
            None => {
                let beside = second_again(
                    model,
                    settings,
                    (ground, plan.upscaler.as_deref()),
                    plan.before_turn.as_ref(),
                )?;
                Ok(known.insert(beside).clone())
            }
        },
    }
}

/// Runs one pass, or what is left of it.
fn one_pass(
    model: &LatentDiffusion,
    settings: &Settings,
    plan: &Plan,
    (state, beside): (RunState, &Beside),
    on_step: &mut dyn FnMut(&StepReport<'_>, &RunState) -> ControlFlow<(), Next>,
    lens: Option<&Lens>,
) -> Result<RunOutcome, GenerateError> {
    let denoiser = denoiser(model, plan, &state, beside)?;
    let mut denoiser = denoiser.watched_by(lens);
    let mask = beside.mask.as_ref().map(|mask| mask.repeated_to(state.x.shape[0]));
    let options = RunOptions { mask, ..options(settings) };
    let mut broken_at = None;
    let mut each = |report: &StepReport<'_>, state: &RunState| {
        if !report.x.is_finite() {
            broken_at = Some(report.step);
            return ControlFlow::Break(());
        }
        on_step(report, state)
    };
    let outcome = run(&mut denoiser, &model.config.schedule, &plan.schedule, &options, state, &mut each)?;
    match broken_at {
        Some(step) => {
            let dtype = model.device().dtype();
            Err(GenerateError::NotFinite { part: Part::Unet, step: Some(step + 1), dtype })
        }
        None => Ok(outcome),
    }
}

/// The model under what a pass is conditioned with.
///
/// # Errors
/// If the device fails.
pub(super) fn denoiser<'m>(
    model: &'m LatentDiffusion,
    plan: &Plan,
    state: &RunState,
    beside: &Beside,
) -> Result<ConditionedModel<'m>, GenerateError> {
    let batch = state.x.shape[0];
    let passes = plan.passes();
    let Some((prompts, _)) = passes.of_step(state.step) else {
        return Ok(ConditionedModel::of(model, Prompts::plain(Conditioning::default(), None)));
    };
    let prompts = match &beside.concat {
        Some(concat) => prompts.clone().beside(&[to_tensor(model, concat)?]),
        None => prompts.clone(),
    };
    let denoiser = ConditionedModel::of(model, prompts.repeated_to(batch)?);
    Ok(match &plan.ground {
        Some(ground) if takes(model) == Takes::Picture => {
            denoiser.guided_by_picture(ground.beginning.treatment.image_guidance)
        }
        _ => denoiser,
    })
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
    if !settings.hires.is_sound() {
        return Err(SourceError::Hires(settings.hires.to_string()).into());
    }
    let [width, height] = second_size(model, settings);
    check_side(model, Side::Width, width)?;
    check_side(model, Side::Height, height)?;
    if !settings.variation.is_sound() {
        return Err(SourceError::Variation(settings.variation.to_string()).into());
    }
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
