//! The table of a [`Treatment`]'s parts: what the window shows of each, and when.
//!
//! A new control over a picture is an entry here and its words: `words`, and `words-tip` beside it.

use super::treatment::{BLUR_MOST, Treatment};
use super::{Label, Slider};

/// A part of a treatment.
#[derive(Clone, Copy, Debug)]
pub struct Handling {
    /// The key of its words.
    pub words: &'static str,
    /// Its control.
    pub control: Control,
    /// Whether it acts.
    pub acts: fn(&Treatment, Begins) -> bool,
}

/// From what a run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begins {
    /// A part of the picture is kept.
    pub is_masked: bool,
    /// The model is guided by the picture itself.
    pub is_guided: bool,
}

/// The control of a part.
#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// A number.
    Number {
        /// Its slider.
        slider: Slider,
        /// The number.
        get: fn(&Treatment) -> f64,
        /// Takes another one.
        set: fn(&mut Treatment, f64),
    },
    /// A switch.
    Switch {
        /// Whether it is on.
        get: fn(&Treatment) -> bool,
        /// Sets it.
        set: fn(&mut Treatment, bool),
    },
    /// One of a few.
    Choice {
        /// Names and what is shown of them.
        of: &'static [(&'static str, Label)],
        /// The name of what is chosen.
        get: fn(&Treatment, Begins) -> &'static str,
        /// Chooses by name.
        set: fn(&mut Treatment, &str),
    },
}

/// Pixels around what is masked where nothing else was chosen.
const PADDING: usize = 32;
/// The most pixels around it.
const PADDING_MOST: f64 = 1024.0;

const fn slider(least: f64, most: f64, typed_most: f64, step: f64, decimals: usize) -> Slider {
    Slider { least, most, typed_most, step, decimals }
}

fn always(_: &Treatment, _: Begins) -> bool {
    true
}

fn is_masked(_: &Treatment, begins: Begins) -> bool {
    begins.is_masked
}

impl Treatment {
    /// All parts with a control, in the order in which they are shown.
    pub const TABLE: &[Handling] = &[
        Handling {
            words: "strength",
            control: Control::Number {
                slider: slider(0.01, 1.0, 1.0, 0.01, 2),
                get: |treatment| treatment.strength,
                set: |treatment, strength| treatment.strength = strength,
            },
            acts: always,
        },
        Handling {
            words: "image-guidance",
            control: Control::Number {
                slider: slider(1.0, 3.0, 10.0, 0.05, 2),
                get: |treatment| treatment.image_guidance,
                set: |treatment, guidance| treatment.image_guidance = guidance,
            },
            acts: |_, begins| begins.is_guided,
        },
        Handling {
            words: "full-steps",
            control: Control::Switch {
                get: |treatment| treatment.full_steps,
                set: |treatment, full| treatment.full_steps = full,
            },
            acts: |treatment, _| treatment.strength < 1.0,
        },
        Handling {
            words: "fill",
            control: Control::Choice {
                of: &[
                    ("original", Label::Words("fill-original")),
                    ("blur", Label::Words("fill-blur")),
                    ("noise", Label::Words("fill-noise")),
                    ("zero", Label::Words("fill-zero")),
                ],
                get: |treatment, _| treatment.fill.name(),
                set: |treatment, name| treatment.fill = name.parse().unwrap_or(treatment.fill),
            },
            acts: is_masked,
        },
        Handling {
            words: "mask-blur",
            control: Control::Number {
                slider: slider(0.0, 64.0, BLUR_MOST, 1.0, 0),
                get: |treatment| treatment.mask_blur,
                set: |treatment, blur| treatment.mask_blur = blur,
            },
            acts: is_masked,
        },
        Handling {
            words: "only-masked",
            control: Control::Switch {
                get: |treatment| treatment.only_masked.is_some(),
                set: |treatment, only| treatment.only_masked = only.then_some(PADDING),
            },
            acts: is_masked,
        },
        Handling {
            words: "padding",
            control: Control::Number {
                slider: slider(0.0, 256.0, PADDING_MOST, 8.0, 0),
                get: |treatment| treatment.only_masked.unwrap_or(PADDING) as f64,
                set: |treatment, padding| treatment.only_masked = Some(padding.max(0.0) as usize),
            },
            acts: |treatment, begins| begins.is_masked && treatment.only_masked.is_some(),
        },
        Handling {
            words: "resize",
            control: Control::Choice {
                of: &[
                    ("crop", Label::Words("resize-crop")),
                    ("fit", Label::Words("resize-fit")),
                    ("stretch", Label::Words("resize-stretch")),
                    ("latent", Label::Words("resize-latent")),
                ],
                get: |treatment, begins| treatment.resize(begins.is_masked).name(),
                set: |treatment, name| treatment.resize = name.parse().ok().or(treatment.resize),
            },
            acts: |treatment, begins| !(begins.is_masked && treatment.only_masked.is_some()),
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Fill, Resize};

    #[test]
    fn what_is_set_is_what_is_got() {
        let masked = Begins { is_masked: true, is_guided: true };
        for row in Treatment::TABLE {
            let mut treatment = Treatment { only_masked: Some(8), ..Treatment::default() };
            match row.control {
                Control::Number { slider, get, set } => {
                    assert!((slider.least..=slider.typed_most).contains(&get(&treatment)), "{}", row.words);
                    set(&mut treatment, slider.most);
                    assert_eq!(get(&treatment), slider.most, "{}", row.words);
                }
                Control::Switch { get, set } => {
                    for on in [true, false] {
                        set(&mut treatment, on);
                        assert_eq!(get(&treatment), on, "{}", row.words);
                    }
                }
                Control::Choice { of, get, set } => {
                    for (name, _) in of {
                        set(&mut treatment, name);
                        assert_eq!(get(&treatment, masked), *name);
                    }
                    set(&mut treatment, "no such");
                    assert_eq!(get(&treatment, masked), of[of.len() - 1].0);
                }
            }
        }
        let names = |words: &str| {
            let row = Treatment::TABLE.iter().find(|row| row.words == words).unwrap();
            let Control::Choice { of, .. } = row.control else { panic!("{words} has no choices") };
            let mut names: Vec<&str> = of.iter().map(|(name, _)| *name).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names("fill").len(), Fill::ALL.len());
        assert_eq!(names("resize").len(), Resize::ALL.len());
    }

    #[test]
    fn what_is_for_a_mask_acts_beside_one() {
        let acting = |begins| -> Vec<&str> {
            let treatment = Treatment::default();
            Treatment::TABLE
                .iter()
                .filter(|row| (row.acts)(&treatment, begins))
                .map(|row| row.words)
                .collect()
        };
        assert_eq!(acting(Begins::default()), ["strength", "full-steps", "resize"]);
        let masked = acting(Begins { is_masked: true, is_guided: false });
        assert_eq!(masked, ["strength", "full-steps", "fill", "mask-blur", "only-masked", "resize"]);
    }
}
