//! `Treatment`: what is done with a picture that a run begins from, in numbers and choices.
//!
//! The pictures themselves are not here: they are those of a `tray::Source`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a run begins from a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Treatment {
    /// How much is drawn anew, above 0 up to 1: the share of the steps that run.
    pub strength: f64,
    /// All steps run, spread over what the strength leaves of them.
    pub full_steps: bool,
    /// What becomes of a picture of another shape than the run's; none is what suits: see [`Treatment::resize`].
    pub resize: Option<Resize>,
    /// The mask's black is repainted, and its white kept.
    pub mask_invert: bool,
    /// Pixels by which the mask's edges are softened: σ of a Gaussian, 0 to [`BLUR_MOST`].
    pub mask_blur: f64,
    /// What stands in the masked part before the first step.
    pub fill: Fill,
    /// Only what is masked, with so many pixels around it, is worked on at the run's size and put back.
    pub only_masked: Option<usize>,
    /// Room that is added around the picture, and painted.
    pub outpaint: Margins,
    /// How closely a model that follows pictures follows it (InstructPix2Pix), 0 to [`IMAGE_GUIDANCE_MOST`].
    pub image_guidance: f64,
}

/// The largest blur of a mask.
pub const BLUR_MOST: f64 = 256.0;
/// The largest guidance by a picture.
pub const IMAGE_GUIDANCE_MOST: f64 = 100.0;
/// The strength where none is given.
pub const STRENGTH: f64 = 0.75;

impl Default for Treatment {
    fn default() -> Self {
        Self {
            strength: STRENGTH,
            full_steps: false,
            resize: None,
            mask_invert: false,
            mask_blur: 4.0,
            fill: Fill::Original,
            only_masked: None,
            outpaint: Margins::default(),
            image_guidance: 1.5,
        }
    }
}

impl Treatment {
    /// What becomes of another shape: what was chosen, else all of the picture is taken where part of it is kept, and
    /// its middle elsewhere.
    pub fn resize(&self, is_masked: bool) -> Resize {
        self.resize.unwrap_or(if is_masked { Resize::Fit } else { Resize::Crop })
    }
}

/// What becomes of a picture whose shape is not the run's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Its middle is taken.
    #[default]
    Crop,
    /// All of it is taken, and its edges are drawn on.
    Fit,
    /// It is stretched.
    Stretch,
    /// It is stretched as a latent.
    Latent,
}

/// What the masked part begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Colors from around it.
    Blur,
    /// The picture as it is.
    #[default]
    Original,
    /// Noise in the latent: that of the run's seed.
    Noise,
    /// Zeros in the latent.
    Zero,
}

impl Resize {
    /// Every way, in the order in which menus show them.
    pub const ALL: [Self; 4] = [Self::Crop, Self::Fit, Self::Stretch, Self::Latent];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Fit => "fit",
            Self::Stretch => "stretch",
            Self::Latent => "latent",
        }
    }
}

impl Fill {
    /// Every fill, in the order in which menus show them.
    pub const ALL: [Self; 4] = [Self::Blur, Self::Original, Self::Noise, Self::Zero];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blur => "blur",
            Self::Original => "original",
            Self::Noise => "noise",
            Self::Zero => "zero",
        }
    }

    /// What A1111 calls it.
    pub fn a1111(self) -> &'static str {
        match self {
            Self::Blur => "fill",
            Self::Original => "original",
            Self::Noise => "latent noise",
            Self::Zero => "latent nothing",
        }
    }
}

/// A text that names none of a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct NoSuchName {
    expected: &'static str,
    found: String,
}

impl FromStr for Resize {
    type Err = NoSuchName;

    fn from_str(text: &str) -> Result<Self, NoSuchName> {
        let expected = "crop, fit, stretch or latent";
        let found = Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| NoSuchName { expected, found: text.to_owned() })
    }
}

impl FromStr for Fill {
    type Err = NoSuchName;

    fn from_str(text: &str) -> Result<Self, NoSuchName> {
        let expected = "blur, original, noise or zero";
        let found = Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| NoSuchName { expected, found: text.to_owned() })
    }
}

/// Pixels that are added on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Margins {
    /// On the left.
    pub left: usize,
    /// Above.
    pub top: usize,
    /// On the right.
    pub right: usize,
    /// Below.
    pub bottom: usize,
}

impl Margins {
    /// Whether nothing is added.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Margins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.left, self.top, self.right, self.bottom)
    }
}

impl FromStr for Margins {
    type Err = NoSuchName;

    fn from_str(text: &str) -> Result<Self, NoSuchName> {
        let expected =
            "pixels to add on the left, at the top, on the right and at the bottom, such as 128,0,128,0";
        let sides: Option<Vec<usize>> = text.split(',').map(|side| side.trim().parse().ok()).collect();
        match sides.as_deref() {
            Some(&[left, top, right, bottom]) => Ok(Self { left, top, right, bottom }),
            _ => Err(NoSuchName { expected, found: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for resize in Resize::ALL {
            assert_eq!(serde_json::to_value(resize).unwrap(), resize.name());
            assert_eq!(resize.name().parse(), Ok(resize));
        }
        for fill in Fill::ALL {
            assert_eq!(serde_json::to_value(fill).unwrap(), fill.name());
            assert_eq!(fill.name().to_uppercase().parse(), Ok(fill));
        }
        assert!("wide".parse::<Resize>().unwrap_err().to_string().starts_with("expected crop, fit"));
        assert!("wide".parse::<Fill>().is_err());
    }

    #[test]
    fn margins_are_four_numbers() {
        let margins: Margins = "1, 0,30,4".parse().unwrap();
        assert_eq!((margins.left, margins.right, margins.bottom), (1, 30, 4));
        assert_eq!(margins.to_string().parse(), Ok(margins));
        for text in ["", "1", "1,2,3", "1,2,3,4,5", "1,2,3,-4", "a,b,c,d"] {
            assert!(text.parse::<Margins>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_told_is_the_usual() {
        let told: Treatment = serde_json::from_str(r#"{"strength":0.4,"lens":"wide"}"#).unwrap();
        assert_eq!(told, Treatment { strength: 0.4, ..Treatment::default() });
        assert_eq!((told.resize(true), told.resize(false)), (Resize::Fit, Resize::Crop));
        let chosen = Treatment { resize: Some(Resize::Stretch), ..told };
        assert_eq!(chosen.resize(true), Resize::Stretch);
    }
}
