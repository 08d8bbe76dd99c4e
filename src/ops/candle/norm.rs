//! Norms by candle; statistics are in f32 whatever the arithmetic around them.

use candle_core as candle;

use crate::ops::candle::Tensor;
use crate::ops::candle::tensor::activate;
use crate::ops::{Activation, Dtype, Result, Weights};

/// Normalisation over groups of channels and all positions, with a gain and a bias a channel.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    groups: usize,
    epsilon: f64,
    weight: Tensor, // (1, c, 1, 1), f32
    bias: Tensor,   // (1, c, 1, 1), f32
}

impl GroupNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing.
    pub fn new(weights: &Weights, groups: usize, channels: usize, epsilon: f64) -> Result<Self> {
        let device = weights.device().with_dtype(Dtype::F32);
        let read =
            |name| Tensor::from_f32(&device, &[1, channels, 1, 1], &weights.get(name, &[channels])?.to_f32());
        Ok(Self { groups, epsilon, weight: read("weight")?, bias: read("bias")? })
    }

    /// The normalised map, activated.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        x.device.check_stop()?;
        let [b, c, h, w] = x.map_shape()?;
        let apply = || {
            let grouped =
                x.inner.to_dtype(candle::DType::F32)?.reshape((b, self.groups, c / self.groups * h * w))?;
            let centred = grouped.broadcast_sub(&grouped.mean_keepdim(2)?)?;
            let variance = centred.sqr()?.mean_keepdim(2)?; // (b, groups, 1)
            let normal = centred.broadcast_div(&(variance + self.epsilon)?.sqrt()?)?;
            let y = normal
                .reshape((b, c, h, w))?
                .broadcast_mul(&self.weight.inner)?
                .broadcast_add(&self.bias.inner)?;
            activate(&y, activation)?.to_dtype(x.inner.dtype())
        };
        x.wrap("a group norm", apply())
    }
}

/// Normalisation over the last dimension, with a gain and a bias; epsilon 1e-5.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, channels: usize) -> Result<Self> {
        let device = weights.device();
        let read = |name| Tensor::from_f32(device, &[channels], &weights.get(name, &[channels])?.to_f32());
        Ok(Self { weight: read("weight")?, bias: read("bias")? })
    }

    /// The normalised tokens.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.device.check_stop()?;
        x.wrap(
            "a layer norm",
            candle_nn::ops::layer_norm(&x.inner, &self.weight.inner, &self.bias.inner, 1e-5),
        )
    }
}
