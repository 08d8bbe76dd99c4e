//! The sampler: schedules, noise and update rules. It knows no network: a model comes in through
//! [`Denoiser`], and latents are plain values on the host.

mod denoiser;
mod kind;
mod latent;
pub mod noise;
mod run;
mod schedule;
mod update;

pub use denoiser::Denoiser;
pub use kind::{SamplerKind, TimestepSpacing};
pub use latent::Latent;
pub use noise::RngKind;
pub use run::{
    Intermediates, Mask, Next, RunOptions, RunOutcome, RunState, ScoreCorrector, StepReport, q_sample, run,
    stochastic_encode,
};
pub use schedule::{
    BetaSchedule, DdimSchedule, DiffusionSchedule, Parameterization, ScheduleError, steps_run,
};
