//! `RunSchedule`: the steps of one run in either form, and [`Steps`], a look at one.
//!
//! Invariant: both forms answer every question, so that no rule can meet a schedule it cannot read.

use serde::{Deserialize, Serialize};

use super::{Coefficients, DdimSchedule, Level, LevelSchedule};
use crate::note::Note;
use crate::sampler::Space;

/// The steps of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RunSchedule {
    /// The reference's list of timesteps.
    Ddim(DdimSchedule),
    /// Levels.
    Levels(LevelSchedule),
}

impl RunSchedule {
    /// A look at it.
    pub fn steps(&self) -> Steps<'_> {
        self.into()
    }

    /// Steps that the run takes.
    pub fn len(&self) -> usize {
        self.steps().len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the steps differ from what the caller asked for.
    pub fn notes(&self) -> &[Note] {
        match self {
            Self::Ddim(schedule) => &schedule.notes,
            Self::Levels(schedule) => &schedule.notes,
        }
    }

    /// The timestep of training nearest to each step, in the order run.
    pub fn timesteps_in_order(&self) -> Vec<usize> {
        (0..self.len()).map(|step| self.steps().timestep(step)).collect()
    }
}

/// A look at the steps of a run; steps count from 0 in the order run.
#[derive(Clone, Copy, Debug)]
pub enum Steps<'a> {
    /// The reference's list of timesteps.
    Ddim(&'a DdimSchedule),
    /// Levels.
    Levels(&'a LevelSchedule),
}

impl<'a> From<&'a RunSchedule> for Steps<'a> {
    fn from(schedule: &'a RunSchedule) -> Self {
        match schedule {
            RunSchedule::Ddim(schedule) => Self::Ddim(schedule),
            RunSchedule::Levels(schedule) => Self::Levels(schedule),
        }
    }
}

impl<'a> From<&'a DdimSchedule> for Steps<'a> {
    fn from(schedule: &'a DdimSchedule) -> Self {
        Self::Ddim(schedule)
    }
}

impl<'a> From<&'a LevelSchedule> for Steps<'a> {
    fn from(schedule: &'a LevelSchedule) -> Self {
        Self::Levels(schedule)
    }
}

impl Steps<'_> {
    /// Steps that the run takes.
    pub fn len(self) -> usize {
        match self {
            Self::Ddim(schedule) => schedule.len(),
            Self::Levels(schedule) => schedule.len(),
        }
    }

    /// Whether there is no step.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The timestep of training nearest to a step.
    pub fn timestep(self, step: usize) -> usize {
        match self {
            Self::Ddim(schedule) => schedule.ddim_timesteps[schedule.len() - 1 - step],
            Self::Levels(schedule) => schedule.levels[step].t.round() as usize,
        }
    }

    /// The level of a step; that of number [`Steps::len`] is where the run ends.
    pub fn level(self, step: usize) -> Level {
        match self {
            Self::Levels(schedule) => schedule.levels[step],
            Self::Ddim(schedule) => {
                let sigma = |alpha: f64| ((1.0 - alpha) / alpha).max(0.0).sqrt();
                match (schedule.len() - step).checked_sub(1) {
                    Some(index) => Level {
                        t: schedule.ddim_timesteps[index] as f32,
                        sigma: sigma(schedule.ddim_alphas[index]),
                    },
                    None => Level { t: 0.0, sigma: sigma(schedule.ddim_alphas_prev[0]) },
                }
            }
        }
    }

    /// What DDIM's formula reads at a step. Levels say nothing of an eta: no noise is added there.
    pub fn coefficients(self, step: usize) -> Coefficients {
        match self {
            Self::Ddim(schedule) => schedule.at(schedule.len() - 1 - step),
            Self::Levels(schedule) => Coefficients {
                a_t: schedule.levels[step].alpha_cumprod(),
                a_prev: schedule.levels[step + 1].alpha_cumprod(),
                sigma_t: 0.0,
            },
        }
    }

    /// The least σ above 0 and the largest: the times between which a Brownian motion is drawn.
    pub fn span(self) -> [f64; 2] {
        match self {
            Self::Levels(schedule) => schedule.span,
            Self::Ddim(schedule) => [self.level(schedule.len()).sigma, self.level(0).sigma],
        }
    }

    /// By what fresh noise of variance 1 is multiplied to be x_T of a rule in `space`.
    pub fn start_scale(self, space: Space) -> f64 {
        match (self, space) {
            (Self::Levels(schedule), space) => schedule.start_scale(space),
            (Self::Ddim(_), Space::Vp) => 1.0,
            (Self::Ddim(_), Space::Sigma) => 1.0 / self.level(0).signal(),
        }
    }
}
