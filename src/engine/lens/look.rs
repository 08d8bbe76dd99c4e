//! `Looks`: what the lens would have seen of a step that is done, by one call of the UNet on the latent that the
//! negative keeps of it.
//!
//! Trap: it is the call at the step's own level. A rule that asks twice a step, or churns before it asks, has seen
//! more than that; and a run without a negative cannot be looked at again. A branch's steps before its branch point
//! are those of the run that it came from, by that run's prompt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::engine::from::Beside;
use crate::engine::generate::{self, GenerateError, Plan};
use crate::engine::lens::{Lens, Seen, step_heat};
use crate::engine::negative;
use crate::engine::open::OpenModel;
use crate::engine::preview::steps_kept::StepError;
use crate::engine::prompts::Prompts;
use crate::message::{JobId, Report, StepHeat};
use crate::negative::{Negative, NegativeError, file_name};
use crate::sampler::{Denoiser as _, Latent, RunState, Space};

/// Where the runs of this session are kept.
#[derive(Debug, Default)]
pub(in crate::engine) struct Looks {
    runs: BTreeMap<JobId, PathBuf>,
    /// The negative that was looked at last, and its plan: its texts need not be encoded again.
    last: Option<(PathBuf, Plan)>,
}

/// Branches of branches that are followed to the run that has a step, at most.
const LINEAGE_MOST: usize = 1_000;

impl Looks {
    /// Notes the negative of a job.
    pub(in crate::engine) fn begin(&mut self, job: JobId, negative: PathBuf) {
        self.runs.insert(job, negative);
    }

    /// What the lens sees of a step, from 0.
    ///
    /// # Errors
    /// If the step is not kept, another model is open, or the network fails.
    pub(in crate::engine) fn look(
        &mut self,
        model: &OpenModel,
        job: JobId,
        step: usize,
    ) -> Result<StepHeat, Report> {
        let began = Instant::now();
        let gone = |error: &dyn std::fmt::Display| {
            log::info!("step {} of job {} cannot be looked at: {error}", step + 1, job.0);
            Report::of(&StepError::Gone)
        };
        let path = self.runs.get(&job).ok_or_else(|| gone(&"no negative"))?;
        let (path, kept) = holder(path, step).map_err(|error| gone(&error))?;
        let hash = model.hash.if_ready().unwrap_or_default();
        if negative::check_model(&kept, &hash).is_err() || kept.head.model.name != model.info.name {
            return Err(Report::of(&StepError::OtherModel));
        }
        let plan = self.plan(model, path, &kept)?;
        if step >= plan.schedule.len() {
            return Err(gone(&"no such step"));
        }
        model.lay(&plan);
        let mut state = kept.state(step).map_err(|error| gone(&error))?;
        let settings = &kept.head.settings;
        let beside = generate::beside(&model.networks, settings, &plan, &mut state);
        let beside = beside.map_err(|error| Report::of(&error))?;
        let level = plan.schedule.steps().level(step);
        let x = match settings.sampler.row().space {
            Space::Vp => state.x.clone(),
            Space::Sigma => state.x.map(|x| level.signal() as f32 * x),
        };
        let words = plan.passes().words_of_step(step).to_vec();
        let seen = seen(model, &plan, (&state, &beside), &x).map_err(|error| Report::of(&error))?;
        let heat = step_heat(&seen, &words, &settings.prompt, job, step);
        Ok(StepHeat { took: began.elapsed(), ..heat })
    }

    /// The plan of a kept run, on the model's device.
    fn plan(&mut self, model: &OpenModel, path: PathBuf, kept: &Negative) -> Result<Plan, Report> {
        let device = model.networks.device();
        let is_here = |plan: &Plan| {
            let mut contexts = plan.prompts.iter().flat_map(Prompts::contexts);
            contexts.all(|context| device.shares_tensors_with(context.device()))
        };
        if let Some((_, plan)) = self.last.as_ref().filter(|(known, plan)| *known == path && is_here(plan)) {
            return Ok(plan.clone());
        }
        let resumed = negative::resume(model, kept, None).map_err(|error| {
            log::info!("{} cannot be looked at: {error}", path.display());
            Report::of(&StepError::OtherModel)
        })?;
        self.last = Some((path, resumed.plan.clone()));
        Ok(resumed.plan)
    }
}

/// The negative that holds the latent before `step`: this one, or one that it branched off from.
fn holder(path: &Path, step: usize) -> Result<(PathBuf, Negative), NegativeError> {
    let mut path = path.to_owned();
    let mut kept = Negative::open(&path)?;
    for _ in 0..LINEAGE_MOST {
        let Some(parent) = kept.head.parent.as_ref().filter(|_| step < kept.first_step()) else { break };
        path = path.with_file_name(file_name(&parent.id));
        kept = Negative::open(&path)?;
    }
    Ok((path, kept))
}

/// What a lens sees of one call, the first of a step.
fn seen(
    model: &OpenModel,
    plan: &Plan,
    (state, beside): (&RunState, &Beside),
    x: &Latent,
) -> Result<Seen, GenerateError> {
    let lens = Lens::on();
    let mut denoiser = generate::denoiser(&model.networks, plan, state, beside)?.watched_by(Some(&lens));
    let (pass, step) = plan.schedule.steps().pass(state.step);
    denoiser.begin_step(step, 1.0);
    denoiser.guided(x, pass.level(step).t)?;
    Ok(lens.take().unwrap_or_default())
}
