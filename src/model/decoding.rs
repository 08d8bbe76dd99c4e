//! `Decoding`: how a model's first stage decodes at present, and what has to be said of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::note::CardNote;

/// Bands of a picture's widest map; more where one would be too large.
const BANDS: usize = 16;
/// Positions of a band: with fewer, too much is computed twice; with more, little is saved.
const BAND: std::ops::RangeInclusive<usize> = 1 << 12..=1 << 15;

/// The most pixels of a picture that the processor decodes and encodes at once. Trap: it is the same whatever the
/// machine has, so that a seed is one picture everywhere, to the last bit.
const AT_ONCE: usize = 3 << 19;

/// What a run has chosen, and what was found.
#[derive(Debug, Default)]
pub(super) struct Decoding {
    in_bands: AtomicBool,
    /// A stage went beyond f16 once: it would again.
    in_f32: AtomicBool,
    notes: Mutex<Vec<CardNote>>,
}

impl Decoding {
    /// Positions of a band of a picture of so many pixels, if it decodes in bands: as a card's memory wants it, or on
    /// the processor because it is large.
    pub fn bands(&self, pixels: usize, on_card: bool) -> Option<usize> {
        let band = (pixels / BANDS).clamp(*BAND.start(), *BAND.end());
        (self.in_bands() || is_large(pixels, on_card)).then_some(band)
    }

    /// Whether it decodes in bands.
    pub fn in_bands(&self) -> bool {
        self.in_bands.load(Ordering::Relaxed)
    }

    /// Decodes in bands from now on, or at once.
    pub fn set_bands(&self, on: bool) {
        self.in_bands.store(on, Ordering::Relaxed);
    }

    /// Whether f16 was not enough.
    pub fn needs_f32(&self) -> bool {
        self.in_f32.load(Ordering::Relaxed)
    }

    /// `stage` went beyond f16.
    pub fn note_broken(&self, stage: &str) {
        self.in_f32.store(true, Ordering::Relaxed);
        self.note(CardNote::Repeated { stage: stage.to_owned() });
    }

    /// Keeps something to be said.
    pub fn note(&self, note: CardNote) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// What is to be said, once.
    pub fn take_notes(&self) -> Vec<CardNote> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a picture of so many pixels is decoded and encoded in bands wherever there is no card's memory to fit.
pub(super) fn is_large(pixels: usize, on_card: bool) -> bool {
    !on_card && pixels > AT_ONCE
}
