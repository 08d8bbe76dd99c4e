//! What a step leaves: its numbers, and its predicted picture for the eye.
//!
//! Invariant: a [`Step`] is never lost, a [`Preview`] may be.

use std::time::Duration;

use super::JobId;
#[cfg(feature = "gpu")]
use crate::gpu::CardPicture;
use crate::note::Note;
use crate::picture::Frame;
use crate::settings::PreviewMode;

/// One denoising step, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The job whose step it is.
    pub job: JobId,
    /// The step, from 0.
    pub step: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// Its timestep t, 0..1000.
    pub timestep: usize,
    /// The guidance it used.
    pub guidance: f64,
    /// Its network call and update.
    pub took: Duration,
}

/// A picture for the eye, where it lies.
#[derive(Clone, Debug, PartialEq)]
pub enum PreviewImage {
    /// All of its pixels on the host.
    Frame(Frame),
    /// On the card that draws the window, and a small copy on the host.
    #[cfg(feature = "gpu")]
    Card {
        /// All of it.
        picture: CardPicture,
        /// The copy for the strip.
        small: Frame,
    },
}

impl PreviewImage {
    /// All pixels, where the host has them.
    pub fn frame(&self) -> Option<&Frame> {
        match self {
            Self::Frame(frame) => Some(frame),
            #[cfg(feature = "gpu")]
            Self::Card { .. } => None,
        }
    }
}

/// One step's predicted picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// The job whose step it is.
    pub job: JobId,
    /// The step, from 0.
    pub step: usize,
    /// `pred_x0`, decoded by `mode`.
    pub image: PreviewImage,
    /// How it was decoded (never `Auto` or `Off`).
    pub mode: PreviewMode,
    /// How long the decoding took.
    pub took: Duration,
    /// The share of the run's time that previews have cost, 0 to 1.
    pub share: f32,
    /// An optional note on its quality, e.g. the fit's error.
    pub note: Option<Note>,
}
