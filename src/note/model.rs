//! `ModelNote`: what was found or taken for a model whose file leaves it open.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

/// Something that a user may want to know of how a model runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ModelNote {
    /// The shapes leave the width of the UNet's heads open.
    HeadChannelsAssumed {
        /// The channels of a head that are taken.
        channels: u64,
    },
    /// One call of the network told what it predicts.
    PredictionTried {
        /// Whether it is v, else eps.
        v: bool,
    },
    /// Settings that suit a kind of model are filled in.
    Suited {
        /// The kind's usual name.
        kind: String,
    },
    /// Weights were rounded to few bits.
    WeightsRounded {
        /// The root of the mean squared difference, as a share of the weights' own.
        error: f32,
    },
    /// An inpainting model draws from words alone.
    WithoutMask,
    /// A model that edits pictures draws from words alone.
    WithoutPicture,
    /// A model that takes a depth map draws from words alone.
    WithoutDepth,
    /// A picture is so large that the first stage works in bands.
    LargePicture {
        /// What that takes beside the weights, in MB.
        megabytes: u64,
    },
}

/// "0.45 %": a share with two digits that say something.
fn percent(share: f32) -> String {
    let percent = 100.0 * share;
    if percent < 1.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}

impl fmt::Display for ModelNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadChannelsAssumed { channels } => write!(
                f,
                "the file does not say how wide the UNet's attention heads are; {channels} channels are assumed"
            ),
            Self::PredictionTried { v } => write!(
                f,
                "the file does not say what the model predicts; one call on noise shows {}",
                if *v { "v" } else { "the noise (eps)" }
            ),
            Self::Suited { kind } => {
                write!(f, "the model is of the kind {kind}, whose settings are filled in")
            }
            Self::WeightsRounded { error } => {
                write!(f, "the weights are rounded to few bits, which changes them by {}", percent(*error))
            }
            Self::WithoutMask => {
                f.write_str("the model repaints parts of pictures; without one it draws the whole picture")
            }
            Self::WithoutPicture => {
                f.write_str("the model edits pictures; without one it draws from the words alone")
            }
            Self::WithoutDepth => {
                f.write_str("the model takes a depth map; without one everything is taken to be equally far")
            }
            Self::LargePicture { megabytes } => write!(
                f,
                "a picture of this size is decoded in bands, which takes about {megabytes} MB beside the model"
            ),
        }
    }
}

impl Told for ModelNote {
    fn key(&self) -> &'static str {
        match self {
            Self::HeadChannelsAssumed { .. } => "note-head-channels-assumed",
            Self::PredictionTried { v: true } => "note-v-tried",
            Self::PredictionTried { v: false } => "note-eps-tried",
            Self::Suited { .. } => "note-suited",
            Self::WeightsRounded { .. } => "note-weights-rounded",
            Self::WithoutMask => "note-without-mask",
            Self::WithoutPicture => "note-without-picture",
            Self::WithoutDepth => "note-without-depth",
            Self::LargePicture { .. } => "note-large-picture",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::HeadChannelsAssumed { channels } => vec![("channels", channels.to_string())],
            Self::Suited { kind } => vec![("name", kind.clone())],
            Self::WeightsRounded { error } => vec![("percent", percent(*error))],
            Self::PredictionTried { .. } | Self::WithoutMask | Self::WithoutPicture | Self::WithoutDepth => {
                Vec::new()
            }
            Self::LargePicture { megabytes } => vec![("megabytes", megabytes.to_string())],
        }
    }
}
