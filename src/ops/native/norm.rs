//! Norms; sums are in f64 beyond a few dozen elements.

use crate::ops::backend::{NormOps, Source, TensorOps as _};
use crate::ops::cpu::{self, layer_norm};
use crate::ops::native::{Native, Tensor};
use crate::ops::{Activation, Moments, Result};

/// GroupNorm with its parameters.
#[derive(Debug)]
pub struct GroupNorm {
    groups: usize,
    epsilon: f32,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl GroupNorm {
    fn kernel(&self, activation: Activation) -> cpu::GroupNorm<'_> {
        cpu::GroupNorm {
            groups: self.groups,
            eps: self.epsilon,
            weight: &self.weight,
            bias: &self.bias,
            silu: activation == Activation::Silu,
        }
    }
}

/// LayerNorm with its parameters.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Native {
    /// Applies the activation unless the kernel did in its own pass, as it does SiLU.
    fn finish(&self, y: Tensor, activation: Activation) -> Result<Tensor> {
        match activation {
            Activation::Identity | Activation::Silu => Ok(y),
            Activation::QuickGelu | Activation::Gelu | Activation::Relu | Activation::LeakyRelu => {
                self.activate(&y, activation)
            }
        }
    }
}

impl NormOps for Native {
    type GroupNorm = GroupNorm;
    type LayerNorm = LayerNorm;

    fn pack_group_norm(
        &self,
        weight: Vec<f32>,
        bias: Vec<f32>,
        groups: usize,
        epsilon: f64,
    ) -> Result<GroupNorm> {
        Ok(GroupNorm { groups, epsilon: epsilon as f32, weight, bias })
    }

    fn group_norm(&self, norm: &GroupNorm, x: Source<'_, Tensor>, activation: Activation) -> Result<Tensor> {
        let [b, _, h, w] = x.first().map_shape()?;
        let y = self.make(&[b, norm.weight.len(), h, w], |y| {
            Ok(norm.kernel(activation).forward(&self.context, x.rows(), (b * h * w, b), y)?)
        })?;
        self.finish(y, activation)
    }

    fn group_norm_owned(&self, norm: &GroupNorm, mut x: Tensor, activation: Activation) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        match x.elements_alone() {
            Some(elements) => {
                let kernel = norm.kernel(activation);
                kernel.forward_in_place(&self.context, elements, c, (b * h * w, b))?;
                self.finish(x, activation)
            }
            None => self.group_norm(norm, Source::One(&x), activation),
        }
    }

    fn moments(&self, norm: &GroupNorm, x: &Tensor) -> Result<Vec<Moments>> {
        let [_, c, h, w] = x.map_shape()?;
        let count = (h * w * c / norm.groups) as f64;
        let found = norm.kernel(Activation::Identity).moments(&self.context, x.rows(), h * w)?;
        Ok(found.into_iter().map(|[mean, squares]| Moments { count, mean, squares }).collect())
    }

    fn group_norm_by(
        &self,
        norm: &GroupNorm,
        mut x: Tensor,
        moments: &[Moments],
        activation: Activation,
    ) -> Result<Tensor> {
        let known: Vec<[f64; 2]> = moments.iter().map(|known| [known.mean, known.variance()]).collect();
        let [_, c, h, _] = x.map_shape()?;
        if x.elements_alone().is_none() {
            x = self.stack(&[(&x, 0..h)], 2)?;
        }
        let elements = x.elements_alone().unwrap_or_default();
        norm.kernel(activation).forward_by(&self.context, elements, c, &known)?;
        self.finish(x, activation)
    }

    fn pack_layer_norm(&self, weight: Vec<f32>, bias: Vec<f32>) -> Result<LayerNorm> {
        Ok(LayerNorm { weight, bias })
    }

    fn layer_norm(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        self.make(x.shape(), |y| {
            Ok(layer_norm(&self.context, x.elements(), &norm.weight, &norm.bias, 1e-5, y)?)
        })
    }
}
