//! `SourceError`: why a run cannot begin from a picture, each in one sentence.

use crate::picture::PictureError;
use crate::settings::{BLUR_MOST, IMAGE_GUIDANCE_MOST};
use crate::told::{Sentence, Told};
use crate::tray::MaskError;

/// The least side of a picture.
const SIDE_LEAST: usize = 8;

/// Why a run cannot begin from a picture.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// A file cannot be read.
    #[error("{said}")]
    Picture {
        /// The English sentence.
        said: String,
        /// The same for the window.
        sentence: Sentence,
    },
    /// A mask does not go with the picture.
    #[error(transparent)]
    Mask(#[from] MaskError),
    /// What is done with a mask, and no mask.
    #[error(
        "expected a mask to invert or to keep to, found none; name one with --mask, or take a picture with \
         transparent parts"
    )]
    NoMask,
    /// A picture of next to no pixels.
    #[error(
        "expected a picture of at least {SIDE_LEAST} pixels a side, found {width}x{height}; take a larger one"
    )]
    Small {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
    /// A strength that draws nothing, or none at all.
    #[error("expected a strength above 0 and at most 1, found {0}; with 0 the picture would stay as it is")]
    Strength(f64),
    /// A blur out of range.
    #[error("expected a mask blur from 0 to {BLUR_MOST}, found {0}")]
    Blur(f64),
    /// A guidance by the picture out of range.
    #[error("expected an image guidance from 0 to {IMAGE_GUIDANCE_MOST}, found {0}")]
    ImageGuidance(f64),
    /// Room around a picture that makes it too large.
    #[error(
        "expected a picture of at most {most} pixels a side with the room around it, found {width}x{height}"
    )]
    Room {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
        /// The most pixels of a side.
        most: usize,
    },
    /// A model file without an encoder.
    #[error("expected a model that can read pictures, found one without an encoder; use its whole file")]
    NoEncoder,
    /// Depths for a model that takes none.
    #[error("expected a model that takes a depth map, found one that does not; leave --depth out")]
    NoDepth,
    /// A step of a kept run that cannot be had.
    #[error("the kept run's step cannot be taken: {cause}")]
    Step {
        /// Why not.
        cause: String,
    },
    /// A second pass whose numbers are out of range.
    #[error("expected a second pass of 1 to 8 times the size in a strength above 0 and at most 1, found {0}")]
    Hires(String),
    /// A variation whose number is out of range.
    #[error("expected a variation in a strength from 0 to 1, found {0}")]
    Variation(String),
}

impl SourceError {
    /// Checks the width and height of a picture to begin from.
    ///
    /// # Errors
    /// If it has next to no pixels.
    pub fn of_size([width, height]: [usize; 2]) -> Result<(), Self> {
        if width.min(height) < SIDE_LEAST { Err(Self::Small { width, height }) } else { Ok(()) }
    }
}

impl From<PictureError> for SourceError {
    fn from(error: PictureError) -> Self {
        Self::Picture { said: error.to_string(), sentence: error.sentence() }
    }
}

impl Told for SourceError {
    fn key(&self) -> &'static str {
        match self {
            Self::Picture { sentence, .. } => sentence.key,
            Self::Mask(MaskError::Empty) => "error-mask-empty",
            Self::Mask(MaskError::Shape { .. }) => "error-mask-shape",
            Self::NoMask => "error-no-mask",
            Self::Small { .. } => "error-source-small",
            Self::Strength(_) => "error-strength",
            Self::Blur(_) => "error-mask-blur",
            Self::ImageGuidance(_) => "error-image-guidance",
            Self::Room { .. } => "error-outpaint",
            Self::NoEncoder => "error-source-no-encoder",
            Self::NoDepth => "error-source-no-depth",
            Self::Step { .. } => "error-source-step",
            Self::Hires(_) => "error-hires",
            Self::Variation(_) => "error-variation",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let size = |width: usize, height: usize| format!("{width}×{height}");
        match self {
            Self::Picture { sentence, .. } => sentence.values.clone(),
            Self::Mask(MaskError::Shape { width, height, picture_width, picture_height }) => {
                vec![("found", size(*width, *height)), ("expected", size(*picture_width, *picture_height))]
            }
            Self::Small { width, height } => {
                vec![("found", size(*width, *height)), ("least", SIDE_LEAST.to_string())]
            }
            Self::Room { width, height, most } => {
                vec![("found", size(*width, *height)), ("most", most.to_string())]
            }
            Self::Strength(found) => vec![("found", found.to_string())],
            Self::Blur(found) => vec![("found", found.to_string()), ("most", BLUR_MOST.to_string())],
            Self::ImageGuidance(found) => {
                vec![("found", found.to_string()), ("most", IMAGE_GUIDANCE_MOST.to_string())]
            }
            Self::Step { cause } => vec![("cause", cause.clone())],
            Self::Hires(found) | Self::Variation(found) => vec![("found", found.clone())],
            Self::Mask(MaskError::Empty) | Self::NoMask | Self::NoEncoder | Self::NoDepth => Vec::new(),
        }
    }
}
