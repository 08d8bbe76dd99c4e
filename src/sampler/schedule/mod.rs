//! Noise schedules (mirrors `ldm/modules/diffusionmodules/util.py`): that of training, how a run's
//! timesteps are spread over it, and the coefficients of each step. No tensors here.

mod ddim;
mod diffusion;
mod spacing;

pub use ddim::{Coefficients, DdimSchedule, make_schedule};
pub use diffusion::{BetaSchedule, DiffusionSchedule};
pub use spacing::{Spacing, TimestepSpacing, steps_run};

use super::SamplerKind;
use crate::told::Told;

/// Why there is no schedule for what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// No steps, or more than the schedule has.
    #[error("expected 1 to {most} steps, found {found}; choose a number in that range")]
    Steps {
        /// Timesteps of training.
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
}

impl Told for ScheduleError {
    fn key(&self) -> &'static str {
        match self {
            Self::Steps { .. } => "error-steps",
            Self::Eta { .. } => "error-eta-zero",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Steps { most, found } => vec![("most", most.to_string()), ("found", found.to_string())],
            Self::Eta { sampler, .. } => vec![
                ("sampler", sampler.row().a1111.to_owned()),
                ("other", SamplerKind::default().row().a1111.to_owned()),
            ],
        }
    }
}
