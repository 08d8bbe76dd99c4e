//! `Linear` and `Geglu`: y = x·Wᵀ + b over the last dimension, with its activation or gate.

use super::meter::Described;
use super::tensor::both;
use super::{Activation, Result, Tensor, Weights};
use crate::ops::{candle, native};

/// A linear layer with its weights.
#[derive(Debug)]
pub enum Linear {
    /// By our kernels.
    Fast(native::Linear),
    /// By candle.
    Stock(candle::Linear),
}

impl Linear {
    /// Reads `weight` (out, in) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        Ok(if weights.device().is_fast() {
            Self::Fast(native::Linear::new(weights, in_features, out_features)?)
        } else {
            Self::Stock(candle::Linear::new(weights, in_features, out_features)?)
        })
    }

    /// Reads `weight` (out, in); there is no bias.
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn without_bias(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        Ok(if weights.device().is_fast() {
            Self::Fast(native::Linear::without_bias(weights, in_features, out_features)?)
        } else {
            Self::Stock(candle::Linear::without_bias(weights, in_features, out_features)?)
        })
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
        Ok(if weights.device().is_fast() {
            Self::Fast(native::Linear::from_values(weights, features, weight, bias)?)
        } else {
            Self::Stock(candle::Linear::from_values(weights, features, weight, bias)?)
        })
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
        let apply = || both!(self, x, linear => linear.forward_residual(x, residual.as_ref()?));
        x.device().meter().measure(apply, |y| describe("linear", x, y, 1))
    }

    /// The same with an activation on the result.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward_activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let apply = || both!(self, x, linear => linear.forward_activated(x, activation));
        x.device().meter().measure(apply, |y| describe("linear", x, y, 1))
    }
}

/// A linear layer whose first half of the result is multiplied by the exact GELU of the second.
#[derive(Debug)]
pub enum Geglu {
    /// By our kernels.
    Fast(native::Geglu),
    /// By candle.
    Stock(candle::Linear),
}

impl Geglu {
    /// Reads `weight` (2·out, in) and `bias` (2·out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        Ok(if weights.device().is_fast() {
            Self::Fast(native::Geglu::new(weights, in_features, out_features)?)
        } else {
            Self::Stock(candle::Linear::new(weights, in_features, 2 * out_features)?)
        })
    }

    /// x (…, in) → (…, out).
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let apply = || both!(self, x, geglu => geglu.forward_geglu(x));
        x.device().meter().measure(apply, |y| describe("linear with gate", x, y, 2))
    }
}

/// `parts` results of y's size were computed from x.
fn describe(kind: &'static str, x: &Tensor, y: &Tensor, parts: usize) -> Described {
    let last = |tensor: &Tensor| tensor.shape().last().copied().unwrap_or(1);
    let numbers: usize = y.shape().iter().product();
    let rows = numbers / last(y).max(1);
    Described {
        kind,
        shape: format!("{rows} × {} → {}", last(x), parts * last(y)),
        operations: 2.0 * (parts * numbers) as f64 * last(x) as f64,
    }
}
