//! The sampler: schedules, noise and update rules. It knows no network: a model comes in through
//! [`Denoiser`], and latents are plain values on the host.

mod denoiser;
mod forward;
mod kind;
mod latent;
pub mod noise;
mod options;
mod rules;
mod run;
mod schedule;
mod step;

pub use denoiser::{Denoiser, Parameterization};
pub use forward::{Mask, q_sample, stochastic_encode};
pub use kind::{Sampler, SamplerKind};
pub use latent::Latent;
pub use noise::RngKind;
pub use options::{RunOptions, ScoreCorrector};
pub use run::{Intermediates, Next, RunOutcome, RunState, StepReport, run};
pub use schedule::{
    BetaSchedule, Coefficients, DdimSchedule, DiffusionSchedule, ScheduleError, Spacing, TimestepSpacing,
    make_schedule, steps_run,
};
pub use step::History;
