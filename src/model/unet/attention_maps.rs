//! `AttentionMaps`: where the conditional half of a call looks at each token of its context, after DAAM (Tang et al.
//! 2022, "What the DAAM").
//!
//! Probabilities are summed over heads and layers of one size, brought to the latent's size (bicubic with a = -0.75,
//! as torch does), cut off at 0 and divided by the number of layers. Traps: DAAM cuts off each layer and head by
//! itself, this after their sum, which is one enlargement a size instead of one a head; like there, maps eight times
//! coarser than the latent are left out where there are finer ones.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ops::{Error, Result};
use crate::resize::resize_bicubic;

/// Maps so many times coarser than the latent are left out.
const COARSEST: usize = 8;

/// Gathers the probabilities of one item of the batch during one call of the UNet.
#[derive(Debug, Default)]
pub struct AttentionMaps {
    /// The item of the batch that is watched.
    item: usize,
    sizes: RefCell<BTreeMap<[usize; 2], Summed>>,
    took: Cell<Duration>,
}

/// The layers of one size.
#[derive(Debug, Default)]
struct Summed {
    layers: usize,
    /// (h·w, m), row-major.
    values: Vec<f32>,
}

impl AttentionMaps {
    /// Watches one item of the batch; of a doubled one the conditional half comes second.
    pub fn of_item(item: usize) -> Self {
        Self { item, ..Self::default() }
    }

    /// The item that is watched.
    pub(super) fn item(&self) -> usize {
        self.item
    }

    /// Does what only the maps need, and counts its time.
    pub(super) fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.took.set(self.took.get() + began.elapsed());
        done
    }

    /// Adds a layer's probabilities (h·w, m) for a map of `size` (h, w).
    pub(super) fn add(&self, size: [usize; 2], probabilities: &[f32]) {
        let mut sizes = self.sizes.borrow_mut();
        let summed = sizes.entry(size).or_default();
        summed.layers += 1;
        summed.values.resize(probabilities.len(), 0.0);
        summed.values.iter_mut().zip(probabilities).for_each(|(sum, p)| *sum += p);
    }

    /// Time that the maps have cost so far: reading queries back, softmax and sums. On a card waiting for the queries
    /// counts.
    pub fn took(&self) -> Duration {
        self.took.get()
    }

    /// A map (h, w) for each token: (m, h, w), row-major; empty where nothing looks at a context.
    ///
    /// # Errors
    /// If layers of one size looked at contexts of different lengths.
    pub fn of_tokens(&self, latent: [usize; 2]) -> Result<Vec<f32>> {
        self.timed(|| enlarged(&self.sizes.borrow(), latent))
    }
}

/// The mean of all layers that count, at the latent's size.
fn enlarged(sizes: &BTreeMap<[usize; 2], Summed>, latent: [usize; 2]) -> Result<Vec<f32>> {
    let coarse = |[h, _]: [usize; 2]| h <= latent[0].div_ceil(COARSEST) && h < latent[0];
    let all_coarse = sizes.keys().all(|size| coarse(*size));
    let counting: Vec<_> = sizes.iter().filter(|(size, _)| all_coarse || !coarse(**size)).collect();
    let layers: usize = counting.iter().map(|(_, summed)| summed.layers).sum();
    let mut maps: Vec<f32> = Vec::new();
    for (&[h, w], summed) in counting {
        let tokens = summed.values.len() / (h * w).max(1);
        let wanted = tokens * latent[0] * latent[1];
        if !maps.is_empty() && maps.len() != wanted {
            return Err(Error::Shape("cross-attention to contexts of different lengths".to_owned()));
        }
        maps.resize(wanted, 0.0);
        for token in 0..tokens {
            let map: Vec<f32> = summed.values.iter().skip(token).step_by(tokens).copied().collect();
            let place = &mut maps[token * latent[0] * latent[1]..(token + 1) * latent[0] * latent[1]];
            let large = resize_bicubic(&map, [h, w], latent);
            place.iter_mut().zip(large).for_each(|(sum, value)| *sum += value.max(0.0) / layers as f32);
        }
    }
    Ok(maps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_layers_are_left_out_and_the_others_are_averaged() {
        let maps = AttentionMaps::of_item(1);
        // Two tokens: the first everywhere, the second nowhere, and the other way round.
        let probabilities = |n: usize, p: f32| (0..n).flat_map(|_| [p, 1.0 - p]).collect::<Vec<f32>>();
        maps.add([8, 8], &probabilities(64, 1.0));
        maps.add([8, 8], &probabilities(64, 0.5));
        maps.add([4, 4], &probabilities(16, 0.0));
        maps.add([1, 1], &probabilities(1, 0.25));
        let found = maps.of_tokens([8, 8]).unwrap();
        assert_eq!(found.len(), 2 * 64);
        assert!(found[..64].iter().all(|p| (p - 0.5).abs() < 1e-6));
        assert!(found[64..].iter().all(|p| (p - 0.5).abs() < 1e-6));
        let alone = AttentionMaps::of_item(0);
        alone.add([1, 1], &probabilities(1, 0.25));
        assert!(alone.of_tokens([8, 8]).unwrap()[..64].iter().all(|p| (p - 0.25).abs() < 1e-6));
        assert!(AttentionMaps::of_item(0).of_tokens([8, 8]).unwrap().is_empty());
    }
}
