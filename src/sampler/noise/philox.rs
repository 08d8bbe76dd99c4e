//! Philox4x32-10 as torch's CUDA generator runs it, one thread an element.
//!
//! Trap: real CUDA does so only while a draw has at most as many elements as the card keeps threads (2¹⁶ and
//! more: every latent of a v1 model). Beyond that a card's own results depend on the card; this code keeps
//! the rule, so that a seed is one picture on every machine. Numbers follow the form that circulates as `RNG:
//! NV` (f64 from f32 constants), which differs from a card in the last digits.

use serde::{Deserialize, Serialize};

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;
/// 2⁻³² as CUDA's header spells it.
const INVERSE_2_32: f32 = 2.328_306_4e-10;
/// 2π 2⁻³², of the two f32 constants of CUDA's header.
const INVERSE_2_32_TWO_PI: f32 = 2.328_306_4e-10 * 6.283_185_5;

/// The generator's state: its key, and how many calls came before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Philox {
    seed: u64,
    offset: u32,
}

impl Philox {
    pub(super) fn seeded(seed: u64) -> Self {
        Self { seed, offset: 0 }
    }

    pub(super) fn randn_into(&mut self, values: &mut [f32]) {
        self.call(values, |[x, y]| {
            let u = uniform(x, INVERSE_2_32);
            let v = uniform(y, INVERSE_2_32_TWO_PI);
            ((-2.0 * u.ln()).sqrt() * v.sin()) as f32
        });
    }

    /// Uniform in [0, 1): CUDA's own are in (0, 1], and torch turns 1 into 0.
    pub(super) fn rand_into(&mut self, values: &mut [f32]) {
        self.call(values, |[x, _]| {
            let u = uniform(x, INVERSE_2_32) as f32;
            if u >= 1.0 { 0.0 } else { u }
        });
    }

    pub(super) fn bernoulli(&mut self, p: f64, len: usize) -> Vec<bool> {
        let mut kept = vec![false; len];
        self.call(&mut kept, |[x, _]| uniform(x, INVERSE_2_32) < p);
        kept
    }

    /// One call of a generator function: each element has its own counter.
    fn call<T>(&mut self, values: &mut [T], make: impl Fn([u32; 2]) -> T) {
        if values.is_empty() {
            return;
        }
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        for (index, value) in values.iter_mut().enumerate() {
            let element = index as u64;
            let [x, y, _, _] = philox([self.offset, 0, element as u32, (element >> 32) as u32], key);
            *value = make([x, y]);
        }
        self.offset = self.offset.wrapping_add(1);
    }
}

/// A word as a number in (0, `scale` · 2³²].
fn uniform(word: u32, scale: f32) -> f64 {
    let scale = f64::from(scale);
    f64::from(word) * scale + scale / 2.0
}

/// Ten rounds of the cipher.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let a = u64::from(counter[0]) * u64::from(MULTIPLIERS[0]);
        let b = u64::from(counter[2]) * u64::from(MULTIPLIERS[1]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that come with the cipher's paper (Salmon et al. 2011, Random123).
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn uniform_numbers_stay_below_one() {
        assert!(uniform(u32::MAX, INVERSE_2_32) as f32 >= 1.0);
        let mut values = vec![0.0; 10_000];
        Philox::seeded(3).rand_into(&mut values);
        assert!(values.iter().all(|u| (0.0..1.0).contains(u)));
        let kept = Philox::seeded(3).bernoulli(0.25, 10_000);
        let expected: Vec<bool> = values.iter().map(|&u| u < 0.25).collect();
        assert_eq!(kept, expected);
    }
}
