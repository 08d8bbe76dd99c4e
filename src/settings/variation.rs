//! `Variation`: a way from the noise of the seed towards that of another one.
//!
//! As a text it is `SEED:STRENGTH`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far the first noise goes towards that of another seed (A1111's variation seed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variation {
    /// The other seed.
    pub seed: u64,
    /// How far, 0 to 1; 0 is none, whatever the other seed is.
    pub strength: f64,
}

impl Variation {
    /// Whether the noise is the seed's own.
    pub fn is_none(&self) -> bool {
        self.strength == 0.0
    }

    /// Whether its number is in its range.
    pub fn is_sound(&self) -> bool {
        (0.0..=1.0).contains(&self.strength)
    }
}

impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seed, self.strength)
    }
}

/// Why a text is no variation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected another seed and a strength from 0 to 1, such as 7:0.2, found {0:?}")]
pub struct VariationError(String);

impl FromStr for Variation {
    type Err = VariationError;

    fn from_str(text: &str) -> Result<Self, VariationError> {
        let read = |text: &str| {
            let (seed, strength) = text.split_once(':')?;
            Some(Self { seed: seed.trim().parse().ok()?, strength: strength.trim().parse().ok()? })
        };
        read(text).filter(Self::is_sound).ok_or_else(|| VariationError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variation_is_read_as_it_is_written() {
        for text in ["7:0.2", "0:0", "18446744073709551615:1"] {
            assert_eq!(text.parse::<Variation>().unwrap().to_string(), text);
        }
        assert!("3:0".parse::<Variation>().unwrap().is_none());
        for text in ["", "7", "7:", "-1:0.2", "7:1.1", "7:nan", "7:-0.1", "x:0.5"] {
            assert!(text.parse::<Variation>().is_err(), "{text}");
        }
    }
}
