//! `Note`: what is odd but fine about a file, a run or a preview, as data.
//!
//! A new note is a variant here, its English sentence, its key and values, and a line in each language of
//! `assets/words`.

mod addition;
mod card;
mod file;
mod model;
mod negative;
mod picture;
mod source;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

pub use addition::AdditionNote;
pub use card::CardNote;
pub use file::FileNote;
pub use model::ModelNote;
pub use negative::NegativeNote;
pub use picture::PictureNote;
pub use source::SourceNote;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextKind {
    /// What the picture shall show.
    Prompt,
    /// The negative prompt.
    Negative,
}

/// Something that a user may want to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// The reference's rule gives another number of steps.
    StepsDiffer {
        /// Steps asked for.
        asked: usize,
        /// Steps that run.
        runs: usize,
    },
    /// The reference's list of timesteps reaches past the schedule; the last one is clamped.
    StepsClamped {
        /// Steps asked for.
        steps: usize,
        /// The timestep that the reference would use.
        timestep: usize,
        /// The one that is used.
        used: usize,
    },
    /// Words of a text do not fit.
    TokensDropped {
        /// The text that is too long.
        text: TextKind,
        /// Tokens that it has.
        needed: usize,
        /// Tokens that fit.
        fit: usize,
        /// The words that are ignored, shortened.
        dropped: String,
    },
    /// The shapes leave the UNet's number of heads open.
    HeadsAssumed {
        /// The number that is taken.
        heads: u64,
    },
    /// The shapes leave the text encoder's number of heads open.
    TextHeadsAssumed {
        /// The number that is taken.
        heads: u64,
    },
    /// 32 groups do not fit the UNet's widths.
    GroupsAssumed {
        /// The number of groups that is taken.
        groups: u64,
    },
    /// 32 groups do not fit the first stage's widths.
    FirstStageGroupsAssumed {
        /// The number of groups that is taken.
        groups: u64,
    },
    /// The stored betas are not those of v1.
    OtherBetas {
        /// The last of them.
        last: f64,
    },
    /// Nothing tells what the network predicts.
    EpsAssumed,
    /// A model file is odd but sound.
    File(FileNote),
    /// A diffusers folder brings a safety checker.
    SafetyChecker,
    /// A stored buffer of the schedule differs from the config's.
    BufferDiffers {
        /// The name of the buffer, as stored.
        name: String,
        /// The largest difference, where it has the config's length.
        by: Option<f32>,
    },
    /// A picture is of the former starter, which drew smaller.
    FormerStarter {
        /// The width at which it is taken over.
        width: usize,
        /// The height at which it is taken over.
        height: usize,
    },
    /// TAESD's file cannot be used.
    NoTinyPreviews {
        /// The path of TAESD's file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The fast preview's error, as a share of the range of pixels.
    FitError {
        /// Root of the mean squared error, 0 to 1.
        error: f32,
    },
    /// Colors by the published matrix of v1.
    RoughColors,
    /// No color is known before the fit is ready.
    FitNotReady,
    /// A graphics card failed in the middle of a run, and the processor went on.
    CardLost {
        /// What it failed of.
        cause: String,
        /// Steps that were done.
        done: usize,
    },
    /// About how a model runs.
    Model(ModelNote),
    /// About a graphics card's memory.
    Card(CardNote),
    /// About a picture's settings and its file.
    Picture(PictureNote),
    /// About a run's negative.
    Negative(NegativeNote),
    /// About LoRAs and embeddings.
    Addition(AdditionNote),
    /// About a picture that a run begins from.
    Source(SourceNote),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepsDiffer { asked, runs } => {
                write!(f, "{asked} steps become {runs} by the reference's rule")
            }
            Self::StepsClamped { steps, timestep, used } => write!(
                f,
                "the reference fails at {steps} steps (its list reaches timestep {timestep}); the last timestep \
                 is {used} here"
            ),
            Self::TokensDropped { text, needed, fit, dropped } => {
                let name = match text {
                    TextKind::Prompt => "prompt",
                    TextKind::Negative => "negative prompt",
                };
                write!(f, "the {name} has {needed} tokens, {fit} fit; ignored: {dropped:?}")
            }
            Self::HeadsAssumed { heads } => {
                write!(f, "the file does not say how many attention heads the UNet has; {heads} are assumed")
            }
            Self::TextHeadsAssumed { heads } => {
                write!(f, "the file does not say how many heads the text encoder has; {heads} are assumed")
            }
            Self::GroupsAssumed { groups } => {
                write!(f, "unusual UNet widths; norms of {groups} groups are assumed")
            }
            Self::FirstStageGroupsAssumed { groups } => {
                write!(f, "unusual VAE widths; norms of {groups} groups are assumed")
            }
            Self::OtherBetas { last } => {
                write!(f, "the file has a noise schedule of its own, with betas up to {last}")
            }
            Self::EpsAssumed => {
                f.write_str("the file does not say what the model predicts; the noise (eps) is assumed")
            }
            Self::File(note) => note.fmt(f),
            Self::SafetyChecker => f.write_str("the folder's safety checker is not used"),
            Self::BufferDiffers { name, by: Some(by) } => {
                write!(
                    f,
                    "the file's {name} differ from the config's by up to {by:.1e}; the config's are used"
                )
            }
            Self::BufferDiffers { name, by: None } => {
                write!(f, "the file's {name} are not as long as the config's; the config's are used")
            }
            Self::FormerStarter { width, height } => write!(
                f,
                "the picture is from an earlier starter that made smaller pictures; its size is now {width}×{height}"
            ),
            Self::NoTinyPreviews { file, cause } => {
                write!(f, "no tiny previews: {cause}; replace or remove {file}")
            }
            Self::FitError { error } => write!(f, "error {error:.2}"),
            Self::RoughColors => f.write_str("rough colors until the fit is ready"),
            Self::FitNotReady => f.write_str("no fast preview until the fit is ready"),
            Self::CardLost { cause, done } => {
                write!(f, "{cause}; the processor goes on after step {done}")
            }
            Self::Model(note) => note.fmt(f),
            Self::Card(note) => note.fmt(f),
            Self::Picture(note) => note.fmt(f),
            Self::Negative(note) => note.fmt(f),
            Self::Addition(note) => note.fmt(f),
            Self::Source(note) => note.fmt(f),
        }
    }
}

impl From<CardNote> for Note {
    fn from(note: CardNote) -> Self {
        Self::Card(note)
    }
}

impl From<ModelNote> for Note {
    fn from(note: ModelNote) -> Self {
        Self::Model(note)
    }
}

impl From<FileNote> for Note {
    fn from(note: FileNote) -> Self {
        Self::File(note)
    }
}

impl Told for Note {
    fn key(&self) -> &'static str {
        match self {
            Self::StepsDiffer { .. } => "note-steps-differ",
            Self::StepsClamped { .. } => "note-steps-clamped",
            Self::TokensDropped { text: TextKind::Prompt, .. } => "note-tokens-dropped",
            Self::TokensDropped { text: TextKind::Negative, .. } => "note-negative-dropped",
            Self::HeadsAssumed { .. } => "note-heads-assumed",
            Self::TextHeadsAssumed { .. } => "note-text-heads-assumed",
            Self::GroupsAssumed { .. } => "note-groups-assumed",
            Self::FirstStageGroupsAssumed { .. } => "note-first-stage-groups-assumed",
            Self::OtherBetas { .. } => "note-other-betas",
            Self::EpsAssumed => "note-eps-assumed",
            Self::File(note) => note.key(),
            Self::SafetyChecker => "note-safety-checker",
            Self::BufferDiffers { .. } => "note-buffer-differs",
            Self::FormerStarter { .. } => "note-former-starter",
            Self::NoTinyPreviews { .. } => "note-no-tiny-previews",
            Self::FitError { .. } => "note-fit-error",
            Self::RoughColors => "note-rough-colors",
            Self::FitNotReady => "note-fit-not-ready",
            Self::CardLost { .. } => "note-card-lost",
            Self::Model(note) => note.key(),
            Self::Card(note) => note.key(),
            Self::Picture(note) => note.key(),
            Self::Negative(note) => note.key(),
            Self::Addition(note) => note.key(),
            Self::Source(note) => note.key(),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::StepsDiffer { asked, runs } => {
                vec![("asked", asked.to_string()), ("runs", runs.to_string())]
            }
            Self::StepsClamped { steps, used, .. } => {
                vec![("steps", steps.to_string()), ("used", used.to_string())]
            }
            Self::TokensDropped { needed, fit, dropped, .. } => {
                vec![("needed", needed.to_string()), ("fit", fit.to_string()), ("dropped", dropped.clone())]
            }
            Self::HeadsAssumed { heads } | Self::TextHeadsAssumed { heads } => {
                vec![("heads", heads.to_string())]
            }
            Self::GroupsAssumed { groups } | Self::FirstStageGroupsAssumed { groups } => {
                vec![("groups", groups.to_string())]
            }
            Self::OtherBetas { last } => vec![("last", last.to_string())],
            Self::BufferDiffers { name, .. } => vec![("name", name.clone())],
            Self::FormerStarter { width, height } => {
                vec![("width", width.to_string()), ("height", height.to_string())]
            }
            Self::NoTinyPreviews { file, .. } => vec![("file", file.clone())],
            Self::FitError { error } => vec![("error", format!("{error:.2}"))],
            Self::CardLost { done, .. } => vec![("done", done.to_string())],
            Self::File(note) => note.values(),
            Self::Model(note) => note.values(),
            Self::Card(note) => note.values(),
            Self::Picture(note) => note.values(),
            Self::Negative(note) => note.values(),
            Self::Addition(note) => note.values(),
            Self::Source(note) => note.values(),
            Self::EpsAssumed | Self::SafetyChecker | Self::RoughColors | Self::FitNotReady => Vec::new(),
        }
    }
}
