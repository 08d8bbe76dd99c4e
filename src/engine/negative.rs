//! Negatives of the engine's runs: what a run tells its recorder, and how a run is taken up or branched from one.
//!
//! Invariant: what goes on from a negative computes the steps from there and no others; with the same device and
//! number type the picture is the one of an uninterrupted run, bit for bit.

use std::sync::Arc;

use crate::engine::prompts::Prompts;
use crate::message::ModelSource;
use crate::negative::{
    Context, Head, ModelUsed, Negative, NegativeError, Parent, Recorder, Store, Trouble, new_id,
};
use crate::note::{NegativeNote, Note};
use crate::ops::{self, Tensor};
use crate::picture::BranchedFrom;
use crate::sampler::noise::Noise;
use crate::sampler::{History, Latent, RunState};
use crate::settings::{Beginning, PartialSettings, Setting, Settings, Value};

use super::OpenModel;
use super::from::{self, Ground};
use super::generate::{GenerateError, Plan};

/// A run that goes on: from a negative, with its plan and where it stands.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// What decides the picture.
    pub settings: Settings,
    /// The steps, and what they are conditioned with.
    pub plan: Plan,
    /// Where it stands.
    pub state: RunState,
    /// The guidance that acted in the steps that are done.
    pub guidance_of_steps: Vec<f64>,
    /// What it branched off from.
    pub parent: Option<Parent>,
}

/// Why a run cannot go on from a negative.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The negative cannot be read.
    #[error(transparent)]
    Negative(#[from] NegativeError),
    /// The model refuses.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Another model is open.
    #[error(
        "expected the model that began the run (hash {expected}), found one of hash {found}; name it with --model"
    )]
    OtherModel {
        /// Its hash.
        expected: String,
        /// That of the open one.
        found: String,
    },
    /// A branch of another size.
    #[error("a branch keeps its run's size, {width}×{height}; leave width and height out")]
    Size {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
}

impl From<ResumeError> for GenerateError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Generate(error) => error,
            other => Self::Kept { cause: other.to_string() },
        }
    }
}

impl From<ops::Error> for ResumeError {
    fn from(error: ops::Error) -> Self {
        Self::Generate(error.into())
    }
}

/// The head of a run's negative.
pub fn head(model: &OpenModel, settings: &Settings, plan: &Plan, shape: [usize; 4]) -> Head {
    let info = &model.info;
    let mut used = ModelUsed { name: info.name.clone(), ..ModelUsed::default() };
    if let ModelSource::Path { path, config, vae, text_encoder, prediction } = &info.source {
        let absolute = |path: &std::path::PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        used.path = Some(absolute(path));
        used.prediction = *prediction;
        [used.config, used.vae, used.text_encoder] =
            [config, vae, text_encoder].map(|path| path.as_ref().map(absolute));
    }
    used.hash = model.hash.if_ready().unwrap_or_default();
    let device = [info.device.name, info.device.dtype];
    let head = Head::new(new_id(), settings.clone(), used, device, plan.schedule.clone(), shape);
    let beginning = plan.ground.as_ref().map(|ground| ground.beginning.clone());
    head.from_picture(beginning.map(|beginning| Beginning { negative: None, ..beginning }))
}

/// What the UNet is conditioned with, read back from the device.
///
/// # Errors
/// If the device fails.
fn context(plan: &Plan) -> ops::Result<Context> {
    let begun = plan.ground.as_ref().map(|ground| ground.to_begun());
    // Others are encoded again.
    let Some([conditional, unconditional]) = plan.prompts.as_ref().and_then(Prompts::as_plain) else {
        return Ok(Context { begun, ..Context::default() });
    };
    let numbers = |tensors: &[Tensor]| {
        let first = tensors.first();
        first.map(|tensor| Ok::<_, ops::Error>((tensor.shape().to_vec(), tensor.to_f32()?))).transpose()
    };
    Ok(Context {
        context: numbers(&conditional.c_crossattn)?,
        unconditional_context: numbers(&unconditional.c_crossattn)?,
        begun,
    })
}

/// Begins to record a run. What is amiss is a note, and the run goes on without a negative.
///
/// # Errors
/// If the device fails.
pub fn record(
    store: &Store,
    head: &Head,
    plan: &Plan,
    state: &RunState,
) -> ops::Result<Result<Recorder, Note>> {
    let begun = Recorder::begin(store, head, &context(plan)?, state.clone());
    Ok(begun.map_err(|error| Note::Negative(NegativeNote::NotKept { cause: error.to_string() })))
}

/// What is amiss with a recording, as a note.
pub fn note_of(trouble: Trouble) -> Note {
    Note::Negative(match trouble {
        Trouble::NotKept { cause } => NegativeNote::NotKept { cause },
        Trouble::Behind => NegativeNote::Behind,
    })
}

/// Where the model of a negative comes from.
pub fn source_of(used: &ModelUsed) -> ModelSource {
    match &used.path {
        None => ModelSource::Starter,
        Some(path) => ModelSource::Path {
            path: path.clone(),
            config: used.config.clone(),
            vae: used.vae.clone(),
            text_encoder: used.text_encoder.clone(),
            prediction: used.prediction,
        },
    }
}

/// Checks that `hash`, where it is known, is that of the negative's model.
///
/// # Errors
/// If it is another model's.
pub fn check_model(negative: &Negative, hash: &str) -> Result<(), ResumeError> {
    let expected = negative.model_hash();
    if expected.is_empty() || hash.is_empty() || expected == hash {
        return Ok(());
    }
    Err(ResumeError::OtherModel { expected: expected.to_owned(), found: hash.to_owned() })
}

/// A note where the run goes on elsewhere than it began.
pub fn elsewhere(negative: &Negative, model: &OpenModel) -> Option<Note> {
    let (head, device) = (&negative.head, &model.info.device);
    let [then, now] = [(head.device.as_str(), head.dtype.as_str()), (device.name, device.dtype)]
        .map(|(name, dtype)| format!("{name} in {dtype}"));
    (then != now).then_some(Note::Negative(NegativeNote::OtherDevice { then, now }))
}

/// The run of a negative, from its last step that is done.
///
/// # Errors
/// If it cannot be read, or does not go with the model.
pub fn resume(model: &OpenModel, negative: &Negative, store: Option<&Store>) -> Result<Resumed, ResumeError> {
    let settings = negative.head.settings.clone();
    let mut plan = model.plan_on(&settings, ground(negative)?)?;
    plan.schedule = negative.head.schedule.clone();
    put_context(model, &mut plan, negative.context()?)?;
    let done = negative.steps_done();
    plan.before_turn = before_turn(store, negative, done)?;
    Ok(Resumed {
        settings,
        plan,
        state: negative.state(done)?,
        guidance_of_steps: negative.guidance_of_steps(),
        parent: negative.head.parent.clone(),
    })
}

/// What a kept run is painted on, where it began from a picture.
fn ground(negative: &Negative) -> Result<Option<Arc<Ground>>, ResumeError> {
    Ok(from::ground_of(negative)?.map(Arc::new))
}

/// The latent before the second pass of a run that stands in it after `done` steps; where the file begins later, it is
/// in those that the run branched off from.
fn before_turn(
    store: Option<&Store>,
    negative: &Negative,
    done: usize,
) -> Result<Option<Latent>, ResumeError> {
    let Some(turn) = negative.head.schedule.turn().filter(|turn| *turn < done) else { return Ok(None) };
    if turn >= negative.first_step() {
        return Ok(Some(negative.state(turn)?.x));
    }
    match (store, &negative.head.parent) {
        (Some(store), Some(parent)) => before_turn(Some(store), &store.open(&parent.id)?, done),
        _ => Ok(None),
    }
}

/// Puts the contexts of a negative in the place of those that were encoded now.
fn put_context(model: &OpenModel, plan: &mut Plan, stored: Context) -> ops::Result<()> {
    let Some([conditional, unconditional]) = plan.prompts.as_mut().and_then(Prompts::as_plain_mut) else {
        return Ok(());
    };
    for (conditioning, numbers) in
        [(conditional, stored.context), (unconditional, stored.unconditional_context)]
    {
        let (Some((shape, values)), [context]) = (numbers, conditioning.c_crossattn.as_mut_slice()) else {
            continue;
        };
        if shape == context.shape() {
            *context = Tensor::from_f32(model.networks.device(), &shape, &values)?;
        }
    }
    Ok(())
}

/// A run of its own that shares the first `at` steps of a negative, with what is known of `changed` in place of its
/// settings.
///
/// # Errors
/// If the step is not there, or the changes do not go with the model or the run.
pub fn branch(
    model: &OpenModel,
    negative: &Negative,
    at: usize,
    changed: &PartialSettings,
    store: Option<&Store>,
) -> Result<Resumed, ResumeError> {
    let former = &negative.head.settings;
    let settings = changed.put_over(former).settled();
    let in_second = negative.head.schedule.turn().is_some_and(|turn| at > turn);
    let size = |settings: &Settings| {
        let scale = if in_second { settings.hires.scale } else { 1.0 };
        (settings.width, settings.height, scale.to_bits())
    };
    if size(&settings) != size(former) {
        return Err(ResumeError::Size { width: former.width, height: former.height });
    }
    let mut plan = model.plan_on(&settings, ground(negative)?)?;
    plan.before_turn = before_turn(store, negative, at)?;
    let full = &model.networks.config.schedule;
    plan.schedule = negative.head.schedule.continued(at, &plan.schedule, full, settings.eta);
    plan.notes.clear();
    if (&settings.prompt, &settings.negative_prompt) == (&former.prompt, &former.negative_prompt) {
        put_context(model, &mut plan, negative.context()?)?;
    }
    let mut state = negative.state(at)?;
    if settings.sampler != former.sampler {
        let [from, to] = [former.sampler, settings.sampler].map(|sampler| sampler.row().space);
        state = state.moved(from, to, plan.schedule.steps().reached(at));
        state.history = History::default();
    }
    if (settings.seed, settings.rng) != (former.seed, former.rng) {
        // The noise that a run of that seed would draw after its x_T.
        state.noise = Noise::seeded(settings.rng, settings.seed);
        state.noise.randn(state.x.len());
    }
    let guided = |settings: &Settings| (settings.guidance, settings.guidance_curve.clone());
    if guided(&settings) != guided(former) {
        (state.guidance, state.curve) = guided(&settings);
    }
    // The same curve over another number of steps has other values.
    let curve = state.curve.clone();
    let state = state.along(curve, plan.schedule.len());
    let mut guidance_of_steps = negative.guidance_of_steps();
    guidance_of_steps.truncate(at);
    let parent = Parent {
        id: negative.id().to_owned(),
        at,
        changes: changes(former, &settings),
        guidance_of_steps: guidance_of_steps.clone(),
    };
    Ok(Resumed { settings, plan, state, guidance_of_steps, parent: Some(parent) })
}

/// What a branch's picture tells of where it came from: nothing where nothing was changed.
pub fn branched_from(parent: Option<&Parent>) -> Option<BranchedFrom> {
    let parent = parent.filter(|parent| !parent.changes.is_empty())?;
    Some(BranchedFrom { negative: parent.id.clone(), at: parent.at })
}

/// What differs between two settings: "guidance 3 → 5".
pub fn changes(former: &Settings, now: &Settings) -> Vec<String> {
    let [former, now] = [former, now].map(|settings| PartialSettings::from(settings.clone()));
    let differs = |setting: Setting| former.get(setting) != now.get(setting);
    let told = |setting: Setting| {
        let words =
            |settings: &PartialSettings| settings.get(setting).map_or_else(String::new, |value| said(&value));
        format!("{} {} → {}", setting.row().name, words(&former), words(&now))
    };
    Setting::TABLE.iter().map(|row| row.setting).filter(|row| differs(*row)).map(told).collect()
}

fn said(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{:?}", crate::told::quoted(text)),
        Value::Whole(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Choice(name) => (*name).to_owned(),
    }
}
