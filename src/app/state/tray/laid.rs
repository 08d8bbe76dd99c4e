//! `Laid`: a picture on the tray, and the [`Source`] that it is for a run.

use std::path::PathBuf;

use crate::app::i18n::file_name;
use crate::app::picture::Picture;
use crate::app::services::photos::Developed;
use crate::message::{ModelInfo, Takes};
use crate::sampler::{Layout, steps_left};
use crate::settings::{Begins, Margins, SIDE_MAX, Settings, Treatment};
use crate::tray::{Mask, MaskFrom, Painting, Photo, PictureFrom, Source};

/// A picture on the tray.
#[derive(Clone, Debug)]
pub struct Laid {
    /// Where it comes from.
    pub from: PictureFrom,
    /// Its pixels.
    pub photo: Photo,
    /// The same to be drawn.
    pub picture: Picture,
    /// What of it is repainted.
    pub painting: Painting,
    /// The file that is the painting, as long as nothing else was painted.
    pub mask_file: Option<PathBuf>,
    /// What is done with it.
    pub treatment: Treatment,
    /// The model that a step came from.
    pub model: Option<String>,
    /// Width and height of the draft before it came, and those that suit it.
    pub sizes: Option<[[usize; 2]; 2]>,
    /// Whether the painting is what is transparent in the picture.
    is_holes: bool,
}

/// What a picture on the tray is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A file's name.
    File(String),
    /// A step of a kept run.
    Step(usize),
    /// One that has no name.
    Pasted,
}

impl Laid {
    /// A picture that was read.
    pub fn new(developed: Developed, usual: Treatment) -> Self {
        let Developed { from, photo, mask, treatment } = developed;
        let (width, height) = (photo.frame.width, photo.frame.height);
        let mut treatment = treatment.unwrap_or(Treatment { outpaint: Margins::default(), ..usual });
        let (mask, mask_file) = mask.unzip();
        let is_holes = mask.is_none();
        let mask = mask.or_else(|| Mask::of_holes(&photo));
        // What is shown is what is repainted.
        let inverts = std::mem::take(&mut treatment.mask_invert);
        let painting = match mask {
            Some(mask) if inverts => Painting::of(&mask.inverted()),
            Some(mask) => Painting::of(&mask),
            None => Painting::empty(width, height),
        };
        Self {
            picture: Picture::new(photo.frame.clone()),
            from,
            photo,
            painting,
            mask_file: mask_file.flatten().filter(|_| !inverts),
            treatment,
            model: None,
            sizes: None,
            is_holes: is_holes && !inverts,
        }
    }

    /// What it is called.
    pub fn name(&self) -> Name {
        match &self.from {
            PictureFrom::File(path) => Name::File(file_name(path)),
            PictureFrom::Step { at, .. } => Name::Step(*at),
            PictureFrom::Pixels(_) => Name::Pasted,
        }
    }

    /// Notes that the painting is no longer what it was taken from.
    pub fn touched(&mut self) {
        (self.mask_file, self.is_holes) = (None, false);
    }

    /// Whether a part of it is kept.
    pub fn is_masked(&self) -> bool {
        !self.painting.is_empty() || !self.treatment.outpaint.is_none()
    }

    /// What a control may depend on.
    pub fn begins(&self, takes: Takes) -> Begins {
        Begins { is_masked: self.is_masked(), is_guided: takes == Takes::Picture }
    }

    /// Its width and height, the room around it included.
    pub fn whole(&self) -> [usize; 2] {
        let Margins { left, top, right, bottom } = self.treatment.outpaint;
        [left + self.photo.frame.width + right, top + self.photo.frame.height + bottom]
    }

    /// The most room that can be on a side, next to what is opposite.
    pub fn room_left(&self, side: usize, opposite: usize) -> usize {
        SIDE_MAX.saturating_sub(side + opposite)
    }

    /// What a run in a model begins from.
    pub fn source(&self, model: Option<&ModelInfo>) -> Source {
        let is_masked = self.is_masked();
        let treatment = &self.treatment;
        let treatment = Treatment {
            only_masked: treatment.only_masked.filter(|_| is_masked),
            full_steps: treatment.full_steps && treatment.strength < 1.0,
            ..*treatment
        };
        let mask = match (&self.mask_file, self.painting.is_empty() || self.is_holes) {
            (_, true) => None,
            (Some(path), false) => Some(MaskFrom::File(path.clone())),
            (None, false) => Some(MaskFrom::Painted(self.painting.mask())),
        };
        let other_model = self.model.as_deref() != model.map(|model| model.name.as_str());
        let picture = match &self.from {
            PictureFrom::Step { .. } if other_model => PictureFrom::Pixels(self.photo.clone()),
            // Its holes shall not be repainted.
            _ if self.painting.is_empty() && self.photo.alpha.is_some() => {
                PictureFrom::Pixels(Photo { alpha: None, ..self.photo.clone() })
            }
            from => from.clone(),
        };
        Source { picture, mask, depth: None, treatment }
    }

    /// Steps that run of those that are asked for.
    pub fn steps(&self, settings: &Settings, timesteps: usize) -> Option<usize> {
        let Settings { sampler, steps, timesteps: spacing, schedule, eta, .. } = settings.settled();
        let layout = Layout { sampler, steps, timesteps: spacing, schedule, eta };
        steps_left(&layout, timesteps, self.treatment.strength, self.treatment.full_steps).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::draft::first_settings;
    use crate::picture::Frame;
    use crate::tray::{Brush, Touch};

    fn photo(alpha: Option<u8>) -> Photo {
        let frame = Frame { width: 40, height: 20, rgb: vec![9; 2400].into() };
        Photo { frame, alpha: alpha.map(|alpha| vec![alpha; 800].into()) }
    }

    fn laid(photo: Photo) -> Laid {
        let from = PictureFrom::File("/x/beach.jpg".into());
        Laid::new(Developed { from, photo, mask: None, treatment: None }, Treatment::default())
    }

    #[test]
    fn an_unpainted_picture_is_a_source_as_it_is() {
        let laid = laid(photo(None));
        assert_eq!(laid.name(), Name::File("beach.jpg".into()));
        assert_eq!(laid.source(None), Source::of(PictureFrom::File("/x/beach.jpg".into())));
    }

    #[test]
    fn what_is_painted_is_repainted_and_what_is_transparent_until_it_is_taken_away() {
        let mut laid = laid(photo(Some(0)));
        assert!(laid.is_masked());
        assert_eq!(laid.source(None), Source::of(PictureFrom::File("/x/beach.jpg".into())));
        laid.painting.fill(0);
        laid.touched();
        laid.treatment.only_masked = Some(8);
        let source = laid.source(None);
        assert!(matches!(source.picture, PictureFrom::Pixels(Photo { alpha: None, .. })));
        assert_eq!((source.mask, source.treatment.only_masked), (None, None));
        let touch = Touch { at: [4.0, 4.0], pressure: 1.0 };
        laid.painting.stroke(&Brush { radius: 3.0, hardness: 1.0, erases: false }, &[touch]);
        let source = laid.source(None);
        assert!(matches!(source.mask, Some(MaskFrom::Painted(_))) && source.treatment.only_masked == Some(8));
        assert_eq!(source.picture, laid.from);
    }

    #[test]
    fn a_mask_file_stays_one_until_something_is_painted() {
        let mask = Mask::flat(40, 20, 255);
        let developed = Developed {
            from: PictureFrom::File("/x/beach.jpg".into()),
            photo: photo(None),
            mask: Some((mask, Some("/x/mask.png".into()))),
            treatment: Some(Treatment { strength: 0.4, ..Treatment::default() }),
        };
        let mut laid = Laid::new(developed.clone(), Treatment::default());
        assert_eq!(laid.source(None).mask, Some(MaskFrom::File("/x/mask.png".into())));
        laid.touched();
        assert!(matches!(laid.source(None).mask, Some(MaskFrom::Painted(_))));
        let treatment = Some(Treatment { mask_invert: true, ..Treatment::default() });
        let inverted = Laid::new(Developed { treatment, ..developed }, Treatment::default());
        assert!(inverted.painting.is_empty() && !inverted.treatment.mask_invert);
    }

    #[test]
    fn a_step_is_one_for_its_own_model_and_pixels_for_others() {
        let mut laid = laid(photo(None));
        laid.from = PictureFrom::Step { negative: "run".into(), at: 3 };
        assert_eq!((laid.source(None).picture, laid.name()), (laid.from.clone(), Name::Step(3)));
        laid.model = Some("other".into());
        assert!(matches!(laid.source(None).picture, PictureFrom::Pixels(_)));
    }

    #[test]
    fn the_steps_are_those_that_run() {
        let mut laid = laid(photo(None));
        let settings = Settings { steps: 20, ..first_settings() };
        assert_eq!(laid.steps(&settings, 1000), Some(15));
        laid.treatment.full_steps = true;
        assert_eq!(laid.steps(&settings, 1000), Some(20));
    }

    #[test]
    fn room_makes_the_whole_larger() {
        let mut laid = laid(photo(None));
        laid.treatment.outpaint = Margins { left: 8, top: 0, right: 16, bottom: 24 };
        assert_eq!((laid.whole(), laid.is_masked()), ([64, 44], true));
        assert_eq!(laid.room_left(40, 8), SIDE_MAX - 48);
    }
}
