//! Messages: all that the front end and the inference thread say to each other, as plain data.
//!
//! Four channels, each bounded: [`Request`]s are work, done one at a time in order; [`Control`]s act
//! on the running work and are read between steps (stop also raises a flag that acts inside an
//! operation); [`Event`]s are never lost; [`Preview`]s may be: when the front end does not read,
//! the oldest is dropped, so a sleeping window neither stalls nor grows the engine.
//! Notes and errors travel as data and become words at the edge.
//!
//! | message | who answers |
//! | --- | --- |
//! | `Open`, `Compute`, `Generate` | `engine/worker.rs`; a job then runs in `engine/running/job.rs` |
//! | `Sheet` | the same; its jobs run in `engine/running/sheet.rs` |
//! | `CountTokens`, `Decode`, `Strip`, `Reopen`, `Proof`, `Taesd`, `ModelFolders` | `engine/workspace.rs`, also while a job runs |
//! | `Look`, `Heat` | the same |
//! | controls | `engine/running/job.rs`, between two steps |
//! | events, previews | the window, in `app/state/events.rs`; it sends in `app/engine_link.rs` |
//!
//! A started job ends in exactly one of [`Event::Finished`], [`Event::Stopped`], [`Event::Failed`]; each of a
//! sheet's does.

mod job;
mod lens;
mod preview;
mod takes;

pub use job::{Job, JobId, Origin, Sheet};
pub use lens::{Heat, StepHeat, WordHeat};
pub use preview::{Preview, PreviewImage, Step};
pub use takes::Takes;

use std::path::PathBuf;
use std::time::Duration;

use crate::note::Note;
use crate::picture::{Frame, Made};
use crate::sampler::{GuidanceCurve, Parameterization};
use crate::settings::{PreviewMode, PromptGrammar, Settings};
use crate::told::{Sentence, Told};

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The starter model inside the program.
    Starter,
    /// A checkpoint file or a diffusers folder, with its YAML config if one was named.
    Path {
        /// The file or folder.
        path: PathBuf,
        /// The config, where it does not lie beside the file.
        config: Option<PathBuf>,
        /// A VAE in place of the model's own.
        vae: Option<PathBuf>,
        /// A text encoder in place of the model's own.
        text_encoder: Option<PathBuf>,
        /// What the network predicts, whatever its file says.
        prediction: Option<Parameterization>,
    },
}

impl ModelSource {
    /// A file or folder with nothing else named.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::Path { path: path.into(), config: None, vae: None, text_encoder: None, prediction: None }
    }
}

/// Where and how to compute, as far as it may be changed while the window is open.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Compute {
    /// As `--device` takes it: `auto`, `cpu`, `cuda:0`.
    pub device: String,
    /// The number type, as `--dtype` takes it.
    pub dtype: String,
    /// Threads on the CPU; none is as many as there are cores.
    pub threads: Option<usize>,
}

/// A device that this build and this machine offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceOffer {
    /// As `--device` takes it.
    pub device: String,
    /// A graphics card's own name.
    pub name: Option<String>,
    /// What it computes in, as `--dtype` takes it, the usual first.
    pub dtypes: Vec<String>,
    /// Cores that threads can be chosen of; none where threads are not chosen.
    pub cores: Option<usize>,
}

/// Work for the inference thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Open a model in place of the present one.
    Open(ModelSource),
    /// Compute elsewhere or otherwise: the present model is opened there, else the next one.
    Compute(Compute),
    /// Make tiny previews with this file of TAESD, also of models that are opened later (answered by
    /// [`Event::Taesd`]).
    Taesd(PathBuf),
    /// Look for LoRAs and embeddings that a text names in these folders, too, from the next run on.
    ModelFolders(Vec<PathBuf>),
    /// Find graphics cards, and measure those that were not, while nothing computes (answered by
    /// [`Event::Cards`], and by nothing in a build without them).
    FindCards,
    /// Make a picture.
    Generate(Box<Job>),
    /// Make several side by side. A stop of one stops them all.
    Sheet(Sheet),
    /// Count a text's tokens (cheap; answered by [`Event::Tokens`]).
    CountTokens {
        /// The text whose tokens are counted.
        text: String,
        /// How it is read.
        grammar: PromptGrammar,
    },
    /// Decode a kept step in full (answered by [`Event::Decoded`]).
    Decode {
        /// The job whose steps are kept.
        job: JobId,
        /// The step, from 0.
        step: usize,
    },
    /// Look where words and guidance act from the next step on, whichever job runs (answered by [`Event::Heat`] after
    /// each step), or stop looking.
    Look {
        /// Whether to look.
        on: bool,
    },
    /// Look at a step that is done, by one call of the UNet (answered by [`Event::Heat`] or [`Event::HeatFailed`]).
    Heat {
        /// The job whose steps are kept.
        job: JobId,
        /// The step, from 0.
        step: usize,
    },
    /// Make the frames of a job's steps again (answered by [`Event::Strip`]s; a running job goes first).
    Strip {
        /// The job whose steps are kept.
        job: JobId,
        /// How steps are decoded.
        mode: PreviewMode,
    },
    /// Name a kept run by a job's id, so that [`Request::Decode`] and [`Request::Strip`] know it.
    Reopen {
        /// An id that no other job has.
        job: JobId,
        /// The run's negative.
        negative: String,
    },
    /// Make a small picture of a kept run (answered by [`Event::Proof`]; a running job goes first).
    Proof {
        /// Its negative.
        negative: String,
    },
}

/// Acts on the running job from its next step; stop acts at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Sets the guidance of all steps to come, in place of a curve.
    Steer {
        /// The running job.
        job: JobId,
        /// The new `unconditional_guidance_scale`.
        guidance: f64,
    },
    /// Lets the guidance of the steps to come follow another curve over the run; one without points keeps the present
    /// guidance.
    Bend {
        /// The running job.
        job: JobId,
        /// The curve over all steps.
        curve: GuidanceCurve,
    },
    /// Pause after the present step.
    Pause {
        /// The running job.
        job: JobId,
    },
    /// Resume a paused job.
    Resume {
        /// The paused job.
        job: JobId,
    },
    /// Stop the job and keep what has developed.
    Stop {
        /// The running job.
        job: JobId,
    },
    /// Stop the job and leave it to the next process, which goes on from the last finished step.
    SetAside {
        /// The running job.
        job: JobId,
    },
}

/// What a front end needs to know of a model to choose settings.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Where it came from.
    pub source: ModelSource,
    /// A short name: the file's without its ending, or "Starter".
    pub name: String,
    /// The first ten hex digits of the file's SHA-256 (A1111's model hash), once they are known.
    pub hash: Option<String>,
    /// Bytes of the file.
    pub bytes: u64,
    /// Settings that suit it; prompt included where it has an example.
    pub defaults: Settings,
    /// Width and height are multiples of this many pixels.
    pub size_multiple: usize,
    /// The side of the square pictures that it was trained on, in pixels.
    pub trained_side: usize,
    /// Names of things that the model knows, where it comes with a list.
    pub concepts: Vec<Concept>,
    /// Tokens that fit, start and end included.
    pub max_tokens: usize,
    /// Timesteps of its training: as many steps can be asked for.
    pub timesteps: usize,
    /// What it takes beside words and noise.
    pub takes: Takes,
    /// Whether it can begin from a picture: files for words alone hold no encoder.
    pub encodes: bool,
    /// The device that computes.
    pub device: DeviceInfo,
    /// What was odd about the file.
    pub notes: Vec<Note>,
}

/// The device that a model is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its name, the same in every language: "CPU", "CUDA GPU".
    pub name: &'static str,
    /// Whether it is a graphics card by Vulkan, Metal or Direct3D 12.
    pub is_card: bool,
    /// Threads that compute, where they are the program's.
    pub threads: Option<usize>,
    /// The number type of the UNet, as `--dtype` takes it.
    pub dtype: &'static str,
}

/// One thing that a model knows, and its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    /// Names that users type, the commonest first.
    pub names: Vec<String>,
}

/// How many tokens a text has, and what of it does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// Tokens used, start and end included.
    pub used: usize,
    /// Tokens that fit, start and end included.
    pub max: usize,
    /// Byte offset in the text from which words were dropped, if any were.
    pub dropped_from: Option<usize>,
}

/// An error for a user: what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One clear sentence.
    pub sentence: Sentence,
    /// The technical sentence and its causes; may be empty.
    pub details: String,
}

impl Report {
    /// The error in a sentence, with its English one and all causes as details.
    pub fn of(error: &(impl Told + std::error::Error)) -> Self {
        let mut details = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            details.push(cause.to_string());
            source = cause.source();
        }
        details.dedup();
        Self { sentence: error.sentence(), details: details.join("\n") }
    }

    /// A sentence without values, and what else is known.
    pub fn new(key: &'static str, details: impl Into<String>) -> Self {
        Self { sentence: key.into(), details: details.into() }
    }
}

/// What the inference thread reports; never dropped.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A model is being read.
    Loading {
        /// What is being read, as the user sees it.
        part: String,
        /// The part done, 0 to 1.
        share: f32,
    },
    /// A model is ready.
    Opened(Box<ModelInfo>),
    /// The open model's hash is known.
    Hashed {
        /// The first ten hex digits of the file's SHA-256.
        hash: String,
    },
    /// It could not be opened.
    OpenFailed {
        /// What was asked for.
        source: ModelSource,
        /// Why it could not be opened.
        report: Report,
        /// Whether the former model is open (again).
        former_is_open: bool,
    },
    /// The answer to [`Request::Taesd`].
    Taesd {
        /// The file.
        path: PathBuf,
        /// Whether it makes the open model's previews, or why it can make none.
        acts: Result<bool, Report>,
    },
    /// The answer to [`Request::CountTokens`].
    Tokens {
        /// The text counted.
        text: String,
        /// How many tokens it has, and whether they fit.
        count: TokenCount,
    },
    /// The devices that can be chosen, after a look for graphics cards.
    Cards {
        /// All of them, those offered before included.
        devices: Vec<DeviceOffer>,
    },
    /// The graphics card has failed; the processor goes on with the job, and with those that follow.
    TakenOver {
        /// The job that the event is about.
        job: JobId,
        /// The device that computes now.
        device: DeviceInfo,
        /// The same as a choice.
        compute: Compute,
        /// What happened.
        note: Note,
    },
    /// A job has started.
    Started {
        /// The job that the event is about.
        job: JobId,
        /// The true timesteps in the order run, each 0..1000.
        timesteps: Vec<usize>,
        /// The prompt's tokens.
        tokens: TokenCount,
        /// What differs from what was asked.
        notes: Vec<Note>,
        /// Where it is kept; none where it is not.
        negative: Option<String>,
        /// Steps that were done before.
        first_step: usize,
    },
    /// What a job did differently on its way.
    Noted {
        /// The job that the event is about.
        job: JobId,
        /// What it was.
        notes: Vec<Note>,
    },
    /// A step ended; its picture, if any, comes as a [`Preview`].
    Stepped(Step),
    /// A job is paused between two steps.
    Paused {
        /// The job that the event is about.
        job: JobId,
    },
    /// A paused job has resumed.
    Resumed {
        /// The job that the event is about.
        job: JobId,
    },
    /// The picture is done.
    Finished {
        /// The job that the event is about.
        job: JobId,
        /// The full decode of the last latent.
        frame: Frame,
        /// How it was made.
        made: Box<Made>,
        /// From start to finish.
        took: Duration,
    },
    /// The user stopped the job; the previews stand for what has developed.
    Stopped {
        /// The job that the event is about.
        job: JobId,
        /// Steps that were done.
        steps_done: usize,
        /// From the request to the stop.
        latency: Duration,
        /// How what has developed was made.
        made: Box<Made>,
    },
    /// A job ended in an error.
    Failed {
        /// The job that the event is about.
        job: JobId,
        /// Why it failed, for the user.
        report: Report,
    },
    /// The negative of a job that has ended is closed: it can be gone on with.
    Recorded {
        /// The job that has ended.
        job: JobId,
    },
    /// The answer to [`Request::Decode`].
    Decoded {
        /// The job whose step it is.
        job: JobId,
        /// The step, from 0.
        step: usize,
        /// The full decode, or why there is none.
        frame: Result<Frame, Report>,
    },
    /// Where words and guidance act in a step.
    Heat(Box<StepHeat>),
    /// A step cannot be looked at.
    HeatFailed {
        /// The job whose step it is.
        job: JobId,
        /// The step, from 0.
        step: usize,
        /// Why it cannot.
        report: Report,
    },
    /// Some of the frames that [`Request::Strip`] asked for.
    Strip {
        /// The job whose step it is.
        job: JobId,
        /// The step of the first frame, from 0.
        from: usize,
        /// Frames of steps in a row; none where a step is no longer kept.
        frames: Vec<Option<Frame>>,
        /// How they were decoded, as far as was asked for.
        mode: PreviewMode,
        /// Whether these were the last.
        whole: bool,
    },
    /// The answer to [`Request::Proof`].
    Proof {
        /// The run's negative.
        negative: String,
        /// Its last step by the fast preview; none where another model made it, or it is gone.
        frame: Option<Frame>,
    },
    /// A strip cannot be made again.
    StripFailed {
        /// The job whose step it is.
        job: JobId,
        /// Whether another model is open than the one that made it.
        other_model: bool,
    },
    /// The inference thread has died of a bug; it sends nothing more until it is restarted.
    Died {
        /// What it died of.
        report: Report,
    },
}
