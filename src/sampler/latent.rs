//! `Latent`: what the sampler works on. A plain value on the host, so that a run can be kept,
//! resumed and branched, and one seed gives one picture whatever the network runs on.
//!
//! Invariant: `values.len()` is the product of `shape`; arithmetic is f32, as the reference's.

use serde::{Deserialize, Serialize};

/// Latents of a batch, row-major (b, c, h, w).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latent {
    /// (b, c, h, w).
    pub shape: [usize; 4],
    /// Its elements, row-major.
    pub values: Vec<f32>,
}

impl Latent {
    /// A latent of these elements; `values.len()` is the product of `shape`.
    pub fn new(shape: [usize; 4], values: Vec<f32>) -> Self {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>());
        Self { shape, values }
    }

    /// Elements of the whole batch.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// f of each element.
    pub fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        Self { shape: self.shape, values: self.values.iter().map(|&value| f(value)).collect() }
    }

    /// f of each pair of elements of two latents of one shape.
    pub fn zip(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| f(a, b)).collect();
        Self { shape: self.shape, values }
    }

    /// Batches of one shape, one behind the other.
    pub fn joined<'l>(parts: impl IntoIterator<Item = &'l Self>) -> Self {
        let (mut shape, mut values) = ([0; 4], Vec::new());
        for part in parts {
            shape = [shape[0] + part.shape[0], part.shape[1], part.shape[2], part.shape[3]];
            values.extend_from_slice(&part.values);
        }
        Self::new(shape, values)
    }

    /// Part number `place` of the batch cut into `count` of one length.
    pub fn part(&self, place: usize, count: usize) -> Self {
        let [b, c, h, w] = self.shape;
        let size = self.len() / count.max(1);
        Self::new([b / count.max(1), c, h, w], self.values[place * size..][..size].to_vec())
    }

    /// Whether every element is finite.
    pub fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }
}
