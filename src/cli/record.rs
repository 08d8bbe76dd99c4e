//! `generate --trace`: the numbers of a run under the names that the reference's recorded runs give them.

use crate::engine::generate::{GenerateError, Plan};
use crate::engine::prompts::Prompts;
use crate::ops::Tensor;
use crate::sampler::{RunSchedule, RunState, StepReport};
use crate::trace::Trace;

/// Records what is known before the first step: tokens, contexts, the schedule and x_T.
///
/// # Errors
/// If a context cannot be read back from the device.
pub fn start(trace: &mut Trace, plan: &Plan, x_t: &RunState) -> Result<(), GenerateError> {
    if let Some([conditional, unconditional]) = plan.prompts.as_ref().and_then(Prompts::as_plain) {
        trace.i64("tokens", &[1, plan.ids.len()], plan.ids.clone());
        for (name, conditioning) in [("context", conditional), ("unconditional_context", unconditional)] {
            if let Some(context) = conditioning.c_crossattn.first() {
                record(trace, name, context)?;
            }
        }
    }
    let timesteps: Vec<i64> = plan.schedule.timesteps_in_order().iter().map(|&t| t as i64).collect();
    trace.i64("timesteps", &[timesteps.len()], timesteps);
    match &plan.schedule {
        RunSchedule::Twice(first, second) => {
            pass(trace, first, "");
            pass(trace, second, SECOND);
        }
        one => pass(trace, one, ""),
    }
    trace.latent("x_T", &x_t.x);
    Ok(())
}

/// Before the names of what belongs to a second pass, whose latents are larger.
const SECOND: &str = "second_";

/// Records the levels of a pass.
fn pass(trace: &mut Trace, schedule: &RunSchedule, before: &str) {
    match schedule {
        RunSchedule::Ddim(schedule) => {
            trace.f64(&format!("{before}ddim_alphas"), &schedule.ddim_alphas);
            trace.f64(&format!("{before}ddim_sigmas"), &schedule.ddim_sigmas);
        }
        RunSchedule::Levels(schedule) => {
            let sigmas: Vec<f64> = schedule.levels.iter().map(|level| level.sigma).collect();
            trace.f64(&format!("{before}sigmas"), &sigmas);
        }
        RunSchedule::Twice(..) => {}
    }
}

/// Records a step.
pub fn step(trace: &mut Trace, report: &StepReport<'_>) {
    let first = trace.tensors.get("x_steps").is_none_or(|steps| steps.shape[1..] == report.x.shape);
    let before = if first { "" } else { SECOND };
    trace.push_step(&format!("{before}x_steps"), report.x);
    trace.push_step(&format!("{before}pred_x0_steps"), report.pred_x0);
}

/// Records a tensor of the device.
///
/// # Errors
/// If it cannot be read back.
pub fn record(trace: &mut Trace, name: &str, tensor: &Tensor) -> Result<(), GenerateError> {
    trace.f32(name, tensor.shape(), tensor.to_f32()?);
    Ok(())
}
