//! `CardNote`: what a model does differently because a graphics card has little memory, or a type a small range.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

/// A rung of the ladder that a run went down, or a stage that was computed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CardNote {
    /// f32 does not fit, so the model computes in f16.
    InHalf,
    /// The decoder works in bands.
    InBands,
    /// Previews are made at half the size.
    SmallerPreviews,
    /// The text encoder computes on the processor.
    TextsOnProcessor,
    /// The model does not fit, so the processor computes.
    OnProcessor,
    /// A stage of the decoder went beyond f16, and the latents were decoded again in f32.
    Repeated {
        /// The stage, as weights name it.
        stage: String,
    },
}

impl fmt::Display for CardNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InHalf => f.write_str("the graphics card has too little memory for f32; f16 is used"),
            Self::InBands => {
                f.write_str("the graphics card has little memory; the picture is decoded in bands")
            }
            Self::SmallerPreviews => {
                f.write_str("the graphics card has little memory; previews are made at half the size")
            }
            Self::TextsOnProcessor => {
                f.write_str("the graphics card has little memory; the processor reads the texts")
            }
            Self::OnProcessor => {
                f.write_str("the graphics card has too little memory; the processor makes the picture")
            }
            Self::Repeated { stage } => {
                write!(f, "the decoder's stage {stage} went beyond f16; the picture was decoded in f32")
            }
        }
    }
}

impl Told for CardNote {
    fn key(&self) -> &'static str {
        match self {
            Self::InHalf => "note-in-half",
            Self::InBands => "note-in-bands",
            Self::SmallerPreviews => "note-smaller-previews",
            Self::TextsOnProcessor => "note-texts-on-processor",
            Self::OnProcessor => "note-on-processor",
            Self::Repeated { .. } => "note-repeated",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Repeated { stage } => vec![("stage", stage.clone())],
            _ => Vec::new(),
        }
    }
}
