//! A run: the state between two steps, and the loop over them.
//!
//! Invariant: [`RunState`] is a plain value. Saved after any step and restored, it continues to the
//! same picture, bit for bit.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::noise::Noise;
use super::options::RunOptions;
use super::schedule::Steps;
use super::step::{Call, Step, Stepped};
use super::{Denoiser, DiffusionSchedule, GuidanceCurve, History, Latent, Level, Space, rules};

/// All that a run carries from one step to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// The latent as it is now.
    pub x: Latent,
    /// Steps that are done.
    pub step: usize,
    /// The generator, where it stands.
    pub noise: Noise,
    /// The guidance of the step to come (`unconditional_guidance_scale`); of all of them where there is no curve.
    pub guidance: f64,
    /// How it goes on after that step.
    #[serde(default)]
    pub curve: GuidanceCurve,
    /// What the update rule keeps of the steps before.
    pub history: History,
}

impl RunState {
    /// The start: `x_t`, or fresh noise of `shape`.
    pub fn start(shape: [usize; 4], x_t: Option<Latent>, mut noise: Noise, guidance: f64) -> Self {
        let x = x_t.unwrap_or_else(|| Latent::new(shape, noise.randn(shape.iter().product())));
        let (curve, history) = (GuidanceCurve::default(), History::default());
        Self { x, step: 0, noise, guidance, curve, history }
    }

    /// The same with guidance along a curve over all `steps`; one without points keeps the guidance as it is.
    #[must_use]
    pub fn along(mut self, curve: GuidanceCurve, steps: usize) -> Self {
        self.bend(curve, steps);
        self
    }

    /// Lets the steps to come follow a curve.
    fn bend(&mut self, curve: GuidanceCurve, steps: usize) {
        self.guidance = curve.at(self.step, steps).unwrap_or(self.guidance);
        self.curve = curve;
    }

    /// Does what the callback asked for.
    fn steer(&mut self, next: Next, steps: usize) {
        if let Some(curve) = next.curve {
            self.bend(curve, steps);
        }
        if let Some(guidance) = next.guidance {
            (self.guidance, self.curve) = (guidance, GuidanceCurve::default());
        }
    }

    /// Brings fresh noise of variance 1 to the level where `schedule` begins, for a rule in `space`.
    #[must_use]
    pub fn raised<'s>(mut self, schedule: impl Into<Steps<'s>>, space: Space) -> Self {
        let scale = schedule.into().start_scale(space);
        if scale != 1.0 {
            self.x = self.x.map(|x| x * scale as f32);
        }
        self
    }
}

impl RunState {
    /// The same run as another rule takes it up at `level`: x in that rule's space.
    #[must_use]
    pub fn moved(mut self, from: Space, to: Space, level: Level) -> Self {
        let scale = match (from, to) {
            (Space::Vp, Space::Sigma) => 1.0 / level.signal(),
            (Space::Sigma, Space::Vp) => level.signal(),
            _ => return self,
        };
        self.x = self.x.map(|x| x * scale as f32);
        self
    }
}

/// What the callback learns of a step.
pub struct StepReport<'a> {
    /// The step's number, from 0.
    pub step: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// Its timestep of training, or the nearest.
    pub timestep: usize,
    /// The guidance that it used.
    pub guidance: f64,
    /// The latent after it.
    pub x: &'a Latent,
    /// The picture it predicts.
    pub pred_x0: &'a Latent,
    /// What it asked the model, and the answers.
    pub calls: &'a [Call],
    /// How often it asked the model.
    pub model_calls: usize,
    /// How long it took, callback excluded.
    pub took: Duration,
}

/// What the callback wants next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Next {
    /// Another guidance for all steps to come, in place of a curve.
    pub guidance: Option<f64>,
    /// Another curve over all steps, for those to come; one without points keeps the present guidance.
    pub curve: Option<GuidanceCurve>,
}

/// Latents kept on the way (`intermediates`), both lists starting with x_T.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intermediates {
    /// x after the kept steps.
    pub x_inter: Vec<Latent>,
    /// pred_x0 of the kept steps.
    pub pred_x0: Vec<Latent>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutcome {
    /// The state at the end; `state.x` is `samples`.
    pub state: RunState,
    /// What `log_every_t` kept.
    pub intermediates: Intermediates,
    /// Whether the callback ended it before the last step.
    pub stopped: bool,
}

/// Runs the steps of `schedule` that `state` has not done yet; of two passes those of the one that it is in, since
/// the second begins from another x.
///
/// Calls `on_step` after each; it may end the run or change the guidance of the steps to come.
/// Mirrors `DDIMSampler.ddim_sampling` and `PLMSSampler.plms_sampling`.
///
/// # Errors
/// If the network fails or is stopped inside a step.
pub fn run<'s, D: Denoiser>(
    denoiser: &mut D,
    full: &DiffusionSchedule,
    schedule: impl Into<Steps<'s>>,
    options: &RunOptions<'_>,
    mut state: RunState,
    on_step: &mut dyn FnMut(&StepReport<'_>, &RunState) -> ControlFlow<(), Next>,
) -> Result<RunOutcome, D::Error> {
    let all = schedule.into();
    let steps = all.len();
    let space = options.sampler.row().space;
    let mut intermediates = Intermediates { x_inter: vec![state.x.clone()], pred_x0: vec![state.x.clone()] };
    while state.step < steps {
        let began = Instant::now();
        let index = steps - state.step - 1;
        let (schedule, number) = all.pass(state.step);
        let timestep = schedule.timestep(number);
        let guidance = state.guidance;
        if let Some(mask) = &options.mask {
            state.x = mask.hold(&state.x, full, schedule, (number, space), &mut state.noise);
        }
        denoiser.begin_step(number, guidance);
        let noise = &mut state.noise;
        let mut step = Step { denoiser, full, schedule, options, noise, guidance, number, calls: Vec::new() };
        let Stepped { x_prev, pred_x0 } =
            rules::step(options.sampler, &mut step, &state.x, &mut state.history)?;
        let calls = step.calls;
        state.x = x_prev;
        state.step += 1;
        state.guidance = state.curve.at(state.step, steps).unwrap_or(guidance);
        if index.is_multiple_of(options.log_every_t.max(1)) || index + 1 == steps {
            intermediates.x_inter.push(state.x.clone());
            intermediates.pred_x0.push(pred_x0.clone());
        }
        let report = StepReport {
            step: state.step - 1,
            steps,
            timestep,
            guidance,
            x: &state.x,
            pred_x0: &pred_x0,
            calls: &calls,
            model_calls: calls.len(),
            took: began.elapsed(),
        };
        match on_step(&report, &state) {
            ControlFlow::Continue(next) => state.steer(next, steps),
            ControlFlow::Break(()) => {
                let stopped = state.step < steps;
                return Ok(RunOutcome { state, intermediates, stopped });
            }
        }
        if all.turn() == Some(state.step) {
            break;
        }
    }
    Ok(RunOutcome { state, intermediates, stopped: false })
}
