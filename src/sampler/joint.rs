//! Runs side by side: states of one batch, so that the model is asked once for all of them.
//!
//! Invariant: each run keeps its own generator, and every rule acts on each element alone, so what comes out of a
//! joint step is what each run's own step would give, as far as the network's answer does not depend on the batch.

use super::noise::Noise;
use super::{History, Latent, Past, RunState};

impl RunState {
    /// Runs of one schedule, each at the same step with the same guidance, as one of a larger batch. Returns
    /// nothing where there are none, or they do not go together.
    pub fn joined(states: &[Self]) -> Option<Self> {
        let first = states.first()?;
        let alike = |state: &Self| {
            let sigmas = |state: &Self| state.history.past.iter().map(|past| past.sigma).collect::<Vec<_>>();
            (state.step, state.guidance, state.x.shape) == (first.step, first.guidance, first.x.shape)
                && state.curve == first.curve
                && sigmas(state) == sigmas(first)
                && state.history.sample.is_some() == first.history.sample.is_some()
        };
        if !states.iter().all(alike) {
            return None;
        }
        let past = first.history.past.iter().enumerate().map(|(place, of_first)| Past {
            sigma: of_first.sigma,
            value: Latent::joined(states.iter().map(|state| &state.history.past[place].value)),
        });
        let samples: Vec<&Latent> = states.iter().filter_map(|state| state.history.sample.as_ref()).collect();
        Some(Self {
            x: Latent::joined(states.iter().map(|state| &state.x)),
            step: first.step,
            noise: Noise::joint(states.iter().map(|state| state.noise.clone()).collect()),
            guidance: first.guidance,
            curve: first.curve.clone(),
            history: History {
                past: past.collect(),
                sample: (!samples.is_empty()).then(|| Latent::joined(samples.iter().copied())),
            },
        })
    }

    /// The single runs of a joint one, in the order in which they were joined.
    pub fn parted(&self) -> Vec<Self> {
        let noises = self.noise.parts();
        let count = noises.len();
        let states = noises.iter().enumerate().map(|(place, noise)| Self {
            x: self.x.part(place, count),
            step: self.step,
            noise: noise.clone(),
            guidance: self.guidance,
            curve: self.curve.clone(),
            history: History {
                past: self
                    .history
                    .past
                    .iter()
                    .map(|past| Past { sigma: past.sigma, value: past.value.part(place, count) })
                    .collect(),
                sample: self.history.sample.as_ref().map(|sample| sample.part(place, count)),
            },
        });
        states.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::noise::RngKind;
    use crate::sampler::{
        BetaSchedule, Denoiser, DiffusionSchedule, Layout, Next, Parameterization, RunOptions, SamplerKind,
        ScheduleKind, StepReport, TimestepSpacing, make_schedule, run,
    };
    use std::convert::Infallible;
    use std::ops::ControlFlow;

    /// A model that answers for each element alone.
    struct Sines;

    impl Denoiser for Sines {
        type Error = Infallible;

        fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent, Infallible> {
            Ok(x.map(|x| (0.9 * x + 0.01 * t).sin()))
        }

        fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent), Infallible> {
            Ok((x.map(|x| (0.8 * x).cos()), self.conditional(x, t)?))
        }

        fn has_unconditional(&self) -> bool {
            true
        }

        fn parameterization(&self) -> Parameterization {
            Parameterization::Eps
        }

        fn quantize(&mut self, pred_x0: &Latent) -> Result<Latent, Infallible> {
            Ok(pred_x0.clone())
        }
    }

    #[test]
    fn a_joint_run_is_each_seeds_own_for_every_rule() {
        let full = DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3);
        for row in SamplerKind::TABLE {
            let layout = Layout {
                sampler: row.kind,
                steps: 7,
                timesteps: TimestepSpacing::Exact,
                schedule: ScheduleKind::Auto,
                eta: if row.takes_eta() { 0.6 } else { 0.0 },
            };
            let schedule = make_schedule(&full, &layout).unwrap();
            let options = RunOptions {
                eta: layout.eta,
                s_churn: 3.0,
                guidance_rescale: 0.3,
                noise_dropout: 0.2,
                ..RunOptions::of(row.kind)
            };
            let start = |seed| {
                let noise = Noise::seeded(RngKind::Cpu, seed);
                RunState::start([1, 4, 3, 5], None, noise, 4.0).raised(&schedule, row.space)
            };
            let developed = |state| {
                let mut on_step = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
                let outcome = run(&mut Sines, &full, &schedule, &options, state, &mut on_step);
                outcome.map(|outcome| outcome.state).unwrap()
            };
            let states = [5, 6, 900].map(start);
            let joint = developed(RunState::joined(&states).unwrap());
            let alone = states.map(developed);
            assert_eq!(joint.parted(), alone, "{}", row.name);
            assert_eq!(RunState::joined(&alone), Some(joint), "{}", row.name);
        }
    }

    #[test]
    fn runs_that_stand_elsewhere_are_not_joined() {
        let state = RunState::start([1, 1, 2, 2], None, Noise::seeded(RngKind::Cpu, 1), 2.0);
        assert!(RunState::joined(&[]).is_none());
        for other in [
            RunState { step: 1, ..state.clone() },
            RunState { guidance: 3.0, ..state.clone() },
            RunState { x: Latent::new([1, 1, 1, 2], vec![0.0; 2]), ..state.clone() },
        ] {
            assert!(RunState::joined(&[state.clone(), other]).is_none());
        }
    }
}
