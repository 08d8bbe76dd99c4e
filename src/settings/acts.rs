//! When settings act beside others: a scale of noise does nothing where there is no noise.

use crate::sampler::{Family, Sampler, SamplerKind, Space};

use super::{PartialSettings, PromptGrammar};

/// Of a setting that acts whatever the others are.
pub(super) fn always(_: &PartialSettings) -> bool {
    true
}

/// The sampler's row, where the sampler is known.
pub(super) fn row(settings: &PartialSettings) -> Option<&'static Sampler> {
    settings.sampler.map(SamplerKind::row)
}

pub(super) fn family(settings: &PartialSettings) -> Option<Family> {
    row(settings).map(|row| row.family)
}

/// Whether `temperature` scales noise of a rule.
pub(super) fn adds_noise_in_vp(row: &'static Sampler) -> bool {
    row.space == Space::Vp
}

/// Of a setting that acts where there is guidance.
pub(super) fn is_guided(settings: &PartialSettings) -> bool {
    let curved = settings.guidance_curve.as_ref().is_some_and(|curve| !curve.is_none());
    curved || settings.guidance.is_none_or(|guidance| guidance != 1.0)
}

/// Of a setting that acts where a prompt is more than its letters.
pub(super) fn reads_weights(settings: &PartialSettings) -> bool {
    settings.grammar != Some(PromptGrammar::Literal)
}
