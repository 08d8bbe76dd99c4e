//! `MadeUpLora`: a LoRA of random numbers over a model's attention, to measure what one costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use half::f16;

use crate::model::LatentDiffusion;
use crate::ops::host::{HostData, HostTensor};
use crate::ops::{Change, LowRank};
use crate::sampler::RngKind;
use crate::sampler::noise::Noise;

/// Parts of the paths of layers that LoRAs usually change: attention, feed-forward and projections.
const USUAL: [&str; 6] = [".attn1.", ".attn2.", ".ff.", ".proj_", ".self_attn.", ".mlp."];

/// A LoRA of one rank.
pub struct MadeUpLora {
    products: BTreeMap<String, Arc<LowRank>>,
}

impl MadeUpLora {
    /// Over the layers of a model that LoRAs usually change.
    pub fn new(model: &LatentDiffusion, rank: usize) -> Self {
        let mut noise = Noise::seeded(RngKind::Cpu, 0);
        let mut drawn = |shape: Vec<usize>, size: f32| {
            let values = noise.randn(shape.iter().product());
            let data = HostData::F16(values.into_iter().map(|value| f16::from_f32(size * value)).collect());
            HostTensor { shape, data }
        };
        let usual =
            model.layers().into_iter().filter(|(path, _)| USUAL.iter().any(|part| path.contains(part)));
        let product = |(path, shape): (String, Vec<usize>)| {
            let down = drawn([&[rank], &shape[1..]].concat(), 0.02);
            (path, Arc::new(LowRank { down, up: drawn(vec![shape[0], rank], 0.02) }))
        };
        Self { products: usual.map(product).collect() }
    }

    /// Lays it over the model in a strength.
    pub fn lay_over(&self, model: &LatentDiffusion, strength: f32) {
        let change = |product: &Arc<LowRank>| Change {
            low_rank: vec![(product.clone(), strength)],
            rewrites: Vec::new(),
        };
        model.adapt(self.products.iter().map(|(path, product)| (path.clone(), change(product))).collect());
    }
}
