//! `Note`: what is odd but fine about a file, a run or a preview, as data.
//!
//! A new note is a variant here, its English sentence, its key and values, and a line in each language of
//! `assets/words`.

mod file;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

pub use file::FileNote;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextKind {
    /// The prompt.
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
        /// Which text.
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
        /// Its name.
        name: String,
        /// The largest difference, where it has the config's length.
        by: Option<f32>,
    },
    /// A picture is of the former starter, which drew smaller.
    FormerStarter {
        /// The width at which it is taken over.
        width: usize,
        /// The height.
        height: usize,
    },
    /// TAESD's file cannot be used.
    NoTinyPreviews {
        /// The file.
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
    /// A picture's sampler is none of ours; DDIM takes its place.
    OtherSampler {
        /// Its name.
        found: String,
    },
    /// A picture's size is none that the model makes.
    OtherSize {
        /// Pixels across and down.
        found: [usize; 2],
        /// The nearest that it makes.
        used: [usize; 2],
    },
    /// A picture's steps are more than a schedule has.
    OtherSteps {
        /// The picture's.
        found: usize,
        /// What is used.
        used: usize,
    },
    /// A picture's fresh noise does not go with PLMS.
    OtherEta {
        /// The picture's eta.
        found: f64,
    },
    /// A picture was made by another model.
    OtherModel {
        /// The picture's.
        found: String,
        /// What is used.
        used: String,
    },
    /// A picture does not tell some of its settings.
    NotTold {
        /// Which, separated by commas.
        what: String,
    },
    /// A picture is not that of a whole run.
    WasStopped {
        /// Steps that were done.
        after: usize,
    },
    /// The guidance of a picture was changed on the way.
    WasSteered {
        /// The last guidance, which is used.
        used: f64,
    },
    /// A file has no room for the settings that are ours alone.
    SettingsLeftOut {
        /// The kind of file.
        format: String,
    },
    /// A file has no room for the prompts in full.
    PromptsCut {
        /// The kind of file.
        format: String,
    },
    /// A step's picture could not be saved; the run goes on.
    PreviewNotSaved {
        /// What is wrong.
        cause: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepsDiffer { asked, runs } => {
                write!(f, "{asked} steps asked for, {runs} run, as in the reference")
            }
            Self::StepsClamped { steps, timestep, used } => write!(
                f,
                "the reference fails at {steps} steps (its list reaches timestep {timestep}); the last one is \
                 {used} here"
            ),
            Self::TokensDropped { text, needed, fit, dropped } => {
                let name = match text {
                    TextKind::Prompt => "prompt",
                    TextKind::Negative => "negative prompt",
                };
                write!(f, "the {name} has {needed} tokens, {fit} fit; ignored: {dropped:?}")
            }
            Self::HeadsAssumed { heads } => {
                write!(f, "shapes do not tell the number of attention heads: {heads} is assumed")
            }
            Self::TextHeadsAssumed { heads } => {
                write!(f, "shapes do not tell the text encoder's number of heads: {heads} is assumed")
            }
            Self::GroupsAssumed { groups } => {
                write!(f, "32 does not divide the UNet's widths: norms of {groups} groups are assumed")
            }
            Self::FirstStageGroupsAssumed { groups } => {
                write!(f, "32 does not divide the first stage's widths: norms of {groups} groups are assumed")
            }
            Self::OtherBetas { last } => {
                write!(f, "the file's own betas reach {last}, which those of v1 do not")
            }
            Self::EpsAssumed => {
                f.write_str("the file does not tell what the model predicts: the noise (eps) is assumed")
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
                "the picture is of the former starter, which drew smaller: its size is now {width}×{height}"
            ),
            Self::NoTinyPreviews { file, cause } => {
                write!(f, "no tiny previews: {cause}; replace or remove {file}")
            }
            Self::FitError { error } => write!(f, "error {error:.2}"),
            Self::RoughColors => f.write_str("rough colors until the fit is ready"),
            Self::FitNotReady => f.write_str("no fast preview until the fit is ready"),
            Self::OtherSampler { found } => {
                write!(f, "the picture was made with the sampler {found}; ddim is used instead")
            }
            Self::OtherSize { found: [width, height], used: [across, down] } => {
                write!(
                    f,
                    "the picture is {width}x{height}; {across}x{down} is the nearest that this model makes"
                )
            }
            Self::OtherSteps { found, used } => {
                write!(f, "the picture was made with {found} steps; {used} are used")
            }
            Self::OtherEta { found } => {
                write!(f, "the picture was made with an eta of {found}; 0 is used, which plms needs")
            }
            Self::OtherModel { found, used } => {
                write!(f, "the picture was made with the model {found}; {used} is used")
            }
            Self::NotTold { what } => write!(f, "the picture does not tell: {what}"),
            Self::WasStopped { after } => {
                write!(f, "the picture was stopped after {after} steps; all steps are run")
            }
            Self::WasSteered { used } => {
                write!(f, "the picture's guidance was changed on the way; the last, {used}, is used")
            }
            Self::SettingsLeftOut { format } => write!(
                f,
                "the settings do not all fit into a {format} file; it holds those that other programs know, \
                 and a PNG holds all"
            ),
            Self::PromptsCut { format } => {
                write!(f, "the prompts do not fit into a {format} file and are cut in it; a PNG holds all")
            }
            Self::PreviewNotSaved { cause } => {
                write!(f, "no more previews are saved: {cause}")
            }
        }
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
            Self::OtherSampler { .. } => "note-other-sampler",
            Self::OtherSize { .. } => "note-other-size",
            Self::OtherSteps { .. } => "note-other-steps",
            Self::OtherEta { .. } => "note-other-eta",
            Self::OtherModel { .. } => "note-other-model",
            Self::NotTold { .. } => "note-not-told",
            Self::WasStopped { .. } => "note-was-stopped",
            Self::WasSteered { .. } => "note-was-steered",
            Self::SettingsLeftOut { .. } => "note-settings-left-out",
            Self::PromptsCut { .. } => "note-prompts-cut",
            Self::PreviewNotSaved { .. } => "note-preview-not-saved",
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
            Self::File(note) => note.values(),
            Self::OtherSampler { found } => vec![("found", found.clone())],
            Self::OtherSize { found, used } => {
                let size = |[width, height]: [usize; 2]| format!("{width}×{height}");
                vec![("found", size(*found)), ("used", size(*used))]
            }
            Self::OtherSteps { found, used } => {
                vec![("found", found.to_string()), ("used", used.to_string())]
            }
            Self::OtherEta { found } => vec![("found", found.to_string())],
            Self::OtherModel { found, used } => vec![("found", found.clone()), ("used", used.clone())],
            Self::NotTold { what } => vec![("what", what.clone())],
            Self::WasStopped { after } => vec![("after", after.to_string())],
            Self::WasSteered { used } => vec![("used", used.to_string())],
            Self::SettingsLeftOut { format } | Self::PromptsCut { format } => {
                vec![("format", format.clone())]
            }
            Self::PreviewNotSaved { cause } => vec![("cause", cause.clone())],
            Self::EpsAssumed | Self::SafetyChecker | Self::RoughColors | Self::FitNotReady => Vec::new(),
        }
    }
}
