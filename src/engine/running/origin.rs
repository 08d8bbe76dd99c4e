//! Where a job's run begins: at its first step, where a kept run stands, or where it branches off from one; and
//! who records it.
//!
//! Trap: a run that was steered is taken up unasked only if it was left to this process on purpose, since the
//! settings alone decide a picture that is asked for anew.

use crate::engine::from::Ground;
use crate::engine::generate::{self, GenerateError};
use crate::engine::negative::{self, ResumeError, Resumed};
use crate::engine::open::OpenModel;
use crate::engine::preview::steps_kept::Wanted;
use crate::message::{Job, Origin};
use crate::negative::{Head, Negative, Recorder, Store};
use crate::note::Note;
use crate::settings::Beginning;

/// A run that is ready for its next step.
pub(in crate::engine) struct Begun {
    /// The run, and where it stands.
    pub(in crate::engine) resumed: Resumed,
    /// Its negative, where it has one.
    pub(in crate::engine) negative: Option<String>,
    /// Who keeps the negative; none also where all steps are done.
    pub(in crate::engine) recorder: Option<Recorder>,
    /// What is odd.
    pub(in crate::engine) notes: Vec<Note>,
}

impl Begun {
    /// The picture that the run began from, as its own picture tells it.
    pub(in crate::engine) fn beginning(&self) -> Option<Beginning> {
        let ground = self.resumed.plan.ground.as_ref()?;
        Some(Beginning { negative: self.negative.clone(), ..ground.beginning.clone() })
    }
}

/// Begins a job's run.
///
/// # Errors
/// If the settings do not go with the model, or the kept run cannot be taken up.
pub(in crate::engine) fn begin(
    model: &OpenModel,
    job: &Job,
    store: Option<&Store>,
) -> Result<Begun, GenerateError> {
    match (&job.origin, store) {
        (Origin::Anew, store) => {
            let source = job.source.as_ref();
            let ground = source.map(|source| model.ground(&job.settings, source, store)).transpose()?;
            let left = store.and_then(|store| taken_up(model, job, ground.as_ref(), store));
            left.map_or_else(|| anew(model, job, ground.as_ref(), store), Ok)
        }
        (Origin::Resume { negative }, Some(store)) => resume(model, negative, store),
        (Origin::Branch { negative, at }, Some(store)) => branch(model, job, (negative, *at), store),
        (Origin::Resume { .. } | Origin::Branch { .. }, None) => {
            Err(GenerateError::Kept { cause: "there is no folder for kept runs".to_owned() })
        }
    }
}

fn anew(
    model: &OpenModel,
    job: &Job,
    ground: Option<&Ground>,
    store: Option<&Store>,
) -> Result<Begun, GenerateError> {
    let settings = job.settings.clone();
    let plan = model.plan_on(&settings, ground.map(|ground| model.seeded(ground, &settings)))?;
    let state = generate::start(&model.networks, &settings, &plan);
    let resumed = Resumed { settings, plan, state, guidance_of_steps: Vec::new(), parent: None };
    recorded(model, resumed, store)
}

/// A run that is recorded from here on. What is amiss with its negative is a note.
///
/// # Errors
/// If the device fails.
pub(in crate::engine) fn recorded(
    model: &OpenModel,
    resumed: Resumed,
    store: Option<&Store>,
) -> Result<Begun, GenerateError> {
    let (mut recorder, mut notes) = (None, Vec::new());
    if let Some(store) = store {
        let mut head = negative::head(model, &resumed.settings, &resumed.plan, resumed.state.x.shape);
        head.parent.clone_from(&resumed.parent);
        match negative::record(store, &head, &resumed.plan, &resumed.state)? {
            Ok(begun) => recorder = Some(begun),
            Err(note) => notes.push(note),
        }
    }
    let negative = recorder.as_ref().map(|recorder: &Recorder| recorder.id().to_owned());
    Ok(Begun { resumed, negative, recorder, notes })
}

/// The same run where a process that is gone has left it.
fn taken_up(model: &OpenModel, job: &Job, ground: Option<&Ground>, store: &Store) -> Option<Begun> {
    let beginning = ground.map(|ground| &ground.beginning);
    let is_this = |head: &Head| {
        head.settings == job.settings
            && head.model.name == model.info.name
            && head.beginning.as_ref() == beginning
    };
    let found = store.interrupted().into_iter().find(|left| {
        is_this(&left.head)
            && left.head.parent.is_none()
            && (left.is_set_aside() || !left.is_steered())
            && negative::elsewhere(left, model).is_none()
    })?;
    resume(model, found.id(), store).map_err(|error| log::warn!("{error}")).ok()
}

fn resume(model: &OpenModel, id: &str, store: &Store) -> Result<Begun, GenerateError> {
    let kept = |error| GenerateError::from(ResumeError::Negative(error));
    let whole = store.open(id).map_err(kept)?;
    check_model(model, &whole)?;
    let (recorder, left) = match whole.steps_done() == whole.steps() {
        // All steps are done; only the picture is made again.
        true => (None, whole),
        false => {
            let (recorder, left) = Recorder::again(store, id).map_err(kept)?;
            (Some(recorder), left)
        }
    };
    let resumed = negative::resume(model, &left, Some(store))?;
    let notes = negative::elsewhere(&left, model).into_iter().collect();
    Ok(Begun { resumed, negative: Some(id.to_owned()), recorder, notes })
}

/// Refuses a run of another model: by the hashes where both are known, else by where the models came from. The
/// hash is not waited for, since hashing rests while a job runs.
fn check_model(model: &OpenModel, negative: &Negative) -> Result<(), GenerateError> {
    let hash = model.hash.if_ready();
    let made = Wanted { source: &model.info.source, hash: hash.as_deref() }.made(negative);
    let name = &negative.head.model.name;
    let cause = || format!("it was begun with another model; open {name:?} first");
    made.then_some(()).ok_or_else(|| GenerateError::Kept { cause: cause() })
}

fn branch(
    model: &OpenModel,
    job: &Job,
    (id, at): (&str, usize),
    store: &Store,
) -> Result<Begun, GenerateError> {
    let mut parent = store.open(id).map_err(ResumeError::Negative)?;
    // The steps before a branch's first are those of the run that it came from.
    while let Some(before) = parent.head.parent.as_ref().filter(|_| at < parent.first_step()) {
        parent = store.open(&before.id.clone()).map_err(ResumeError::Negative)?;
    }
    check_model(model, &parent)?;
    let resumed = negative::branch(model, &parent, at, &job.settings.clone().into(), Some(store))?;
    let mut begun = recorded(model, resumed, Some(store))?;
    begun.notes.extend(negative::elsewhere(&parent, model));
    Ok(begun)
}
