//! `Lens`: what a step's calls of the UNet show of where words and guidance act, while somebody looks.
//!
//! Invariant: off it costs one look at a flag a call, and a step's numbers are the same whether it is on or off.

mod look;
mod report;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::model::AttentionMaps;
use crate::ops::Result;
use crate::sampler::Latent;

pub(in crate::engine) use look::Looks;
pub use report::{of_words, step_heat};

/// Gathers what is seen of a step; shared by a run and whoever shows it.
#[derive(Debug, Default)]
pub struct Lens {
    on: Cell<bool>,
    seen: RefCell<Seen>,
}

/// What was seen, the mean over the calls of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Height and width of the maps: the latent's.
    pub size: [usize; 2],
    /// A map for each token of the prompt's context (m, h, w): the probability that a position looks at it. Empty for a
    /// model without texts.
    pub tokens: Vec<f32>,
    /// |e_cond − e_uncond| (h, w), the mean over channels; empty where no call was guided.
    pub guidance: Vec<f32>,
    /// What it cost.
    pub took: Duration,
    calls: usize,
    guided: usize,
}

impl Lens {
    /// A lens that is on.
    pub fn on() -> Self {
        let lens = Self::default();
        lens.turn(true);
        lens
    }

    /// Whether calls are watched.
    pub fn is_on(&self) -> bool {
        self.on.get()
    }

    /// Turns it on or off from the next call on.
    pub fn turn(&self, on: bool) {
        self.on.set(on);
        if !on {
            self.seen.take();
        }
    }

    /// Who watches a call, whose conditional half is item `item` of the batch.
    pub(in crate::engine) fn watch(&self, item: usize) -> Option<AttentionMaps> {
        self.is_on().then(|| AttentionMaps::of_item(item))
    }

    /// Takes in what was watched of one call on a latent of `shape`.
    pub(in crate::engine) fn add(&self, maps: &AttentionMaps, shape: [usize; 4]) -> Result<()> {
        let size = [shape[2], shape[3]];
        let tokens = maps.of_tokens(size)?;
        let mut seen = self.seen.borrow_mut();
        seen.size = size;
        seen.calls += 1;
        add_to(&mut seen.tokens, &tokens);
        seen.took += maps.took();
        Ok(())
    }

    /// Takes in the two predictions of a guided call: those of the first item of the batch.
    pub(in crate::engine) fn add_guidance(&self, e_uncond: &Latent, e_cond: &Latent) {
        if !self.is_on() {
            return;
        }
        let began = Instant::now();
        let [_, c, h, w] = e_cond.shape;
        let mut delta = vec![0.0; h * w];
        let one = c * h * w;
        for (cond, uncond) in e_cond.values[..one].chunks(h * w).zip(e_uncond.values[..one].chunks(h * w)) {
            let differences = cond.iter().zip(uncond).map(|(cond, uncond)| (cond - uncond).abs() / c as f32);
            delta.iter_mut().zip(differences).for_each(|(sum, difference)| *sum += difference);
        }
        let mut seen = self.seen.borrow_mut();
        seen.guided += 1;
        add_to(&mut seen.guidance, &delta);
        seen.took += began.elapsed();
    }

    /// What was seen since it was asked last, if anything.
    pub fn take(&self) -> Option<Seen> {
        let mut seen = self.seen.take();
        let mean = |values: &mut [f32], count: usize| {
            values.iter_mut().for_each(|value| *value /= count.max(1) as f32)
        };
        mean(&mut seen.tokens, seen.calls);
        mean(&mut seen.guidance, seen.guided);
        (seen.calls > 0).then_some(seen)
    }
}

/// Adds to a sum that may be empty yet.
fn add_to(sum: &mut Vec<f32>, values: &[f32]) {
    sum.resize(values.len(), 0.0);
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guidance_is_the_mean_over_channels_and_calls_of_the_first_item() {
        let latent = |values: &[f32]| Latent::new([1, 2, 1, 2], values.to_vec());
        let lens = Lens::default();
        lens.add_guidance(&latent(&[0.0; 4]), &latent(&[1.0; 4]));
        assert_eq!(lens.take(), None, "off");
        lens.turn(true);
        lens.add_guidance(&latent(&[1.0, 1.0, 0.0, 0.0]), &latent(&[2.0, 0.0, 3.0, 0.0]));
        lens.add_guidance(&latent(&[0.0; 4]), &latent(&[0.0, 0.0, 4.0, 0.0]));
        lens.add(&AttentionMaps::of_item(0), [1, 2, 1, 2]).unwrap();
        let seen = lens.take().unwrap();
        assert_eq!((seen.size, seen.guidance), ([1, 2], vec![2.0, 0.25]));
        assert!(seen.tokens.is_empty());
        assert_eq!(lens.take(), None);
    }
}
