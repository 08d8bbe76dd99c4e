//! `Weighting`: how the weights of a text's pieces act on what an encoder made of it (mirrors `sd_emphasis.py` of
//! A1111, and compel's `embeddings_provider.py`).
//!
//! Trap: A1111's mean is one number over all texts that a schedule has together, not one for each.

/// The formula of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emphasis {
    /// z·w, brought back to its mean (A1111's "Original").
    #[default]
    Mean,
    /// z·w (A1111's "No norm").
    Plain,
    /// From the empty text's z to this one and beyond; weights below 1 mix in the text without its piece (compel, with
    /// pieces removed).
    FromEmpty,
}

/// How texts are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighting {
    /// The formula.
    pub emphasis: Emphasis,
    /// The layer of CLIP that is taken, from the end: 1 is the last. Stable Diffusion 2 has one of its own.
    pub clip_skip: usize,
}

impl Default for Weighting {
    fn default() -> Self {
        Self { emphasis: Emphasis::default(), clip_skip: 1 }
    }
}

/// The texts of one chunk: their states (n·c each), a weight for each of the n places, and how often each text stands
/// in its schedule.
pub(super) struct ChunkOfTexts<'a> {
    pub states: Vec<&'a mut [f32]>,
    pub weights: Vec<Vec<f32>>,
    pub times: &'a [usize],
}

impl ChunkOfTexts<'_> {
    /// Multiplies each place by its weight.
    pub fn multiply(&mut self) {
        for (states, weights) in self.states.iter_mut().zip(&self.weights) {
            let channels = states.len() / weights.len().max(1);
            for (place, weight) in states.chunks_exact_mut(channels.max(1)).zip(weights) {
                place.iter_mut().for_each(|value| *value *= weight);
            }
        }
    }

    /// The same, brought back to the mean of all.
    pub fn multiply_to_mean(&mut self) {
        let before = self.mean();
        self.multiply();
        let factor = (before / self.mean()) as f32;
        if factor.is_finite() {
            let all = self.states.iter_mut().flat_map(|states| states.iter_mut());
            all.for_each(|value| *value *= factor);
        }
    }

    fn mean(&self) -> f64 {
        let sums =
            self.states.iter().zip(self.times).map(|(states, times)| {
                states.iter().map(|value| f64::from(*value)).sum::<f64>() * *times as f64
            });
        let count: usize =
            self.states.iter().zip(self.times).map(|(states, times)| states.len() * times).sum();
        sums.sum::<f64>() / count.max(1) as f64
    }

    /// Moves each place away from the empty text's, by its weight.
    pub fn move_from(&mut self, empty: &[f32]) {
        for (states, weights) in self.states.iter_mut().zip(&self.weights) {
            let channels = states.len() / weights.len().max(1);
            let places = states.chunks_exact_mut(channels.max(1)).zip(empty.chunks_exact(channels.max(1)));
            for ((place, empty), weight) in places.zip(weights) {
                place
                    .iter_mut()
                    .zip(empty)
                    .for_each(|(value, empty)| *value = empty + (*value - empty) * weight);
            }
        }
    }
}

/// compel's share of the text without a piece of weight `weight`, beside 1 for the whole text.
pub(super) fn share_without(weight: f32) -> f32 {
    /// Less would be infinite.
    const LEAST: f64 = 1e-5;
    ((1.0 - f64::from(weight).max(LEAST)) * std::f64::consts::FRAC_PI_2).tan() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_kept_over_all_texts() {
        let (mut a, mut b) = (vec![1.0, 3.0], vec![2.0, 2.0]);
        let mut chunk = ChunkOfTexts {
            states: vec![&mut a, &mut b],
            weights: vec![vec![1.0, 2.0], vec![1.0, 1.0]],
            times: &[1, 3],
        };
        chunk.multiply_to_mean();
        // 16 of 8 numbers before, 19 after.
        let factor = 16.0 / 19.0;
        for (found, expected) in a.iter().chain(&b).zip([1.0, 6.0, 2.0, 2.0]) {
            assert!((found - expected * factor).abs() < 1e-6, "{a:?} {b:?}");
        }
        assert!((share_without(0.5) - 1.0).abs() < 1e-6 && share_without(0.0) > 1e4);
    }
}
