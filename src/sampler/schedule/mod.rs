//! Noise schedules: that of training, how a run's steps are spread over it, and what each step reads.
//! No tensors here.
//!
//! DDIM and PLMS have the reference's list of timesteps ([`DdimSchedule`], mirrors
//! `ldm/modules/diffusionmodules/util.py`); every other rule has levels ([`LevelSchedule`]).

mod beta_quantile;
mod continued;
mod curves;
mod ddim;
mod diffusers;
mod diffusion;
mod entry;
mod kinds;
mod levels;
mod make;
mod spacing;
mod steps;

pub use curves::{karras, log_middle};
pub use ddim::{Coefficients, DdimSchedule};
pub use diffusers::{Curve, Diffusers, End};
pub use diffusion::{BetaSchedule, DiffusionSchedule};
pub use entry::{Entry, steps_left};
pub use kinds::{NoiseSchedule, ScheduleKind, Spaced};
pub use levels::{Level, LevelSchedule, Start};
pub use make::{Layout, distilled, make_schedule, whole_timesteps};
pub use spacing::{Spacing, TimestepSpacing, steps_run};
pub use steps::{RunSchedule, Steps};

use super::SamplerKind;
use crate::told::Told;

/// Why there is no schedule for what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// No steps, or more than the schedule has.
    #[error("expected 1 to {most} steps, found {found}; choose a number in that range")]
    Steps {
        /// The most steps that the sampler has.
        most: usize,
        /// Steps asked for.
        found: usize,
    },
    /// A sampler that adds no noise, and an eta above 0.
    #[error(
        "the {} sampler needs eta 0, found {eta}; set eta to 0 or use {}",
        .sampler.row().name, SamplerKind::default().row().name
    )]
    Eta {
        /// The sampler asked for.
        sampler: SamplerKind,
        /// The eta asked for.
        eta: f64,
    },
    /// A schedule that the sampler does not follow.
    #[error(
        "the {} sampler does not go with the schedule {}; leave the schedule out or use {}",
        .sampler.row().name, .schedule.row().name, SamplerKind::Euler.row().name
    )]
    Pair {
        /// The sampler asked for.
        sampler: SamplerKind,
        /// The schedule asked for.
        schedule: ScheduleKind,
    },
}

impl Told for ScheduleError {
    fn key(&self) -> &'static str {
        match self {
            Self::Steps { .. } => "error-steps",
            Self::Eta { .. } => "error-eta-zero",
            Self::Pair { .. } => "error-schedule-pair",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Steps { most, found } => vec![("most", most.to_string()), ("found", found.to_string())],
            Self::Eta { sampler, .. } => vec![
                ("sampler", sampler.row().a1111.to_owned()),
                ("other", SamplerKind::default().row().a1111.to_owned()),
            ],
            Self::Pair { sampler, schedule } => vec![
                ("sampler", sampler.row().a1111.to_owned()),
                ("schedule", schedule.row().a1111.to_owned()),
                ("other", SamplerKind::Euler.row().a1111.to_owned()),
            ],
        }
    }
}
