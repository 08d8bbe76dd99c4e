//! `Replay`: one run again, with all that the recordings hold of it.

use std::ops::ControlFlow;

use super::toy::Toy;
use crate::sampler::noise::Noise;
use crate::sampler::{
    Call, DiffusionSchedule, Latent, Next, Parameterization, RunOptions, RunSchedule, RunState, StepReport,
    run,
};

/// What decides a run.
pub(super) struct Replay<'a> {
    pub(super) training: &'a DiffusionSchedule,
    pub(super) schedule: RunSchedule,
    pub(super) options: RunOptions<'static>,
    pub(super) parameterization: Parameterization,
    pub(super) noise: Noise,
    /// x before the first step, as the rule writes it.
    pub(super) x: Latent,
}

/// What came of it.
pub(super) struct Replayed {
    /// What was asked in each step.
    pub(super) steps: Vec<Vec<Call>>,
    /// x after the last step.
    pub(super) last: Latent,
    /// The denoiser's inputs and answers.
    pub(super) network: Vec<(Latent, Latent)>,
}

impl Replay<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// If the made-up denoiser cannot do what was asked.
    pub(super) fn run(self) -> Result<Replayed, String> {
        let mut toy = Toy::new(self.parameterization);
        let state = RunState::start(self.x.shape, Some(self.x), self.noise, 1.0);
        let mut steps = Vec::new();
        let mut on_step = |report: &StepReport<'_>, _: &RunState| {
            steps.push(report.calls.to_vec());
            ControlFlow::Continue(Next::default())
        };
        let outcome = run(&mut toy, self.training, &self.schedule, &self.options, state, &mut on_step)?;
        Ok(Replayed { steps, last: outcome.state.x, network: toy.calls })
    }
}

impl Replayed {
    /// Every call of the model.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.steps.iter().flatten()
    }

    /// The first call of each step.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &Call> {
        self.steps.iter().filter_map(|calls| calls.first())
    }
}
