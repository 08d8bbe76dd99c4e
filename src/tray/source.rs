//! `Source`: what a run begins from beside noise, as a user names it: a picture, what of it is repainted, and how.
//!
//! A plain value: files are named here and read by whoever runs the job, so that a window never waits for them.

use std::path::PathBuf;

use super::mask::Mask;
use super::photo::Photo;
use crate::settings::Treatment;

/// What a run begins from.
///
/// Without `mask` (and without transparency in the picture, and without room around it) all of the picture is drawn
/// anew, and the result has the size of the settings. Else part of it is kept, and the result has the picture's own
/// size: pixels where the blurred mask is 0 are the picture's, bit for bit.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The picture.
    pub picture: PictureFrom,
    /// What is repainted: white is. Where none is given, what is transparent in the picture is repainted.
    pub mask: Option<MaskFrom>,
    /// How near everything is (white is near), for a model that takes it.
    pub depth: Option<PictureFrom>,
    /// What is done with it.
    pub treatment: Treatment,
}

impl Source {
    /// A picture of which all is drawn anew, in the usual strength.
    pub fn of(picture: PictureFrom) -> Self {
        Self { picture, mask: None, depth: None, treatment: Treatment::default() }
    }
}

/// Where a picture comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum PictureFrom {
    /// A PNG, JPEG or WebP file.
    File(PathBuf),
    /// What a step of a kept run predicts.
    Step {
        /// The run's negative.
        negative: String,
        /// Steps that are done.
        at: usize,
    },
    /// Pixels at hand: pasted, or of a picture that was never saved.
    Pixels(Photo),
}

/// Where a mask comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum MaskFrom {
    /// A picture file: its transparency where it has some, else its lightness. White repaints.
    File(PathBuf),
    /// One that was painted over the picture, at the picture's size. 255 repaints.
    Painted(Mask),
}
