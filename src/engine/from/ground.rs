//! `Ground`: what a run is painted on: a picture as latents and pixels, and what of it stays.
//!
//! Invariant: all of it is plain values on the host, so that it can be kept beside the run and taken up on another
//! device. Trap: where the masked part begins with noise, that is the seed's, and so the ground is one seed's.

use std::sync::Arc;

use crate::message::Takes;
use crate::note::Note;
use crate::picture::Frame;
use crate::sampler::{self, Latent};
use crate::settings::{Beginning, Fill};
use crate::tray::{Mask, Overlay};

/// What a run is painted on.
#[derive(Clone, Debug)]
pub struct Ground {
    /// What is told of it.
    pub beginning: Beginning,
    /// Where a part of the picture is kept: all of the picture at its own size; else the part that the run works on.
    pub picture: Frame,
    /// What is repainted of the picture, before its edges are softened.
    pub mask: Option<Mask>,
    /// What the run makes is put back by it.
    pub overlay: Option<Arc<Overlay>>,
    /// The scaled latent (1, c, h, w).
    pub x0: Latent,
    /// How much of each place (1, 1, h, w) is kept: 1 keeps.
    pub kept: Option<Latent>,
    /// Channels behind x, for a model that takes them.
    pub concat: Option<Latent>,
    /// What is odd about it.
    pub notes: Vec<Note>,
}

impl Ground {
    /// What a finished run shows: its picture, or what it was made from with that in its place.
    pub fn finished(&self, made: Frame) -> Frame {
        self.overlay.as_ref().map_or(made.clone(), |overlay| overlay.finished(&made))
    }

    /// What holds x to the picture before each step, of a model that does not see the picture itself.
    pub fn held(&self, takes: Takes) -> Option<sampler::Mask> {
        let mask = self.kept.clone().filter(|_| takes != Takes::MaskedPicture)?;
        Some(sampler::Mask { mask, x0: self.x0.clone() })
    }

    /// Whether a run in this model begins from noise alone, since the model sees the picture beside.
    pub fn begins_from_noise(&self, takes: Takes) -> bool {
        let sees = matches!(takes, Takes::MaskedPicture | Takes::Picture);
        sees && self.beginning.treatment.strength >= 1.0
    }

    /// With the masked part of the latent as its fill says; `fresh` is the run's first noise.
    #[must_use]
    pub fn filled(mut self, fresh: &Latent) -> Self {
        let Some(kept) = &self.kept else { return self };
        let plane = kept.len();
        let of_fill: Box<dyn Fn(usize) -> f32> = match self.beginning.treatment.fill {
            Fill::Noise => Box::new(|i| fresh.values[i]),
            Fill::Zero => Box::new(|_| 0.0),
            Fill::Blur | Fill::Original => return self,
        };
        for (i, value) in self.x0.values.iter_mut().enumerate() {
            let keep = kept.values[i % plane];
            *value = *value * keep + of_fill(i) * (1.0 - keep);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Treatment;

    fn ground(fill: Fill) -> Ground {
        let treatment = Treatment { fill, ..Treatment::default() };
        Ground {
            beginning: Beginning { treatment, ..Beginning::default() },
            picture: Frame { width: 0, height: 0, rgb: [].into() },
            mask: None,
            overlay: None,
            x0: Latent::new([1, 2, 1, 2], vec![4.0; 4]),
            kept: Some(Latent::new([1, 1, 1, 2], vec![1.0, 0.25])),
            concat: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_masked_part_is_filled_as_far_as_it_is_masked() {
        let fresh = Latent::new([1, 2, 1, 2], vec![8.0, 8.0, 0.0, 0.0]);
        let filled = |fill| ground(fill).filled(&fresh).x0.values;
        assert_eq!(filled(Fill::Original), [4.0; 4]);
        assert_eq!(filled(Fill::Zero), [4.0, 1.0, 4.0, 1.0]);
        assert_eq!(filled(Fill::Noise), [4.0, 7.0, 4.0, 1.0]);
    }

    #[test]
    fn a_model_that_sees_the_picture_is_not_held_to_it() {
        let ground = ground(Fill::Original);
        assert!(ground.held(Takes::Nothing).is_some() && ground.held(Takes::Picture).is_some());
        assert!(ground.held(Takes::MaskedPicture).is_none());
        assert!(!ground.begins_from_noise(Takes::MaskedPicture));
    }
}
