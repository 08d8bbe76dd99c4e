//! The sampler: schedules, noise and update rules. It knows no network: a model comes in through
//! [`Denoiser`], and latents are plain values on the host.

mod denoiser;
mod first_noise;
mod forward;
mod guidance_curve;
mod guide;
mod history;
mod joint;
mod kind;
mod latent;
pub mod noise;
mod options;
mod rules;
mod run;
mod schedule;
mod step;

pub use denoiser::{Denoiser, Parameterization};
pub use first_noise::first_noise;
pub use forward::{Mask, noised, q_sample};
pub use guidance_curve::{CurveError, GuidanceCurve};
pub use history::{History, Past};
pub use kind::{Family, Sampler, SamplerKind, Space};
pub use latent::Latent;
pub use noise::RngKind;
pub use options::{RunOptions, ScoreCorrector, UniPcWeights};
pub use run::{Intermediates, Next, RunOutcome, RunState, StepReport, run};
pub use schedule::{
    BetaSchedule, Coefficients, Curve, DdimSchedule, Diffusers, DiffusionSchedule, End, Entry, Layout, Level,
    LevelSchedule, NoiseSchedule, RunSchedule, ScheduleError, ScheduleKind, Spaced, Spacing, Start, Steps,
    TimestepSpacing, distilled, karras, log_middle, make_schedule, steps_left, steps_run, whole_timesteps,
};
pub use step::Call;
