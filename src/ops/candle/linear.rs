//! `Linear`: y = x·Wᵀ + b over the last dimension, with its activation or gate.

use crate::ops::candle::Tensor;
use crate::ops::candle::tensor::activate;
use crate::ops::{Activation, Result, Weights};

/// A linear layer with its weights.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor, // (in, out), transposed once
    bias: Option<Tensor>,
    out_features: usize,
}

impl Linear {
    /// Reads `weight` (out, in) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let weight = weights.get("weight", &[out_features, in_features])?;
        let bias = weights.get_f32("bias", &[out_features])?;
        Self::from_values(weights, [in_features, out_features], &weight.to_f32(), Some(&bias))
    }

    /// Reads `weight` (out, in); there is no bias.
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn without_bias(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let weight = weights.get("weight", &[out_features, in_features])?;
        Self::from_values(weights, [in_features, out_features], &weight.to_f32(), None)
    }

    /// A layer from numbers already read: `weight` (out, in) row-major; `features` are [in, out].
    ///
    /// # Errors
    /// If lengths do not fit.
    pub fn from_values(
        weights: &Weights,
        features: [usize; 2],
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Self> {
        let [in_features, out_features] = features;
        let device = weights.device();
        let rows = Tensor::from_f32(device, &[out_features, in_features], weight)?;
        let weight = rows.wrap("a transposition", rows.inner.t().and_then(|t| t.contiguous()))?;
        let bias = bias.map(|bias| Tensor::from_f32(device, &[out_features], bias)).transpose()?;
        Ok(Self { weight, bias, out_features })
    }

    /// x (…, in) → (…, out).
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_activated(x, Activation::Identity)
    }

    /// The same, plus a residual of the result's shape.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.forward(x)?.add(residual)
    }

    /// The same with an activation on the result.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward_activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        x.device.check_stop()?;
        let mut shape = x.shape().to_vec();
        let in_features = shape.pop().unwrap_or(0);
        let rows: usize = shape.iter().product();
        shape.push(self.out_features);
        let apply = || {
            let mut y = x.inner.reshape((rows, in_features))?.matmul(&self.weight.inner)?; // (rows, out)
            if let Some(bias) = &self.bias {
                y = y.broadcast_add(&bias.inner)?;
            }
            activate(&y, activation)?.reshape(shape)
        };
        x.wrap("a linear layer", apply())
    }

    /// GEGLU: the first half of the result times the exact GELU of the second.
    ///
    /// # Errors
    /// If the shapes do not fit, or stopped.
    pub fn forward_geglu(&self, x: &Tensor) -> Result<Tensor> {
        let both = self.forward(x)?; // (…, 2·inner)
        let last = both.shape().len() - 1;
        let inner = self.out_features / 2;
        let apply = || {
            let value = both.inner.narrow(last, 0, inner)?;
            let gate = both.inner.narrow(last, inner, inner)?.contiguous()?;
            value.contiguous()?.mul(&activate(&gate, Activation::Gelu)?)
        };
        x.wrap("a gate", apply())
    }
}
