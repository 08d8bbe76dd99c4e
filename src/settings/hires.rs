//! `Hires`: a second pass over the finished picture at a larger size.
//!
//! As a text it is `SCALE[:STEPS[:STRENGTH[:HOW]]]`, where HOW is `latent` or `upscaler`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest scale.
const SCALE_MOST: f64 = 8.0;
/// The most steps.
const STEPS_MOST: usize = 1000;

/// A second pass over the finished picture at a larger size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hires {
    /// How much larger each side becomes; 1 is no second pass.
    pub scale: f64,
    /// Steps of it; 0 is as many as the first pass has.
    pub steps: usize,
    /// How much of the larger picture is drawn anew, above 0 up to 1.
    pub strength: f64,
    /// What is enlarged.
    pub by: Enlarged,
}

/// What is enlarged before a second pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enlarged {
    /// The picture.
    #[default]
    Pixels,
    /// The latent.
    Latent,
    /// The picture, by the run's upscaler.
    Upscaler,
}

impl Default for Hires {
    fn default() -> Self {
        Self { scale: 1.0, steps: 0, strength: 0.7, by: Enlarged::Pixels }
    }
}

impl Hires {
    /// Whether there is no second pass.
    pub fn is_none(&self) -> bool {
        self.scale == 1.0
    }

    /// Whether there is one, and an upscaler makes its picture larger.
    pub fn is_by_upscaler(&self) -> bool {
        !self.is_none() && self.by == Enlarged::Upscaler
    }

    /// Its steps after a first pass that was asked for so many.
    pub fn steps_after(&self, first: usize) -> usize {
        if self.steps == 0 { first } else { self.steps }
    }

    /// A side at its scale, as a multiple of `multiple`.
    pub fn side(&self, pixels: usize, multiple: usize) -> usize {
        let multiple = multiple.max(1);
        ((pixels as f64 * self.scale / multiple as f64).round() as usize).max(1) * multiple
    }

    /// Whether its numbers are in their ranges.
    pub fn is_sound(&self) -> bool {
        (1.0..=SCALE_MOST).contains(&self.scale)
            && self.steps <= STEPS_MOST
            && self.strength > 0.0
            && self.strength <= 1.0
    }
}

impl fmt::Display for Hires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        write!(f, "{}", self.scale)?;
        let strength = self.by != usual.by || self.strength != usual.strength;
        if strength || self.steps != usual.steps {
            write!(f, ":{}", self.steps)?;
        }
        if strength {
            write!(f, ":{}", self.strength)?;
        }
        match self.by {
            Enlarged::Pixels => Ok(()),
            Enlarged::Latent => f.write_str(":latent"),
            Enlarged::Upscaler => f.write_str(":upscaler"),
        }
    }
}

/// Why a text is no second pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected how much larger the picture becomes (above 1, at most {SCALE_MOST}), and perhaps steps and a strength up to 1, \
     such as 2:15:0.5, found {0:?}"
)]
pub struct HiresError(String);

impl FromStr for Hires {
    type Err = HiresError;

    fn from_str(text: &str) -> Result<Self, HiresError> {
        let wrong = || HiresError(text.to_owned());
        let usual = Self::default();
        let mut parts = text.trim().split(':').map(str::trim);
        let number = |part: Option<&str>, usual: f64| match part {
            None => Ok(usual),
            Some(part) => part.parse::<f64>().map_err(|_| wrong()),
        };
        let scale = number(parts.next(), usual.scale)?;
        let steps = parts.next().map_or(Ok(usual.steps), |part| part.parse().map_err(|_| wrong()))?;
        let strength = number(parts.next(), usual.strength)?;
        let by = match parts.next() {
            None | Some("pixels") => Enlarged::Pixels,
            Some("latent") => Enlarged::Latent,
            Some("upscaler") => Enlarged::Upscaler,
            Some(_) => return Err(wrong()),
        };
        let hires = Self { scale, steps, strength, by };
        if parts.next().is_none() && hires.is_sound() { Ok(hires) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_pass_is_read_as_it_is_written() {
        for text in ["2", "1.5:12", "2:0:0.4", "2:0:0.7:latent", "1", "3:9:1:latent", "2:0:0.5:upscaler"] {
            let hires: Hires = text.parse().unwrap();
            assert_eq!(hires.to_string(), text);
        }
        assert!("1".parse::<Hires>().unwrap().is_none());
        for text in ["", "0.5", "9", "2:x", "2:10:0", "2:10:1.5", "2:1:1:wide", "2:1:1:latent:1", "nan"] {
            assert!(text.parse::<Hires>().is_err(), "{text}");
        }
    }

    #[test]
    fn sides_become_multiples() {
        let hires = Hires { scale: 1.5, ..Hires::default() };
        assert_eq!((hires.side(512, 64), hires.side(520, 64), hires.side(1, 8)), (768, 768, 8));
        assert_eq!((hires.steps_after(20), Hires { steps: 4, ..hires }.steps_after(20)), (20, 4));
    }
}
