//! `Level` and `LevelSchedule`: the steps of a run as noise levels, for every rule but DDIM and PLMS.
//!
//! Invariant: a run of S steps has S + 1 levels, in the order run; the last is where the run ends, and
//! its timestep is never asked for.

use serde::{Deserialize, Serialize};

use super::DiffusionSchedule;
use crate::note::Note;
use crate::sampler::Space;

/// A noise level. The latent there is x_0 + σ·z, or (x_0 + σ·z)/√(σ² + 1) with the variance kept at 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// What the network is asked with: a timestep of training, or between two of them.
    pub t: f32,
    /// Noise beside a signal of 1; 0 at the end of most schedules.
    pub sigma: f64,
}

impl Level {
    /// No noise left.
    pub const CLEAN: Self = Self { t: 0.0, sigma: 0.0 };

    /// The level of a timestep of training.
    pub fn of_timestep(full: &DiffusionSchedule, t: usize) -> Self {
        Self { t: t as f32, sigma: full.sigma(t) }
    }

    /// The level of a σ; the timestep lies between two of training.
    pub fn of_sigma(full: &DiffusionSchedule, sigma: f64) -> Self {
        let t = if sigma > 0.0 { full.sigma_to_t(sigma) as f32 } else { 0.0 };
        Self { t, sigma }
    }

    /// ᾱ, the signal's share of the variance.
    pub fn alpha_cumprod(self) -> f64 {
        1.0 / (self.sigma * self.sigma + 1.0)
    }

    /// √ᾱ.
    pub fn signal(self) -> f64 {
        self.alpha_cumprod().sqrt()
    }

    /// √(1 − ᾱ).
    pub fn noise(self) -> f64 {
        self.sigma * self.signal()
    }

    /// λ = −ln σ; infinite without noise.
    pub fn lambda(self) -> f64 {
        -self.sigma.ln()
    }
}

/// What x_T is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Start {
    /// z of variance 1 where the variance is kept, which is z·√(σ² + 1) in σ.
    Unit,
    /// z·σ, in σ.
    Sigma,
}

/// The steps of a run as levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelSchedule {
    /// One level more than steps, in the order run.
    pub levels: Vec<Level>,
    /// What x_T is made of.
    pub start: Start,
    /// The least σ above 0 and the largest of the whole schedule, also where only its end is run: the
    /// times between which a Brownian motion is drawn.
    pub span: [f64; 2],
    /// Where the steps differ from what the caller asked for.
    pub notes: Vec<Note>,
}

impl LevelSchedule {
    /// The schedule of these levels, of which there are at least two.
    pub fn new(levels: Vec<Level>, start: Start) -> Self {
        let sigmas = levels.iter().map(|level| level.sigma);
        let most = sigmas.clone().fold(0.0, f64::max);
        let least = sigmas.filter(|sigma| *sigma > 0.0).fold(most, f64::min);
        // As f32 tensors hold them, since the motion's path depends on every digit.
        let span = [least, most].map(|sigma| f64::from(sigma as f32));
        Self { levels, start, span, notes: Vec::new() }
    }

    /// The schedule of a list of σ, from which the timesteps follow.
    pub fn from_sigmas(full: &DiffusionSchedule, sigmas: &[f64]) -> Self {
        Self::new(sigmas.iter().map(|&sigma| Level::of_sigma(full, sigma)).collect(), Start::Sigma)
    }

    /// Steps that the run takes.
    pub fn len(&self) -> usize {
        self.levels.len() - 1
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last `len` steps: where img2img goes in.
    pub fn last(&self, len: usize) -> Self {
        let levels = self.levels[self.len() - len.min(self.len())..].to_vec();
        Self { levels, ..self.clone() }
    }

    /// By what fresh noise of variance 1 is multiplied to be x_T of a rule in this space.
    pub fn start_scale(&self, space: Space) -> f64 {
        match (space, self.start, self.levels.first()) {
            (Space::Sigma, Start::Unit, Some(first)) => 1.0 / first.signal(),
            (Space::Sigma, Start::Sigma, Some(first)) => first.sigma,
            _ => 1.0,
        }
    }
}
