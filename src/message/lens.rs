//! What the lens shows of a step: small maps, in eight bits, of where words and guidance act.

use std::sync::Arc;
use std::time::Duration;

use super::JobId;

/// A map over the latent, rows from the top, in 255 parts between its least and its largest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// The value of level 0.
    pub least: f32,
    /// The value of level 255.
    pub most: f32,
    /// One level for each position.
    pub levels: Arc<[u8]>,
}

impl Heat {
    /// The map of these values; what is not finite counts as the least.
    pub fn of(values: &[f32]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let least = finite().fold(f32::INFINITY, f32::min).min(f32::MAX);
        let most = finite().fold(least, f32::max);
        let span = (most - least).max(f32::MIN_POSITIVE);
        let level = |value: &f32| (255.0 * (value - least) / span).round() as u8;
        Self { least, most, levels: values.iter().map(level).collect() }
    }

    /// The values again, to half a level.
    pub fn values(&self) -> impl Iterator<Item = f32> + '_ {
        let part = (self.most - self.least) / 255.0;
        self.levels.iter().map(move |level| self.least + part * f32::from(*level))
    }
}

/// Where one word of the prompt acts.
#[derive(Clone, Debug, PartialEq)]
pub struct WordHeat {
    /// The word as it stands in the prompt.
    pub word: String,
    /// Cross-attention's probability of its tokens.
    pub heat: Heat,
}

/// Where the words of the prompt and guidance act in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepHeat {
    /// The job whose step it is.
    pub job: JobId,
    /// The step, from 0.
    pub step: usize,
    /// Width and height of the maps: the latent's.
    pub size: [usize; 2],
    /// The prompt's words, in their order; those that were dropped are not there.
    pub words: Vec<WordHeat>,
    /// |e_cond − e_uncond|, the mean over channels; none where the step had no guidance.
    pub guidance: Option<Heat>,
    /// What the maps cost beside the step; of a step looked at later, the whole call.
    pub took: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_to_half_a_level() {
        let values: Vec<f32> = (0..400).map(|i| 0.2 + (i as f32 * 0.37).sin()).collect();
        let heat = Heat::of(&values);
        let half = (heat.most - heat.least) / 510.0;
        assert!(heat.values().zip(&values).all(|(found, value)| (found - value).abs() <= half * 1.001));
        let flat = Heat::of(&[3.0; 4]);
        assert!(flat.values().all(|value| value == 3.0));
        assert_eq!(&*Heat::of(&[f32::NAN, 1.0, 2.0]).levels, [0, 0, 255]);
        assert!(Heat::of(&[]).levels.is_empty());
    }
}
