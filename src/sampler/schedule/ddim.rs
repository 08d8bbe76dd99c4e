//! `DdimSchedule`: the steps of one run and the coefficients of each (`DDIMSampler.make_schedule`).
//!
//! Trap: the ᾱ before the first timestep is ᾱ_0, not 1.

use serde::{Deserialize, Serialize};

use super::{DiffusionSchedule, Level, ScheduleError, TimestepSpacing};
use crate::note::Note;

/// The steps of one run: `DDIMSampler.make_schedule`. Lists are in ascending time, index 0 the last run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DdimSchedule {
    /// t of each step, ascending.
    pub ddim_timesteps: Vec<usize>,
    /// ᾱ at each t.
    pub ddim_alphas: Vec<f64>,
    /// ᾱ at the t before, ᾱ_0 for the first.
    pub ddim_alphas_prev: Vec<f64>,
    /// σ of each step.
    pub ddim_sigmas: Vec<f64>,
    /// Where the steps differ from what the caller asked for.
    pub notes: Vec<Note>,
}

/// What an update rule reads at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    /// ᾱ at the step's timestep.
    pub a_t: f64,
    /// ᾱ at the next lower timestep, where the step leads.
    pub a_prev: f64,
    /// σ of the noise that the step adds.
    pub sigma_t: f64,
}

impl DdimSchedule {
    /// `make_ddim_timesteps` and `make_ddim_sampling_parameters`.
    ///
    /// Where the reference's uniform list would reach past the end (S = 3, 9, 27, …) the last
    /// timestep is clamped, and a note says so.
    ///
    /// # Errors
    /// If `steps` is 0 or more than the schedule has.
    pub fn new(
        schedule: &DiffusionSchedule,
        steps: usize,
        spacing: TimestepSpacing,
        eta: f64,
    ) -> Result<Self, ScheduleError> {
        let most = schedule.timesteps();
        if steps == 0 || steps > most {
            return Err(ScheduleError::Steps { most, found: steps });
        }
        let mut notes = Vec::new();
        let mut ddim_timesteps = spacing.make_ddim_timesteps(steps, most);
        if let Some(last) = ddim_timesteps.last_mut()
            && *last >= most
        {
            *last = most - 1;
            notes.push(Note::StepsClamped { steps, timestep: most, used: most - 1 });
        }
        if ddim_timesteps.len() != steps {
            notes.push(Note::StepsDiffer { asked: steps, runs: ddim_timesteps.len() });
        }
        if spacing.row().by_stride {
            let last = f64::from(schedule.alphas_cumprod[0]);
            return Ok(Self::by_stride(schedule, ddim_timesteps, most / steps, last, eta));
        }
        Ok(Self::from_timesteps(schedule, ddim_timesteps, eta, notes))
    }

    /// Steps at these ascending timesteps that lead each to the one `stride` below, as diffusers has it,
    /// and to `last` where there is none (`set_alpha_to_one` says whether that is 1 or ᾱ_0).
    pub fn by_stride(
        schedule: &DiffusionSchedule,
        ddim_timesteps: Vec<usize>,
        stride: usize,
        last: f64,
        eta: f64,
    ) -> Self {
        let mut run = Self::from_timesteps(schedule, ddim_timesteps, eta, Vec::new());
        let prev = |t: &usize| match t.checked_sub(stride) {
            Some(prev) => f64::from(schedule.alphas_cumprod[prev]),
            None => last,
        };
        run.ddim_alphas_prev = run.ddim_timesteps.iter().map(prev).collect();
        run.ddim_sigmas = sigmas(&run.ddim_alphas, &run.ddim_alphas_prev, eta);
        run
    }

    /// Every timestep of training (`ddim_use_original_steps`), with ᾱ before the first being 1.
    pub fn original_steps(schedule: &DiffusionSchedule, eta: f64) -> Self {
        let all = (0..schedule.timesteps()).collect();
        let mut full = Self::from_timesteps(schedule, all, eta, Vec::new());
        full.ddim_alphas_prev = schedule.alphas_cumprod_prev.iter().map(|&alpha| f64::from(alpha)).collect();
        full.ddim_sigmas = sigmas(&full.ddim_alphas, &full.ddim_alphas_prev, eta);
        full
    }

    fn from_timesteps(
        schedule: &DiffusionSchedule,
        ddim_timesteps: Vec<usize>,
        eta: f64,
        notes: Vec<Note>,
    ) -> Self {
        let alpha = |t: usize| f64::from(schedule.alphas_cumprod[t]);
        let ddim_alphas: Vec<f64> = ddim_timesteps.iter().map(|&t| alpha(t)).collect();
        let ddim_alphas_prev: Vec<f64> =
            std::iter::once(alpha(0)).chain(ddim_alphas.iter().copied()).take(ddim_alphas.len()).collect();
        let ddim_sigmas = sigmas(&ddim_alphas, &ddim_alphas_prev, eta);
        Self { ddim_timesteps, ddim_alphas, ddim_alphas_prev, ddim_sigmas, notes }
    }

    /// Steps at these levels, in ascending time, of which the first leads to ᾱ `last`.
    pub(super) fn of_levels(ascending: impl Iterator<Item = Level>, last: f64, eta: f64) -> Self {
        let (ddim_timesteps, ddim_alphas): (Vec<usize>, Vec<f64>) =
            ascending.map(|level| (level.t.round() as usize, level.alpha_cumprod())).unzip();
        let ddim_alphas_prev: Vec<f64> =
            std::iter::once(last).chain(ddim_alphas.iter().copied()).take(ddim_alphas.len()).collect();
        let ddim_sigmas = sigmas(&ddim_alphas, &ddim_alphas_prev, eta);
        Self { ddim_timesteps, ddim_alphas, ddim_alphas_prev, ddim_sigmas, notes: Vec::new() }
    }

    /// What step `index` of the ascending lists reads.
    pub fn at(&self, index: usize) -> Coefficients {
        Coefficients {
            a_t: self.ddim_alphas[index],
            a_prev: self.ddim_alphas_prev[index],
            sigma_t: self.ddim_sigmas[index],
        }
    }

    /// Steps that the run takes.
    pub fn len(&self) -> usize {
        self.ddim_timesteps.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.ddim_timesteps.is_empty()
    }

    /// The timesteps in the order run: the largest first.
    pub fn timesteps_in_order(&self) -> Vec<usize> {
        self.ddim_timesteps.iter().rev().copied().collect()
    }

    /// The `len` steps of the lowest timesteps.
    pub fn first(&self, len: usize) -> Self {
        let cut = |list: &[f64]| list[..len].to_vec();
        Self {
            ddim_timesteps: self.ddim_timesteps[..len].to_vec(),
            ddim_alphas: cut(&self.ddim_alphas),
            ddim_alphas_prev: cut(&self.ddim_alphas_prev),
            ddim_sigmas: cut(&self.ddim_sigmas),
            notes: self.notes.clone(),
        }
    }

    /// The subset that the reference's `timesteps` argument of `ddim_sampling` runs:
    /// `int(min(timesteps / S, 1) · S) − 1` steps.
    pub fn subset(&self, timesteps: usize) -> Self {
        self.first(timesteps.min(self.len()).saturating_sub(1))
    }
}

/// σ = η·√((1 − ᾱ_prev)/(1 − ᾱ)·(1 − ᾱ/ᾱ_prev)) (DDIM, eq. 16).
fn sigmas(alphas: &[f64], alphas_prev: &[f64], eta: f64) -> Vec<f64> {
    let sigma =
        |(&a, &prev): (&f64, &f64)| eta * ((1.0 - prev) / (1.0 - a) * (1.0 - a / prev)).max(0.0).sqrt();
    alphas.iter().zip(alphas_prev).map(sigma).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::{BetaSchedule, steps_run};

    fn sd_schedule() -> DiffusionSchedule {
        DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3)
    }

    #[test]
    fn every_number_of_steps_gives_timesteps_within_the_schedule() {
        let schedule = sd_schedule();
        for steps in 1..=1000 {
            for spacing in TimestepSpacing::TABLE.iter().map(|row| row.kind) {
                let run = DdimSchedule::new(&schedule, steps, spacing, 0.0).unwrap();
                assert!(!run.is_empty() && run.ddim_timesteps.iter().all(|&t| t < 1000), "{steps}");
                assert!(run.ddim_timesteps.is_sorted(), "{steps}");
                assert_eq!(steps_run(spacing, steps, 1000), run.len(), "{steps} steps, {spacing:?}");
            }
        }
    }

    #[test]
    fn the_count_of_steps_follows_the_reference() {
        let schedule = sd_schedule();
        let count = |steps| DdimSchedule::new(&schedule, steps, TimestepSpacing::Uniform, 0.0).unwrap().len();
        assert_eq!((count(25), count(30), count(48), count(350)), (25, 31, 50, 500));
    }

    #[test]
    fn exact_runs_the_number_asked_for_and_is_uniform_where_that_divides_the_schedule() {
        for timesteps in [1000, 400, 37] {
            let schedule = DiffusionSchedule::new(BetaSchedule::Linear, timesteps, 0.00085, 0.012, 8e-3);
            let list =
                |steps, spacing| DdimSchedule::new(&schedule, steps, spacing, 0.0).unwrap().ddim_timesteps;
            for steps in 1..=timesteps {
                let exact = list(steps, TimestepSpacing::Exact);
                assert_eq!(exact.len(), steps);
                // Only where every timestep runs, the last is the reference's one past the end.
                assert!(steps == timesteps || exact.windows(2).all(|pair| pair[0] < pair[1]), "{steps}");
                if timesteps % steps == 0 {
                    assert_eq!(exact, list(steps, TimestepSpacing::Uniform), "{steps} of {timesteps}");
                }
            }
        }
        let run = DdimSchedule::new(&sd_schedule(), 7, TimestepSpacing::Exact, 0.0).unwrap();
        assert_eq!(run.ddim_timesteps, [1, 143, 286, 429, 572, 715, 858]);
        assert!(run.notes.is_empty(), "{:?}", run.notes);
    }

    #[test]
    fn where_the_reference_fails_the_last_timestep_is_clamped_and_said() {
        let run = DdimSchedule::new(&sd_schedule(), 3, TimestepSpacing::Uniform, 0.0).unwrap();
        assert_eq!(run.ddim_timesteps, [1, 334, 667, 999]);
        assert_eq!(run.notes.len(), 2);
    }

    #[test]
    fn no_steps_and_too_many_are_refused() {
        for steps in [0, 1001] {
            let refused = DdimSchedule::new(&sd_schedule(), steps, TimestepSpacing::Uniform, 0.0);
            assert_eq!(refused, Err(ScheduleError::Steps { most: 1000, found: steps }));
        }
    }
}
