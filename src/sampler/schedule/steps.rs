//! `RunSchedule`: the steps of one run in either form, and [`Steps`], a look at one.
//!
//! Invariants: both forms answer every question, so that no rule can meet a schedule it cannot read; and where there
//! are two passes a rule sees the one that runs, as if it were alone. Trap: the number of the second pass' first step
//! is also where the first one ends, at another level: [`Steps::level`] is where a step begins, [`Steps::reached`]
//! where so many steps have led.

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
    /// Two passes, one after the other; neither is of two itself.
    Twice(Box<Self>, Box<Self>),
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
    pub fn notes(&self) -> Vec<Note> {
        match self {
            Self::Ddim(schedule) => schedule.notes.clone(),
            Self::Levels(schedule) => schedule.notes.clone(),
            Self::Twice(first, second) => [first.notes(), second.notes()].concat(),
        }
    }

    /// Steps of the first of two passes: where the second begins.
    pub fn turn(&self) -> Option<usize> {
        self.steps().turn()
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
    /// Two passes.
    Twice(&'a RunSchedule, &'a RunSchedule),
}

impl<'a> From<&'a RunSchedule> for Steps<'a> {
    fn from(schedule: &'a RunSchedule) -> Self {
        match schedule {
            RunSchedule::Ddim(schedule) => Self::Ddim(schedule),
            RunSchedule::Levels(schedule) => Self::Levels(schedule),
            RunSchedule::Twice(first, second) => Self::Twice(first, second),
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
            Self::Twice(first, second) => first.len() + second.len(),
        }
    }

    /// Whether there is no step.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Steps of the first of two passes.
    pub fn turn(self) -> Option<usize> {
        match self {
            Self::Twice(first, _) => Some(first.len()),
            _ => None,
        }
    }

    /// The pass that a step belongs to, and the step's number there.
    pub fn pass(self, step: usize) -> (Self, usize) {
        match self {
            Self::Twice(first, _) if step < first.len() => first.steps().pass(step),
            Self::Twice(first, second) => second.steps().pass(step - first.len()),
            alone => (alone, step),
        }
    }

    /// The timestep of training nearest to a step.
    pub fn timestep(self, step: usize) -> usize {
        match self.pass(step) {
            (Self::Ddim(schedule), step) => schedule.ddim_timesteps[schedule.len() - 1 - step],
            (Self::Levels(schedule), step) => schedule.levels[step].t.round() as usize,
            (Self::Twice(..), _) => 0,
        }
    }

    /// The level of a step; that of number [`Steps::len`] is where the run ends.
    pub fn level(self, step: usize) -> Level {
        match self.pass(step) {
            (Self::Levels(schedule), step) => schedule.levels[step],
            (Self::Ddim(schedule), step) => {
                let sigma = |alpha: f64| ((1.0 - alpha) / alpha).max(0.0).sqrt();
                match (schedule.len() - step).checked_sub(1) {
                    Some(index) => Level {
                        t: schedule.ddim_timesteps[index] as f32,
                        sigma: sigma(schedule.ddim_alphas[index]),
                    },
                    None => Level { t: 0.0, sigma: sigma(schedule.ddim_alphas_prev[0]) },
                }
            }
            (Self::Twice(..), _) => Level::CLEAN,
        }
    }

    /// The level to which so many steps have led; that of the first step before any.
    pub fn reached(self, done: usize) -> Level {
        match done.checked_sub(1).map(|last| self.pass(last)) {
            Some((pass, last)) => pass.level(last + 1),
            None => self.level(0),
        }
    }

    /// What DDIM's formula reads at a step. Levels say nothing of an eta: no noise is added there.
    pub fn coefficients(self, step: usize) -> Coefficients {
        match self.pass(step) {
            (Self::Ddim(schedule), step) => schedule.at(schedule.len() - 1 - step),
            (pass, step) => Coefficients {
                a_t: pass.level(step).alpha_cumprod(),
                a_prev: pass.level(step + 1).alpha_cumprod(),
                sigma_t: 0.0,
            },
        }
    }

    /// The least σ above 0 and the largest: the times between which a Brownian motion is drawn; of two passes those of
    /// the first.
    pub fn span(self) -> [f64; 2] {
        match self {
            Self::Levels(schedule) => schedule.span,
            Self::Ddim(schedule) => [self.level(schedule.len()).sigma, self.level(0).sigma],
            Self::Twice(first, _) => first.steps().span(),
        }
    }

    /// By what fresh noise of variance 1 is multiplied to be x_T of a rule in `space`.
    pub fn start_scale(self, space: Space) -> f64 {
        match (self, space) {
            (Self::Levels(schedule), space) => schedule.start_scale(space),
            (Self::Ddim(_), Space::Vp) => 1.0,
            (Self::Ddim(_), Space::Sigma) => 1.0 / self.level(0).signal(),
            (Self::Twice(first, _), space) => first.steps().start_scale(space),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::{BetaSchedule, DiffusionSchedule};

    #[test]
    fn two_passes_are_read_as_one_after_the_other() {
        let full = DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3);
        let pass = |sigmas: &[f64]| RunSchedule::Levels(LevelSchedule::from_sigmas(&full, sigmas));
        let (a, b) = (pass(&[9.0, 3.0, 0.0]), pass(&[5.0, 2.0, 1.0, 0.0]));
        let both = RunSchedule::Twice(Box::new(a.clone()), Box::new(b.clone()));
        let steps = both.steps();
        assert_eq!((both.len(), both.turn(), a.turn()), (5, Some(2), None));
        assert_eq!(both.timesteps_in_order(), [a.timesteps_in_order(), b.timesteps_in_order()].concat());
        let sigmas: Vec<f64> = (0..=5).map(|step| steps.level(step).sigma).collect();
        assert_eq!(sigmas, [9.0, 3.0, 5.0, 2.0, 1.0, 0.0]);
        let reached: Vec<f64> = (0..=5).map(|done| steps.reached(done).sigma).collect();
        assert_eq!(reached, [9.0, 3.0, 0.0, 2.0, 1.0, 0.0]);
        assert_eq!(steps.coefficients(1).a_prev, 1.0);
        assert_eq!(steps.pass(3).1, 1);
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<RunSchedule>(&json).unwrap(), both);
    }
}
