//! What happens when a graphics card fails in the middle of a run: the processor goes on from the last
//! finished step, and the picture is made.
//!
//! Invariant: the latents and the generator are the host's after every step, so nothing that is done is lost;
//! the steps that follow are those of the processor's own dtype.

use std::ops::ControlFlow;
use std::rc::Rc;

use super::OpenModel;
use super::generate::{self, GenerateError, Plan};
use super::lens::Lens;
use crate::model::LatentDiffusion;
use crate::note::Note;
use crate::ops::Tensor;
use crate::picture::Frame;
use crate::sampler::{Latent, Next, RunState, StepReport};
use crate::settings::Settings;

/// A picture and what it was decoded from.
#[derive(Debug)]
pub struct Developed {
    /// The last latent, scaled.
    pub samples: Latent,
    /// The picture: where a part of another one is kept, all of that.
    pub frame: Frame,
    /// What the run itself has made.
    pub made: Frame,
    /// The decoder's own numbers.
    pub image: Tensor,
    /// What was done differently on the way.
    pub notes: Vec<Note>,
}

/// What is called after each step; see [`generate::develop`].
pub type OnStep<'a> = &'a mut dyn FnMut(&StepReport<'_>, &RunState) -> ControlFlow<(), Next>;

/// Runs the steps of `state` that are not done and decodes; `None` if `on_step` ended it. Where a graphics card
/// fails, `refuge` is told the failure and the number of steps that are done, and gives the same model on the
/// processor, which goes on; without one the failure is the result. `lens` watches, if there is one.
///
/// # Errors
/// As [`generate::develop`] and [`generate::decode`].
pub fn develop_through(
    model: &OpenModel,
    settings: &Settings,
    plan: &Plan,
    state: RunState,
    on_step: OnStep<'_>,
    refuge: &mut dyn FnMut(&GenerateError, usize) -> Option<Rc<OpenModel>>,
    lens: Option<&Lens>,
) -> Result<Option<Developed>, GenerateError> {
    let mut finished = state.clone();
    let mut before_turn = plan.before_turn.clone();
    let mut noted = |report: &StepReport<'_>, state: &RunState| {
        finished.clone_from(state);
        if plan.schedule.turn() == Some(state.step) {
            before_turn = Some(state.x.clone());
        }
        on_step(report, state)
    };
    model.lay(plan);
    let failure = match develop(&model.networks, settings, plan, state, &mut noted, lens) {
        Err(failure) if failure.is_of_card() => failure,
        developed => return developed,
    };
    let Some(refuge) = refuge(&failure, finished.step) else { return Err(failure) };
    // A branch's steps do not follow from its settings alone.
    let again = refuge.plan_on(settings, plan.ground.clone())?;
    let plan = Plan { schedule: plan.schedule.clone(), before_turn, ..again };
    develop(&refuge.networks, settings, &plan, finished, on_step, lens)
}

fn develop(
    model: &LatentDiffusion,
    settings: &Settings,
    plan: &Plan,
    state: RunState,
    on_step: OnStep<'_>,
    lens: Option<&Lens>,
) -> Result<Option<Developed>, GenerateError> {
    let generated = generate::develop_watched(model, settings, plan, state, on_step, lens)?;
    if generated.stopped {
        return Ok(None);
    }
    let (made, image) = generate::decode(model, &generated.samples)?;
    let frame = plan.finished(settings, &made)?;
    let notes = model.take_notes().into_iter().map(Note::from).collect();
    Ok(Some(Developed { samples: generated.samples, frame, made, image, notes }))
}
