//! `PictureNote`: what differs between a picture and what is made like it, and what its file cannot hold.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

/// About a picture's settings and its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PictureNote {
    /// A picture's sampler is not in the table; the default one takes its place.
    OtherSampler {
        /// The name in the picture.
        found: String,
        /// The sampler that is used.
        used: String,
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
        /// The steps that the picture tells.
        found: usize,
        /// What is used.
        used: usize,
    },
    /// A picture's eta is above 0, and its sampler takes none.
    OtherEta {
        /// The picture's eta.
        found: f64,
        /// The sampler's name.
        sampler: String,
    },
    /// A picture was made by another model.
    OtherModel {
        /// The model's name in the picture.
        found: String,
        /// What is used.
        used: String,
    },
    /// A picture does not tell some of its settings.
    NotTold {
        /// Which, separated by commas.
        what: String,
    },
    /// The picture shares its first steps with another run.
    WasBranched {
        /// Steps of the other run that it shares.
        at: usize,
    },
    /// A picture is not that of a whole run.
    WasStopped {
        /// Steps that were done.
        after: usize,
    },
    /// A file has no room for the settings that only this program has.
    SettingsLeftOut {
        /// The kind of file.
        format: String,
    },
    /// A file has no room for the prompts in full.
    PromptsCut {
        /// The kind of file.
        format: String,
    },
    /// A step's picture could not be saved; the run continues.
    PreviewNotSaved {
        /// What is wrong.
        cause: String,
    },
}

impl fmt::Display for PictureNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherSampler { found, used } => {
                write!(f, "the picture was made with the sampler {found}; {used} is used instead")
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
            Self::OtherEta { found, sampler } => {
                write!(f, "the picture was made with an eta of {found}; 0 is used, which {sampler} needs")
            }
            Self::OtherModel { found, used } => {
                write!(f, "the picture was made with the model {found}; {used} is used")
            }
            Self::NotTold { what } => write!(f, "the picture does not say: {what}"),
            Self::WasBranched { at } => {
                write!(
                    f,
                    "the picture branched off from another run after {at} steps; all steps are run with its own settings"
                )
            }
            Self::WasStopped { after } => {
                write!(f, "the picture was stopped after {after} steps; all steps are run")
            }
            Self::SettingsLeftOut { format } => {
                write!(f, "a {format} file holds only the settings that other programs know; a PNG holds all")
            }
            Self::PromptsCut { format } => {
                write!(f, "the prompts do not fit into a {format} file and are cut in it; a PNG holds all")
            }
            Self::PreviewNotSaved { cause } => {
                write!(f, "no more previews are saved: {cause}")
            }
        }
    }
}

impl Told for PictureNote {
    fn key(&self) -> &'static str {
        match self {
            Self::OtherSampler { .. } => "note-other-sampler",
            Self::OtherSize { .. } => "note-other-size",
            Self::OtherSteps { .. } => "note-other-steps",
            Self::OtherEta { .. } => "note-other-eta",
            Self::OtherModel { .. } => "note-other-model",
            Self::NotTold { .. } => "note-not-told",
            Self::WasBranched { .. } => "note-was-branched",
            Self::WasStopped { .. } => "note-was-stopped",
            Self::SettingsLeftOut { .. } => "note-settings-left-out",
            Self::PromptsCut { .. } => "note-prompts-cut",
            Self::PreviewNotSaved { .. } => "note-preview-not-saved",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::OtherSize { found, used } => {
                let size = |[width, height]: [usize; 2]| format!("{width}×{height}");
                vec![("found", size(*found)), ("used", size(*used))]
            }
            Self::OtherSteps { found, used } => {
                vec![("found", found.to_string()), ("used", used.to_string())]
            }
            Self::OtherEta { found, sampler } => {
                vec![("found", found.to_string()), ("sampler", sampler.clone())]
            }
            Self::OtherSampler { found, used } | Self::OtherModel { found, used } => {
                vec![("found", found.clone()), ("used", used.clone())]
            }
            Self::NotTold { what } => vec![("what", what.clone())],
            Self::WasBranched { at } => vec![("at", at.to_string())],
            Self::WasStopped { after } => vec![("after", after.to_string())],
            Self::SettingsLeftOut { format } | Self::PromptsCut { format } => {
                vec![("format", format.clone())]
            }
            Self::PreviewNotSaved { cause } => vec![("cause", cause.clone())],
        }
    }
}
