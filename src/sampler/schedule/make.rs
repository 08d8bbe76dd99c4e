//! `make_schedule`: the steps of a run, from what a user chose.
//!
//! Invariant: a pair of sampler and schedule that does not go together is refused, never bent.

use super::kinds::Form;
use super::{
    Curve, DdimSchedule, Diffusers, DiffusionSchedule, End, Level, LevelSchedule, RunSchedule, ScheduleError,
    ScheduleKind, Spaced, Start, TimestepSpacing,
};
use crate::note::Note;
use crate::sampler::{Family, SamplerKind};

/// Steps of training of the distilled models (`original_inference_steps`).
const ORIGINAL_STEPS: usize = 50;

/// What decides the steps of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// The update rule.
    pub sampler: SamplerKind,
    /// Steps asked for.
    pub steps: usize,
    /// The spread of DDIM's and PLMS' timesteps.
    pub timesteps: TimestepSpacing,
    /// The spread of the others' levels.
    pub schedule: ScheduleKind,
    /// η, which DDIM's schedule holds.
    pub eta: f64,
}

/// Lays out the steps of a run.
///
/// # Errors
/// If the number of steps is out of range, if the sampler needs eta 0 and `eta` is not, or if sampler
/// and schedule do not go together.
pub fn make_schedule(full: &DiffusionSchedule, layout: &Layout) -> Result<RunSchedule, ScheduleError> {
    let Layout { sampler, steps, schedule, eta, .. } = *layout;
    let row = sampler.row();
    if eta != 0.0 && !row.takes_eta() {
        return Err(ScheduleError::Eta { sampler, eta });
    }
    if !row.goes_with(schedule) {
        return Err(ScheduleError::Pair { sampler, schedule });
    }
    let most = if row.family == Family::Distilled { ORIGINAL_STEPS } else { full.timesteps() };
    let most = most.min(full.timesteps());
    if steps == 0 || steps > most {
        return Err(ScheduleError::Steps { most, found: steps });
    }
    if row.family == Family::Timesteps {
        return Ok(RunSchedule::Ddim(DdimSchedule::new(full, steps, layout.timesteps, eta)?));
    }
    let mut levels = levels(full, sampler, row.settled(schedule), steps);
    if levels.len() != steps {
        levels.notes.push(Note::StepsDiffer { asked: steps, runs: levels.len() });
    }
    Ok(RunSchedule::Levels(levels))
}

/// The levels of a schedule that goes with the sampler.
fn levels(full: &DiffusionSchedule, sampler: SamplerKind, kind: ScheduleKind, steps: usize) -> LevelSchedule {
    let row = sampler.row();
    match (row.family, kind.row().form) {
        (Family::Distilled, _) | (_, Form::OfTheRule) => distilled(full, steps),
        (Family::Whole, Form::Spaced(spacing)) => {
            let spaced = Diffusers { spacing, offset: 1, multistep: false, curve: None, end: End::Zero };
            whole_timesteps(full, &spaced, steps)
        }
        (_, Form::Spaced(spacing)) => {
            let multistep = row.multistep;
            Diffusers { spacing, offset: 1, multistep, curve: None, end: End::Zero }.levels(full, steps)
        }
        (Family::Multistep, Form::Sigmas(_)) if curve_of(kind).is_some() => {
            let spacing = Spaced::Linspace;
            let curve = curve_of(kind);
            Diffusers { spacing, offset: 1, multistep: true, curve, end: End::Zero }.levels(full, steps)
        }
        (family, Form::Sigmas(list)) => {
            let sigmas =
                if row.discards { without_next_to_last(list(full, steps + 1)) } else { list(full, steps) };
            let start = if family == Family::Multistep { Start::Unit } else { Start::Sigma };
            LevelSchedule { start, ..LevelSchedule::from_sigmas(full, &sigmas) }
        }
    }
}

fn curve_of(kind: ScheduleKind) -> Option<Curve> {
    match kind {
        ScheduleKind::Karras => Some(Curve::Karras),
        ScheduleKind::Exponential => Some(Curve::Exponential),
        ScheduleKind::Beta => Some(Curve::Beta),
        _ => None,
    }
}

/// A1111's `discard_next_to_last_sigma`.
fn without_next_to_last(mut sigmas: Vec<f64>) -> Vec<f64> {
    if let Some(place) = sigmas.len().checked_sub(2) {
        sigmas.remove(place);
    }
    sigmas
}

/// Levels at whole timesteps, as diffusers' DDPM has them.
pub fn whole_timesteps(full: &DiffusionSchedule, spaced: &Diffusers, steps: usize) -> LevelSchedule {
    let levels = spaced.levels(full, steps).levels;
    let whole = |level: &Level| Level::of_timestep(full, level.t.round_ties_even() as usize);
    let whole = levels[..steps].iter().map(whole).chain([Level::CLEAN]).collect();
    LevelSchedule::new(whole, Start::Unit)
}

/// The levels of LCM and TCD: `steps` of the timesteps that the distilled models were trained with.
pub fn distilled(full: &DiffusionSchedule, steps: usize) -> LevelSchedule {
    distilled_below(full, steps, 1.0)
}

/// The same below a strength, for a run from a picture; not more steps than there are timesteps left.
pub(super) fn distilled_below(full: &DiffusionSchedule, steps: usize, strength: f64) -> LevelSchedule {
    let mut origin = original_timesteps(full.timesteps());
    origin.truncate(((origin.len() as f64 * strength) as usize).max(1));
    let steps = steps.min(origin.len());
    // As numpy's `linspace` without its end: in floats, rounded down.
    let stride = origin.len() as f64 / steps as f64;
    let at = |i: usize| origin[origin.len() - 1 - (i as f64 * stride) as usize];
    let levels = (0..steps).map(|i| Level::of_timestep(full, at(i))).chain([Level::CLEAN]);
    LevelSchedule::new(levels.collect(), Start::Unit)
}

/// The timesteps that distilled models were trained with, ascending.
fn original_timesteps(all: usize) -> Vec<usize> {
    let steps = ORIGINAL_STEPS.min(all);
    (1..=steps).map(|i| i * (all / steps) - 1).collect()
}
