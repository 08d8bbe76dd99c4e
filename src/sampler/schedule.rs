//! Noise schedules: the betas of training, and the timesteps and coefficients of DDIM (mirrors
//! `ldm/modules/diffusionmodules/util.py`). No tensors here.
//!
//! Traps: what DDIM's paper calls α_t is ᾱ_t (`alphas_cumprod`) of DDPM's; the ᾱ before the first
//! step is ᾱ_0, not 1; S steps asked for are often more (`uniform` where S does not divide the
//! timesteps of training); `exact` always runs S.

use serde::{Deserialize, Serialize};

use crate::note::Note;
use crate::sampler::TimestepSpacing;
use crate::told::Told;

/// How betas grow (`beta_schedule`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BetaSchedule {
    /// Even steps of √β.
    Linear,
    /// From a squared cosine of ᾱ.
    Cosine,
    /// Even steps of β (the reference's name for it).
    SqrtLinear,
    /// Roots of even steps.
    Sqrt,
}

impl BetaSchedule {
    /// The name in a config.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "linear" => Self::Linear,
            "cosine" => Self::Cosine,
            "sqrt_linear" => Self::SqrtLinear,
            "sqrt" => Self::Sqrt,
            _ => return None,
        })
    }
}

/// What the network predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parameterization {
    /// The noise.
    #[default]
    Eps,
    /// The velocity √ᾱ·ε − √(1−ᾱ)·x_0 (Salimans and Ho 2022).
    V,
}

/// `make_beta_schedule`, in f64.
fn make_beta_schedule(schedule: BetaSchedule, n: usize, start: f64, end: f64, cosine_s: f64) -> Vec<f64> {
    let linspace = |a: f64, b: f64| {
        let step = if n > 1 { (b - a) / (n - 1) as f64 } else { 0.0 };
        (0..n).map(move |i| if i + 1 == n && n > 1 { b } else { a + step * i as f64 })
    };
    match schedule {
        BetaSchedule::Linear => linspace(start.sqrt(), end.sqrt()).map(|root| root * root).collect(),
        BetaSchedule::SqrtLinear => linspace(start, end).collect(),
        BetaSchedule::Sqrt => linspace(start, end).map(f64::sqrt).collect(),
        BetaSchedule::Cosine => {
            let alpha_bar = |i: usize| {
                let t = i as f64 / n as f64 + cosine_s;
                (t / (1.0 + cosine_s) * std::f64::consts::FRAC_PI_2).cos().powi(2)
            };
            (0..n).map(|i| (1.0 - alpha_bar(i + 1) / alpha_bar(i)).clamp(0.0, 0.999)).collect()
        }
    }
}

/// What ComfyUI takes for the ᾱ of a schedule's end without signal: predictions are divided by its root.
pub const LEAST_ALPHA_CUMPROD: f64 = 4.897_345_189_085_344e-8;

/// ᾱ_t: the products of 1 − β up to each.
fn products(betas: impl Iterator<Item = f64>) -> Vec<f64> {
    let next = |product: &mut f64, beta: f64| {
        *product *= 1.0 - beta;
        Some(*product)
    };
    betas.scan(1.0, next).collect()
}

/// The full schedule of training: `DDPM.register_schedule`'s buffers, f32 like the reference's.
#[derive(Clone, Debug, PartialEq)]
pub struct DiffusionSchedule {
    /// β_t.
    pub betas: Vec<f32>,
    /// ᾱ_t.
    pub alphas_cumprod: Vec<f32>,
    /// ᾱ_{t−1}, starting with 1.
    pub alphas_cumprod_prev: Vec<f32>,
    /// √ᾱ_t.
    pub sqrt_alphas_cumprod: Vec<f32>,
    /// √(1 − ᾱ_t).
    pub sqrt_one_minus_alphas_cumprod: Vec<f32>,
}

impl DiffusionSchedule {
    /// The schedule of `timesteps` betas.
    pub fn new(
        schedule: BetaSchedule,
        timesteps: usize,
        linear_start: f64,
        linear_end: f64,
        cosine_s: f64,
    ) -> Self {
        let betas = make_beta_schedule(schedule, timesteps, linear_start, linear_end, cosine_s);
        let alphas_cumprod = products(betas.iter().copied());
        Self::of(&betas, &alphas_cumprod)
    }

    /// The schedule whose ᾱ are given, falling from at most 1 to 0 or above. None is taken to be less
    /// than 4.9e-8.
    pub fn from_alphas_cumprod(alphas_cumprod: impl Iterator<Item = f64>) -> Self {
        let alphas_cumprod: Vec<f64> = alphas_cumprod.map(|alpha| alpha.max(LEAST_ALPHA_CUMPROD)).collect();
        let previous = std::iter::once(1.0).chain(alphas_cumprod.iter().copied());
        let betas: Vec<f64> =
            alphas_cumprod.iter().zip(previous).map(|(alpha, previous)| 1.0 - alpha / previous).collect();
        Self::of(&betas, &alphas_cumprod)
    }

    /// The schedule whose β are given.
    pub fn from_betas(betas: impl Iterator<Item = f64>) -> Self {
        Self::from_alphas_cumprod(products(betas).into_iter())
    }

    /// The schedule shifted and stretched so that it ends without signal and begins as before (Lin et
    /// al. 2024, "Common diffusion noise schedules and sample steps are flawed", algorithm 1).
    pub fn with_zero_terminal_snr(&self) -> Self {
        let root = |alpha: &f32| f64::from(*alpha).sqrt();
        let ends = self.alphas_cumprod.first().zip(self.alphas_cumprod.last());
        match ends.map(|(first, last)| (root(first), root(last))) {
            Some((first, last)) if first > last => {
                let stretched = |alpha| ((root(alpha) - last) * first / (first - last)).powi(2);
                Self::from_alphas_cumprod(self.alphas_cumprod.iter().map(stretched))
            }
            _ => self.clone(),
        }
    }

    /// Whether nothing of the picture is left at the end.
    pub fn has_zero_terminal_snr(&self) -> bool {
        self.alphas_cumprod.last().is_some_and(|alpha| f64::from(*alpha) < 1e-6)
    }

    fn of(betas: &[f64], alphas_cumprod: &[f64]) -> Self {
        let previous: Vec<f64> =
            std::iter::once(1.0).chain(alphas_cumprod.iter().copied()).take(betas.len()).collect();
        let narrow =
            |values: &[f64], f: fn(f64) -> f64| values.iter().map(|&value| f(value) as f32).collect();
        Self {
            alphas_cumprod_prev: narrow(&previous, |alpha| alpha),
            betas: narrow(betas, |beta| beta),
            sqrt_alphas_cumprod: narrow(alphas_cumprod, f64::sqrt),
            sqrt_one_minus_alphas_cumprod: narrow(alphas_cumprod, |alpha| (1.0 - alpha).sqrt()),
            alphas_cumprod: narrow(alphas_cumprod, |alpha| alpha),
        }
    }

    /// Timesteps of training.
    pub fn timesteps(&self) -> usize {
        self.betas.len()
    }
}

/// Why there is no schedule for what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No steps, or more than the schedule has.
    #[error("expected 1 to {most} steps, found {found}; choose a number in that range")]
    Steps {
        /// Steps of training.
        most: usize,
        /// What was asked.
        found: usize,
    },
    /// PLMS is deterministic.
    #[error("the plms sampler needs eta 0, found {0}; set eta to 0 or use ddim")]
    PlmsEta(String),
}

impl Told for ScheduleError {
    fn key(&self) -> &'static str {
        match self {
            Self::Steps { .. } => "error-steps",
            Self::PlmsEta(_) => "error-plms-eta",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Steps { most, found } => vec![("most", most.to_string()), ("found", found.to_string())],
            Self::PlmsEta(_) => Vec::new(),
        }
    }
}

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
    /// What differs from what was asked.
    pub notes: Vec<Note>,
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
        let mut ddim_timesteps = make_ddim_timesteps(spacing, steps, most);
        if let Some(last) = ddim_timesteps.last_mut()
            && *last >= most
        {
            *last = most - 1;
            notes.push(Note::StepsClamped { steps, timestep: most, used: most - 1 });
        }
        if ddim_timesteps.len() != steps {
            notes.push(Note::StepsDiffer { asked: steps, runs: ddim_timesteps.len() });
        }
        Ok(Self::from_timesteps(schedule, ddim_timesteps, eta, notes))
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

    /// Steps that will run.
    pub fn len(&self) -> usize {
        self.ddim_timesteps.len()
    }

    /// Whether no step will run.
    pub fn is_empty(&self) -> bool {
        self.ddim_timesteps.is_empty()
    }

    /// The timesteps in the order run: the largest first.
    pub fn timesteps_in_order(&self) -> Vec<usize> {
        self.ddim_timesteps.iter().rev().copied().collect()
    }

    /// The first of these steps only, in ascending time.
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

/// Ascending, plus one, "to get the final alpha values right" as the reference has it; the last
/// may be past the end.
fn make_ddim_timesteps(spacing: TimestepSpacing, steps: usize, timesteps: usize) -> Vec<usize> {
    match spacing {
        TimestepSpacing::Uniform => (0..timesteps).step_by(timesteps / steps).map(|t| t + 1).collect(),
        TimestepSpacing::Exact => (0..steps).map(|i| i * timesteps / steps + 1).collect(),
        TimestepSpacing::Quad => {
            let end = (timesteps as f64 * 0.8).sqrt();
            let step = if steps > 1 { end / (steps - 1) as f64 } else { 0.0 };
            let root = |i: usize| if i + 1 == steps && steps > 1 { end } else { step * i as f64 };
            (0..steps).map(|i| (root(i) * root(i)) as usize + 1).collect()
        }
    }
}

/// Steps that run where `steps` are asked for, 1 to `timesteps`: the length of the list of
/// timesteps, for a model that was trained with `timesteps` of them.
pub fn steps_run(spacing: TimestepSpacing, steps: usize, timesteps: usize) -> usize {
    match spacing {
        TimestepSpacing::Uniform => {
            let stride = timesteps / steps.clamp(1, timesteps.max(1));
            timesteps.div_ceil(stride.max(1))
        }
        TimestepSpacing::Exact | TimestepSpacing::Quad => steps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sd_schedule() -> DiffusionSchedule {
        DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3)
    }

    #[test]
    fn a_schedule_without_signal_at_its_end_is_the_published_one() {
        let plain = sd_schedule();
        let zero = plain.with_zero_terminal_snr();
        assert!(zero.has_zero_terminal_snr() && !plain.has_zero_terminal_snr());
        assert_eq!(zero.alphas_cumprod[999], LEAST_ALPHA_CUMPROD as f32);
        let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-4 * b;
        // By diffusers' rescale_zero_terminal_snr.
        for (t, alpha) in [(0, 0.999_15), (1, 0.998_233_4), (500, 0.241_018_8), (998, 1.967_9e-7)] {
            assert!(close(zero.alphas_cumprod[t], alpha), "{t}: {}", zero.alphas_cumprod[t]);
        }
        let again = DiffusionSchedule::from_betas(zero.betas.iter().map(|beta| f64::from(*beta)));
        assert!(zero.alphas_cumprod.iter().zip(&again.alphas_cumprod).all(|(a, b)| (a - b).abs() < 1e-5));
        let one = DiffusionSchedule::new(BetaSchedule::Linear, 1, 0.1, 0.2, 8e-3);
        assert_eq!(one.with_zero_terminal_snr(), one);
    }

    #[test]
    fn every_number_of_steps_gives_timesteps_within_the_schedule() {
        let schedule = sd_schedule();
        for steps in 1..=1000 {
            for spacing in [TimestepSpacing::Uniform, TimestepSpacing::Exact, TimestepSpacing::Quad] {
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
