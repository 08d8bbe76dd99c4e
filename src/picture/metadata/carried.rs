//! `Carried`: what one picture's file tells of how it was made, on its way into the file of what becomes of the picture.
//!
//! Invariant: a text of another program stays as it is; what is done with the picture here stands behind it.

use super::made::{Added, Made};
use super::parameters::enlarged_by;

/// What a file tells, to be written into another.
#[derive(Clone, Debug, PartialEq)]
pub enum Carried {
    /// This program's record.
    Ours(Box<Made>),
    /// A text of A1111's form; empty where there was none.
    Text(String),
}

impl Carried {
    /// The same of the picture enlarged by an upscaler.
    #[must_use]
    pub fn enlarged(self, by: Added) -> Self {
        match self {
            Self::Ours(made) => Self::Ours(Box::new(made.enlarged(by))),
            Self::Text(text) => {
                let between = if text.trim_end().is_empty() { "" } else { ", " };
                Self::Text(format!("{}{between}{}", text.trim_end(), enlarged_by(&by)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{AddedKind, made_for_tests};

    #[test]
    fn the_upscaler_stands_behind_what_was_told() {
        let by = || Added {
            kind: AddedKind::Upscaler,
            name: "4x, sharp".into(),
            hash: "7".into(),
            strength: Some(4.0),
        };
        let told = Carried::Text("a fox\nSteps: 3, Seed: 1".into()).enlarged(by());
        let text = "a fox\nSteps: 3, Seed: 1, Postprocess upscale by: 4, Postprocess upscaler: 4x_ sharp";
        assert_eq!(told, Carried::Text(text.into()));
        let alone = Carried::Text(String::new()).enlarged(by());
        assert_eq!(alone, Carried::Text("Postprocess upscale by: 4, Postprocess upscaler: 4x_ sharp".into()));
        let Carried::Ours(made) = Carried::Ours(Box::new(made_for_tests())).enlarged(by()) else { panic!() };
        assert_eq!((made.added.len(), made.settings.upscaler.as_str()), (1, "4x, sharp"));
    }
}
