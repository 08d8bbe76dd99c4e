//! The update rules: one file a rule, each a function `step`.
//!
//! A rule takes x at one noise level to x at the next. Through [`Step`] it asks the model, as often
//! as its formula needs, reads the schedule's coefficients and draws noise. Invariant: a rule keeps
//! nothing of its own. What a multi-step rule needs of former steps lies in [`History`], so a run
//! can be saved after any step.

mod ddim;
mod plms;

use super::step::{History, Step, Stepped};
use super::{Denoiser, Latent, SamplerKind};

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
    }
}
