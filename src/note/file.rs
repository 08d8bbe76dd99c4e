//! `FileNote`: what is odd but sound about a model file, and what of it was left out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::{Told, quoted};

/// Something that a user may want to know of a model file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileNote {
    /// The file says that the network predicts v.
    VTold,
    /// The schedule ends without signal, which no network that predicts noise can use.
    VAssumed,
    /// The file names a prediction that is not known.
    PredictionUnknown {
        /// The prediction as the file spells it.
        told: String,
    },
    /// The file and its config differ in what the network predicts.
    PredictionsDiffer {
        /// What the file says: eps or v.
        file: String,
    },
    /// The schedule ends without signal.
    ZeroTerminalSnr,
    /// The config asks for the averaged copy of the UNet, which the file lacks.
    EmaAbsent,
    /// The file holds the averaged copy of the UNet alone.
    EmaOnly,
    /// The first stage cannot encode.
    EncoderAbsent,
    /// The text encoder has rows for words that the tokenizer does not know.
    RowsWithoutWords {
        /// Rows that no word uses.
        rows: usize,
        /// The rows that are used.
        used: usize,
    },
    /// Tensors are read under other names than they are stored.
    NamesUnwrapped {
        /// How many tensors are renamed.
        tensors: usize,
        /// One of them, as stored.
        stored: String,
        /// The same, as read.
        read_as: String,
    },
    /// The stored places of a text's tokens are not 0, 1, 2, …
    PositionsDamaged {
        /// The first that is not.
        place: usize,
        /// What the file has there.
        found: String,
    },
    /// A safetensors file has bytes behind its last tensor.
    BytesBehindTheEnd {
        /// How many bytes follow it.
        bytes: u64,
    },
    /// Tensors of another network lie in the file.
    RestsLeftOut {
        /// What the other network is.
        network: String,
        /// How many tensors are left out.
        tensors: usize,
    },
    /// The folder that was named holds the model further down.
    FoundWithin {
        /// Where in the folder.
        found: String,
    },
    /// The model's VAE comes from another file.
    VaeLaidOver {
        /// That file's name.
        file: String,
    },
    /// That VAE is made for the latents of Stable Diffusion XL.
    VaeOfXl,
    /// The model's text encoder comes from another file.
    TextEncoderLaidOver {
        /// That file's name.
        file: String,
    },
    /// A diffusers folder tells no schedule.
    SchedulerAssumed,
    /// A file beside the model is of another program.
    CompanionLeftAside {
        /// The name of the file.
        file: String,
    },
}

impl fmt::Display for FileNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VTold => f.write_str("the file says that the model predicts v"),
            Self::VAssumed => {
                f.write_str("the noise schedule ends without signal; v is assumed to be predicted")
            }
            Self::PredictionUnknown { told } => write!(
                f,
                "the file says that the model predicts {told:?}, which is unknown; the noise (eps) is assumed"
            ),
            Self::PredictionsDiffer { file } => {
                write!(
                    f,
                    "the file says that the model predicts {file}, but its config differs; the config is used"
                )
            }
            Self::ZeroTerminalSnr => {
                f.write_str("the noise schedule ends without signal (zero terminal SNR), as the file has it")
            }
            Self::EmaAbsent => {
                f.write_str("the file has no averaged copy (EMA) of the UNet; its own weights are used")
            }
            Self::EmaOnly => f.write_str("the file has only the averaged copy (EMA) of the UNet; it is used"),
            Self::EncoderAbsent => f.write_str("the VAE has no encoder; text to picture works all the same"),
            Self::RowsWithoutWords { rows, used } => {
                let rows = counted(*rows as u64, "row");
                write!(
                    f,
                    "the text encoder has {rows} for added words, which are left out; the first {used} are used"
                )
            }
            Self::NamesUnwrapped { tensors, stored, read_as } => {
                let tensors = counted(*tensors as u64, "tensor");
                write!(f, "{tensors} with unusual names: {} is read as {}", quoted(stored), quoted(read_as))
            }
            Self::PositionsDamaged { place, found } => write!(
                f,
                "the text positions in the file (position_ids) are damaged, as merging leaves them ({found} in place \
                 of {place}); the right ones are used"
            ),
            Self::BytesBehindTheEnd { bytes } => {
                write!(
                    f,
                    "the file has {} behind its last tensor; they are left out",
                    counted(*bytes, "byte")
                )
            }
            Self::FoundWithin { found } => write!(f, "the model in this folder: {found}"),
            Self::VaeLaidOver { file } => write!(f, "the VAE is that of {file}"),
            Self::VaeOfXl => f.write_str(
                "that VAE seems to be Stable Diffusion XL's, whose latents differ from v1's: the colors will be wrong",
            ),
            Self::TextEncoderLaidOver { file } => write!(f, "the text encoder is that of {file}"),
            Self::SchedulerAssumed => {
                f.write_str("the folder has no scheduler_config.json; the noise schedule of v1 is assumed")
            }
            Self::CompanionLeftAside { file } => {
                write!(f, "the {file} beside the model belongs to another program and is ignored")
            }
            Self::RestsLeftOut { network, tensors } => {
                write!(
                    f,
                    "the file also holds {} of another network ({network}); they are left out",
                    counted(*tensors as u64, "tensor")
                )
            }
        }
    }
}

/// A number of things.
fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

impl Told for FileNote {
    fn key(&self) -> &'static str {
        match self {
            Self::VTold => "note-v-told",
            Self::VAssumed => "note-v-assumed",
            Self::PredictionUnknown { .. } => "note-prediction-unknown",
            Self::PredictionsDiffer { .. } => "note-predictions-differ",
            Self::ZeroTerminalSnr => "note-zero-terminal-snr",
            Self::EmaAbsent => "note-ema-absent",
            Self::EmaOnly => "note-ema-only",
            Self::EncoderAbsent => "note-encoder-absent",
            Self::RowsWithoutWords { .. } => "note-rows-without-words",
            Self::NamesUnwrapped { .. } => "note-names-unwrapped",
            Self::PositionsDamaged { .. } => "note-positions-damaged",
            Self::BytesBehindTheEnd { .. } => "note-bytes-behind-the-end",
            Self::FoundWithin { .. } => "note-found-within",
            Self::VaeLaidOver { .. } => "note-vae-laid-over",
            Self::VaeOfXl => "note-vae-of-xl",
            Self::TextEncoderLaidOver { .. } => "note-text-encoder-laid-over",
            Self::SchedulerAssumed => "note-scheduler-assumed",
            Self::CompanionLeftAside { .. } => "note-companion-left-aside",
            Self::RestsLeftOut { .. } => "note-rests-left-out",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::PredictionUnknown { told } => vec![("told", quoted(told))],
            Self::PredictionsDiffer { file } => vec![("told", file.clone())],
            Self::RowsWithoutWords { rows, .. } => vec![("rows", rows.to_string())],
            Self::NamesUnwrapped { tensors, .. } => vec![("tensors", tensors.to_string())],
            Self::BytesBehindTheEnd { bytes } => vec![("bytes", bytes.to_string())],
            Self::FoundWithin { found } => vec![("found", found.clone())],
            Self::VaeLaidOver { file }
            | Self::TextEncoderLaidOver { file }
            | Self::CompanionLeftAside { file } => vec![("file", file.clone())],
            Self::RestsLeftOut { network, .. } => vec![("network", network.clone())],
            Self::VTold
            | Self::VAssumed
            | Self::ZeroTerminalSnr
            | Self::EmaAbsent
            | Self::EmaOnly
            | Self::EncoderAbsent
            | Self::PositionsDamaged { .. }
            | Self::VaeOfXl
            | Self::SchedulerAssumed => Vec::new(),
        }
    }
}
