//! The update rules: one file a rule, each a function `step`.
//!
//! A rule takes x at one noise level to x at the next. Through [`Step`] it asks the model, as often
//! as its formula needs, reads the schedule's levels and draws noise. Invariant: a rule keeps
//! nothing of its own. What a multi-step rule needs of former steps lies in [`History`], so a run
//! can be saved after any step.

mod ancestral;
mod ddim;
mod ddpm;
mod dpm_2;
mod dpm_2_ancestral;
mod dpmpp_2m;
mod dpmpp_2m_sde;
mod dpmpp_2s_ancestral;
mod dpmpp_3m_sde;
mod dpmpp_sde;
mod euler;
mod euler_ancestral;
mod heun;
mod lcm;
mod lms;
mod plms;
mod tcd;
mod uni_pc;

use super::step::{Step, Stepped};
use super::{Denoiser, History, Latent, SamplerKind};

/// One step from `x` by the rule of `sampler`.
pub(super) fn step<D: Denoiser>(
    sampler: SamplerKind,
    step: &mut Step<'_, D>,
    x: &Latent,
    history: &mut History,
) -> Result<Stepped, D::Error> {
    match sampler {
        SamplerKind::Ddim => ddim::step(step, x),
        SamplerKind::Plms => plms::step(step, x, history),
        SamplerKind::Euler => euler::step(step, x),
        SamplerKind::EulerAncestral => euler_ancestral::step(step, x),
        SamplerKind::Heun => heun::step(step, x),
        SamplerKind::Dpm2 => dpm_2::step(step, x),
        SamplerKind::Dpm2Ancestral => dpm_2_ancestral::step(step, x),
        SamplerKind::Lms => lms::step(step, x, history),
        SamplerKind::DpmPp2sAncestral => dpmpp_2s_ancestral::step(step, x),
        SamplerKind::DpmPpSde => dpmpp_sde::step(step, x),
        SamplerKind::DpmPp2m => dpmpp_2m::step(step, x, history),
        SamplerKind::DpmPp2mSde => dpmpp_2m_sde::step(step, x, history, dpmpp_2m_sde::Solver::Midpoint),
        SamplerKind::DpmPp2mSdeHeun => dpmpp_2m_sde::step(step, x, history, dpmpp_2m_sde::Solver::Heun),
        SamplerKind::DpmPp3mSde => dpmpp_3m_sde::step(step, x, history),
        SamplerKind::UniPc => uni_pc::step(step, x, history),
        SamplerKind::Lcm => lcm::step(step, x),
        SamplerKind::Tcd => tcd::step(step, x),
        SamplerKind::Ddpm => ddpm::step(step, x),
    }
}
