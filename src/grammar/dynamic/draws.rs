//! `Draws`: the numbers that choose, from a run's seed (SplitMix64).
//!
//! Trap: pictures repeat only while these numbers stay what they are.

/// A stream of numbers.
pub(super) struct Draws(u64);

impl Draws {
    /// The stream of a seed; `stream` tells texts of one run apart.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut draws = Self(seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
        draws.bits();
        draws
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but not, 1.
    fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of some by their weights; the last where none weighs anything.
    pub fn pick(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let all: f64 = weights.clone().sum();
        let mut left = self.share() * all;
        let (mut last, mut count) = (None, 0);
        for (at, weight) in weights.enumerate() {
            count = at + 1;
            if weight > 0.0 {
                if left < weight {
                    return at;
                }
                (left, last) = (left - weight, Some(at));
            }
        }
        last.unwrap_or(count.max(1) - 1)
    }

    /// A whole number of a range, both ends included.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + (self.share() * (most.saturating_sub(least) + 1) as f64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_what_they_are() {
        let mut draws = Draws::new(42, 1);
        let picked: Vec<usize> = (0..16).map(|_| draws.pick([1.0; 10].into_iter())).collect();
        assert_eq!(picked, PICKED);
    }

    const PICKED: [usize; 16] = [2, 2, 0, 6, 2, 4, 2, 0, 6, 6, 4, 9, 6, 1, 4, 3];

    #[test]
    fn choices_follow_their_weights() {
        let mut draws = Draws::new(7, 0);
        let mut counts = [0; 4];
        (0..4000).for_each(|_| counts[draws.pick([0.0, 1.0, 3.0, 0.0].into_iter())] += 1);
        assert_eq!((counts[0], counts[3]), (0, 0));
        assert!((900..1100).contains(&counts[1]), "{counts:?}");
        let numbers: Vec<usize> = (0..200).map(|_| draws.between(2, 4)).collect();
        assert!(
            (2..=4).all(|number| numbers.contains(&number)) && numbers.iter().all(|n| (2..=4).contains(n))
        );
        assert_eq!(draws.pick([0.0, 0.0].into_iter()), 1);
        assert_eq!((draws.pick(std::iter::empty()), draws.between(3, 3)), (0, 3));
    }
}
