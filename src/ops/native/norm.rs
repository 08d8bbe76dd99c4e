//! Norms by our kernels. Sums are in f64 beyond a few dozen numbers.

use crate::ops::cpu;
use crate::ops::cpu::layer_norm;
use crate::ops::native::Tensor;
use crate::ops::{Activation, Error, Result, Weights};

/// GroupNorm with its parameters.
#[derive(Debug)]
pub struct GroupNorm {
    groups: usize,
    epsilon: f32,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl GroupNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing.
    pub fn new(weights: &Weights, groups: usize, channels: usize, epsilon: f64) -> Result<Self> {
        Ok(Self {
            groups,
            epsilon: epsilon as f32,
            weight: weights.get_f32("weight", &[channels])?,
            bias: weights.get_f32("bias", &[channels])?,
        })
    }

    /// The normalised map, activated; SiLU goes in the same pass.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        if c != self.weight.len() || b * h * w == 0 {
            return Err(Error::Shape(format!(
                "a norm of {} channels cannot take {:?}",
                self.weight.len(),
                x.shape()
            )));
        }
        let norm = self.kernel(activation);
        let y = Tensor::make(x.device(), x.shape(), |context, y| {
            Ok(norm.forward(context, x.source(), (b * h * w, b), y)?)
        })?;
        Self::finish(y, activation)
    }

    /// The same in x's own memory if nobody else has it.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward_owned(&self, mut x: Tensor, activation: Activation) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        let device = x.device().clone();
        let fits = c == self.weight.len() && b * h * w > 0;
        match x.numbers_alone() {
            Some(numbers) if fits => {
                let norm = self.kernel(activation);
                norm.forward_in_place(device.fast()?, numbers, c, (b * h * w, b))?;
                Self::finish(x, activation)
            }
            _ => self.forward(&x, activation),
        }
    }

    fn kernel(&self, activation: Activation) -> cpu::GroupNorm<'_> {
        cpu::GroupNorm {
            groups: self.groups,
            eps: self.epsilon,
            weight: &self.weight,
            bias: &self.bias,
            silu: activation == Activation::Silu,
        }
    }

    /// What the kernel did not activate in the same pass.
    fn finish(y: Tensor, activation: Activation) -> Result<Tensor> {
        match activation {
            Activation::Identity | Activation::Silu => Ok(y),
            Activation::QuickGelu | Activation::Gelu | Activation::Relu => y.activate(activation),
        }
    }
}

/// LayerNorm with its parameters.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl LayerNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing.
    pub fn new(weights: &Weights, channels: usize) -> Result<Self> {
        Ok(Self {
            weight: weights.get_f32("weight", &[channels])?,
            bias: weights.get_f32("bias", &[channels])?,
        })
    }

    /// The normalised tokens; epsilon is 1e-5.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.token_shape()?;
        if x.channels() != self.weight.len() {
            return Err(Error::Shape(format!(
                "a norm of {} channels cannot take {:?}",
                self.weight.len(),
                x.shape()
            )));
        }
        Tensor::make(x.device(), x.shape(), |context, y| {
            Ok(layer_norm(context, x.numbers()?, &self.weight, &self.bias, 1e-5, y)?)
        })
    }
}
