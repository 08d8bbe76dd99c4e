//! `ScheduleKind`: how the noise levels of a run are spread, for rules in σ. [`ScheduleKind::TABLE`] is
//! the only list of them; names and formulas are A1111's and ComfyUI's.
//!
//! Trap: A1111's and ComfyUI's `beta` and `kl_optimal` are two different schedules each; these are
//! A1111's.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{DiffusionSchedule, curves};

/// How the noise levels are spread; serialized by its canonical name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "Cow<'static, str>")]
pub enum ScheduleKind {
    /// What suits the rule: [`own_schedule`](crate::sampler::Sampler::own_schedule).
    #[default]
    Auto,
    /// Even steps of t, down to the least σ.
    Normal,
    /// Even steps of the seventh root of σ (Karras et al. 2022, eq. 5).
    Karras,
    /// Even steps of ln σ.
    Exponential,
    /// Even steps of t, one less than the whole way down.
    SgmUniform,
    /// Every so many of training's σ.
    Simple,
    /// DDIM's timesteps.
    DdimUniform,
    /// Even steps of arctan σ (Sabour et al. 2024, the optimum for a Gaussian); ends at the least σ.
    KlOptimal,
    /// Quantiles of a beta distribution (Lee et al. 2024).
    Beta,
    /// "Align your steps" (Sabour et al. 2024), its list for Stable Diffusion v1.
    AlignYourSteps,
    /// diffusers' `linspace`.
    Linspace,
    /// diffusers' `leading`, with SD's offset of 1.
    Leading,
    /// diffusers' `trailing`, for models of few steps.
    Trailing,
}

/// A row of [`ScheduleKind::TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct NoiseSchedule {
    /// The schedule that the row describes.
    pub kind: ScheduleKind,
    /// The canonical name: ComfyUI's where it has one. The command line and JSON use it.
    pub name: &'static str,
    /// A1111's name, which pictures carry and the window shows.
    pub a1111: &'static str,
    /// Other spellings that are understood.
    pub aliases: &'static [&'static str],
    /// One sentence for the command line's help.
    pub about: &'static str,
    /// What lays out the levels.
    pub(super) form: Form,
}

/// What lays out the levels of a schedule.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// The rule's own schedule does.
    OfTheRule,
    /// A list of σ for S steps, its end included.
    Sigmas(fn(&DiffusionSchedule, usize) -> Vec<f64>),
    /// One of diffusers' spacings.
    Spaced(Spaced),
}

/// diffusers' spacings of timesteps (`timestep_spacing`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spaced {
    /// From the last timestep to the first.
    Linspace,
    /// Every so many from the first: begins below the largest σ.
    Leading,
    /// Every so many down from the last: ends above the least σ.
    Trailing,
}

impl ScheduleKind {
    /// Every schedule, in the order in which menus show them.
    pub const TABLE: &[NoiseSchedule] = &[
        NoiseSchedule {
            kind: Self::Auto,
            name: "auto",
            a1111: "Automatic",
            aliases: &[],
            about: "What suits the sampler",
            form: Form::OfTheRule,
        },
        NoiseSchedule {
            kind: Self::Normal,
            name: "normal",
            a1111: "Uniform",
            aliases: &["uniform"],
            about: "Even steps of time",
            form: Form::Sigmas(curves::normal),
        },
        NoiseSchedule {
            kind: Self::Karras,
            name: "karras",
            a1111: "Karras",
            aliases: &[],
            about: "Even steps of the seventh root of the noise",
            form: Form::Sigmas(curves::karras_of),
        },
        NoiseSchedule {
            kind: Self::Exponential,
            name: "exponential",
            a1111: "Exponential",
            aliases: &["polyexponential"],
            about: "Even steps of the logarithm of the noise",
            form: Form::Sigmas(curves::exponential_of),
        },
        NoiseSchedule {
            kind: Self::SgmUniform,
            name: "sgm_uniform",
            a1111: "SGM Uniform",
            aliases: &["sgmuniform"],
            about: "Even steps of time that leave the last stretch to one step",
            form: Form::Sigmas(curves::sgm_uniform),
        },
        NoiseSchedule {
            kind: Self::Simple,
            name: "simple",
            a1111: "Simple",
            aliases: &[],
            about: "Every so many of the noise levels of training",
            form: Form::Sigmas(curves::simple),
        },
        NoiseSchedule {
            kind: Self::DdimUniform,
            name: "ddim_uniform",
            a1111: "DDIM",
            aliases: &[],
            about: "DDIM's timesteps; may run one step more",
            form: Form::Sigmas(curves::ddim_uniform),
        },
        NoiseSchedule {
            kind: Self::KlOptimal,
            name: "kl_optimal",
            a1111: "KL Optimal",
            aliases: &[],
            about: "Even steps of the arc tangent of the noise; ends at the least noise of training",
            form: Form::Sigmas(curves::kl_optimal),
        },
        NoiseSchedule {
            kind: Self::Beta,
            name: "beta",
            a1111: "Beta",
            aliases: &[],
            about: "Quantiles of a beta distribution: denser at both ends",
            form: Form::Sigmas(curves::beta_of),
        },
        NoiseSchedule {
            kind: Self::AlignYourSteps,
            name: "align_your_steps",
            a1111: "Align Your Steps",
            aliases: &["align-your-steps", "ays"],
            about: "A list found by search for few steps of Stable Diffusion v1",
            form: Form::Sigmas(curves::align_your_steps),
        },
        NoiseSchedule {
            kind: Self::Linspace,
            name: "linspace",
            a1111: "Linspace",
            aliases: &[],
            about: "diffusers' spacing from the last timestep to the first",
            form: Form::Spaced(Spaced::Linspace),
        },
        NoiseSchedule {
            kind: Self::Leading,
            name: "leading",
            a1111: "Leading",
            aliases: &[],
            about: "diffusers' spacing that begins below the most noise",
            form: Form::Spaced(Spaced::Leading),
        },
        NoiseSchedule {
            kind: Self::Trailing,
            name: "trailing",
            a1111: "Trailing",
            aliases: &[],
            about: "diffusers' spacing for models of few steps",
            form: Form::Spaced(Spaced::Trailing),
        },
    ];

    /// Its row of the table.
    pub fn row(self) -> &'static NoiseSchedule {
        // The rows stand in the order of the variants, as a test holds.
        &Self::TABLE[self as usize]
    }

    /// The schedule of a canonical name, an alias or A1111's name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        let known =
            |row: &&NoiseSchedule| row.spellings().any(|spelling| spelling.eq_ignore_ascii_case(name));
        Self::TABLE.iter().find(known).map(|row| row.kind)
    }

    /// Whether it is one of diffusers' spacings.
    pub fn is_spaced(self) -> bool {
        matches!(self.row().form, Form::Spaced(_))
    }

    /// Its list of σ for `steps` steps, the end included; none where it is no list of σ.
    pub fn sigmas(self, full: &DiffusionSchedule, steps: usize) -> Option<Vec<f64>> {
        match self.row().form {
            Form::Sigmas(list) => Some(list(full, steps)),
            Form::OfTheRule | Form::Spaced(_) => None,
        }
    }
}

impl NoiseSchedule {
    /// Every spelling that names it, the canonical one first.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name, self.a1111].into_iter().chain(self.aliases.iter().copied())
    }
}

impl From<ScheduleKind> for &'static str {
    fn from(kind: ScheduleKind) -> Self {
        kind.row().name
    }
}

impl TryFrom<Cow<'static, str>> for ScheduleKind {
    type Error = String;

    fn try_from(name: Cow<'static, str>) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| format!("unknown schedule {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schedule_has_its_row_and_no_two_rows_share_a_spelling() {
        let mut seen: Vec<String> = Vec::new();
        for (i, row) in ScheduleKind::TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, i, "{row:?} stands in the wrong place");
            let mut own: Vec<String> = row.spellings().map(str::to_lowercase).collect();
            own.dedup();
            for spelling in own {
                assert_eq!(ScheduleKind::from_name(&spelling), Some(row.kind), "{spelling}");
                assert!(!seen.contains(&spelling), "{spelling} names two schedules");
                seen.push(spelling);
            }
            let json = serde_json::to_string(&row.kind).unwrap();
            assert_eq!(json, format!("{:?}", row.name));
            assert_eq!(serde_json::from_str::<ScheduleKind>(&json).unwrap(), row.kind);
        }
        assert!(serde_json::from_str::<ScheduleKind>("\"quad\"").is_err());
    }
}
