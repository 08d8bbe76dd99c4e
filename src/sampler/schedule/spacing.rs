//! `TimestepSpacing`: how the steps of a run are spread over the timesteps of training.
//!
//! Trap: by the reference's even rule a run of S steps often takes more, where S does not divide the
//! timesteps of training; `exact` always takes S. diffusers' spacings go on to t − ⌊T/S⌋, which is not
//! always the next timestep.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::curves::linspace;
use super::diffusers;

/// How the steps are spread over the schedule; serialized by its canonical name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum TimestepSpacing {
    /// Even spacing over exactly S steps.
    Exact,
    /// The reference's even spacing, which often runs more than S steps.
    #[default]
    Uniform,
    /// Squares: denser near the end.
    Quad,
    /// diffusers' `leading`, with SD's offset of 1.
    Leading,
    /// diffusers' `trailing`, for models of few steps.
    Trailing,
    /// diffusers' `linspace`.
    Linspace,
}

/// A row of [`TimestepSpacing::TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Spacing {
    /// The spacing that the row describes.
    pub kind: TimestepSpacing,
    /// The canonical name, on the command line and in JSON.
    pub name: &'static str,
    /// The name of its words in the window.
    pub key: &'static str,
    /// One sentence for the command line's help.
    pub about: &'static str,
    /// Whether a step leads to t − ⌊T/S⌋, as in diffusers, and not to the next timestep.
    pub(super) by_stride: bool,
    /// Ascending timesteps for S steps, 1 to T, of T timesteps of training; the last may be past the end.
    timesteps: fn(usize, usize) -> Vec<usize>,
}

impl TimestepSpacing {
    /// Every spacing, in the order in which menus show them.
    pub const TABLE: &[Spacing] = &[
        Spacing {
            kind: Self::Exact,
            name: "exact",
            key: "spacing-exact",
            about: "Evenly, in exactly as many steps as asked for",
            by_stride: false,
            timesteps: exact,
        },
        Spacing {
            kind: Self::Uniform,
            name: "uniform",
            key: "spacing-uniform",
            about: "Evenly, by the reference's rule, which often runs more steps than asked for",
            by_stride: false,
            timesteps: uniform,
        },
        Spacing {
            kind: Self::Quad,
            name: "quad",
            key: "spacing-quad",
            about: "By squares, with more steps near the end",
            by_stride: false,
            timesteps: quad,
        },
        Spacing {
            kind: Self::Leading,
            name: "leading",
            key: "spacing-leading",
            about: "diffusers' spacing that begins below the most noise",
            by_stride: true,
            timesteps: leading,
        },
        Spacing {
            kind: Self::Trailing,
            name: "trailing",
            key: "spacing-trailing",
            about: "diffusers' spacing for models of few steps",
            by_stride: true,
            timesteps: trailing,
        },
        Spacing {
            kind: Self::Linspace,
            name: "linspace",
            key: "spacing-linspace",
            about: "diffusers' spacing from the last timestep to the first",
            by_stride: true,
            timesteps: even,
        },
    ];

    /// Its row of the table.
    pub fn row(self) -> &'static Spacing {
        // The rows stand in the order of the variants, as a test holds.
        &Self::TABLE[self as usize]
    }

    /// The spacing of a canonical name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.kind)
    }

    /// `make_ddim_timesteps`: ascending, plus one "to get the final alpha values right" as the reference
    /// has it; the last may be past the end. `steps` lies between 1 and `timesteps`.
    pub(super) fn make_ddim_timesteps(self, steps: usize, timesteps: usize) -> Vec<usize> {
        (self.row().timesteps)(steps, timesteps)
    }
}

/// t = ⌊i·T/S⌋ + 1.
fn exact(steps: usize, timesteps: usize) -> Vec<usize> {
    (0..steps).map(|i| i * timesteps / steps + 1).collect()
}

/// Every ⌊T/S⌋th timestep.
fn uniform(steps: usize, timesteps: usize) -> Vec<usize> {
    (0..timesteps).step_by(timesteps / steps).map(|t| t + 1).collect()
}

/// Squares of even steps up to √(0.8·T).
fn quad(steps: usize, timesteps: usize) -> Vec<usize> {
    let end = (timesteps as f64 * 0.8).sqrt();
    let step = if steps > 1 { end / (steps - 1) as f64 } else { 0.0 };
    let root = |i: usize| if i + 1 == steps && steps > 1 { end } else { step * i as f64 };
    (0..steps).map(|i| (root(i) * root(i)) as usize + 1).collect()
}

fn leading(steps: usize, timesteps: usize) -> Vec<usize> {
    ascending(diffusers::leading(timesteps, steps, 1))
}

fn trailing(steps: usize, timesteps: usize) -> Vec<usize> {
    ascending(diffusers::trailing(timesteps, steps))
}

fn even(steps: usize, timesteps: usize) -> Vec<usize> {
    linspace(0.0, (timesteps - 1) as f64, steps).map(|t| t.round_ties_even() as usize).collect()
}

fn ascending(falling: Vec<f64>) -> Vec<usize> {
    falling.into_iter().rev().map(|t| t as usize).collect()
}

/// Steps that run where `steps` are asked for, of a model that was trained with `timesteps` of them.
/// Fewer than 1 count as 1, more than `timesteps` as `timesteps`.
pub fn steps_run(spacing: TimestepSpacing, steps: usize, timesteps: usize) -> usize {
    let timesteps = timesteps.max(1);
    spacing.make_ddim_timesteps(steps.clamp(1, timesteps), timesteps).len()
}

impl From<TimestepSpacing> for &'static str {
    fn from(spacing: TimestepSpacing) -> Self {
        spacing.row().name
    }
}

impl TryFrom<Cow<'static, str>> for TimestepSpacing {
    type Error = String;

    fn try_from(name: Cow<'static, str>) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("unknown spacing {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spacing_has_its_row_and_goes_by_its_name() {
        for (i, row) in TimestepSpacing::TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, i, "{row:?} stands in the wrong place");
            assert_eq!(TimestepSpacing::from_name(&row.name.to_uppercase()), Some(row.kind));
            let json = serde_json::to_string(&row.kind).unwrap();
            assert_eq!(json, format!("{:?}", row.name));
            assert_eq!(serde_json::from_str::<TimestepSpacing>(&json).unwrap(), row.kind);
        }
        assert!(serde_json::from_str::<TimestepSpacing>("\"karras\"").is_err());
    }

    #[test]
    fn steps_out_of_range_count_as_the_nearest_in_range() {
        for row in TimestepSpacing::TABLE {
            assert_eq!(steps_run(row.kind, 0, 1000), steps_run(row.kind, 1, 1000));
            assert_eq!(steps_run(row.kind, 5000, 1000), 1000);
            assert_eq!(steps_run(row.kind, 7, 0), 1);
        }
    }
}
