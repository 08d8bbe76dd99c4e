//! `GroupNorm` and `LayerNorm`. Statistics are in f32 or wider, whatever the arithmetic around them.
//!
//! Trap: epsilon is 1e-5 in the UNet's ResBlocks and 1e-6 in `SpatialTransformer` and the first
//! stage, so it is always named.

use super::meter::Described;
use super::tensor::both;
use super::{Activation, Error, Result, Tensor, Weights};
use crate::ops::{candle, native};

/// Normalisation over groups of channels and all positions, with a gain and a bias a channel.
#[derive(Debug)]
pub enum GroupNorm {
    /// By our kernels.
    Fast(native::GroupNorm),
    /// By candle.
    Stock(candle::GroupNorm),
}

impl GroupNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing, or the channels do not split into `groups`.
    pub fn new(weights: &Weights, groups: usize, channels: usize, epsilon: f64) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::Shape(format!(
                "expected channels that split into {groups} groups, found {channels}; set norm_num_groups"
            )));
        }
        Ok(if weights.device().is_fast() {
            Self::Fast(native::GroupNorm::new(weights, groups, channels, epsilon)?)
        } else {
            Self::Stock(candle::GroupNorm::new(weights, groups, channels, epsilon)?)
        })
    }

    /// The normalised map, activated.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let apply = || both!(self, x, norm => norm.forward(x, activation));
        x.device().meter().measure(apply, |_| describe("group norm", x))
    }

    /// The same of a map that is not needed any more: its memory serves the result where nobody
    /// else has it.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward_owned(&self, x: Tensor, activation: Activation) -> Result<Tensor> {
        let device = x.device().clone();
        let apply = || match (self, x) {
            (Self::Fast(norm), Tensor::Fast(x)) => norm.forward_owned(x, activation).map(Tensor::Fast),
            (Self::Stock(norm), Tensor::Stock(x)) => norm.forward(&x, activation).map(Tensor::Stock),
            _ => Err(super::tensor::two_devices()),
        };
        device.meter().measure(apply, |y| describe("group norm", y))
    }
}

/// Normalisation over the last dimension, with a gain and a bias; epsilon 1e-5.
#[derive(Debug)]
pub enum LayerNorm {
    /// By our kernels.
    Fast(native::LayerNorm),
    /// By candle.
    Stock(candle::LayerNorm),
}

impl LayerNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, channels: usize) -> Result<Self> {
        Ok(if weights.device().is_fast() {
            Self::Fast(native::LayerNorm::new(weights, channels)?)
        } else {
            Self::Stock(candle::LayerNorm::new(weights, channels)?)
        })
    }

    /// The normalised tokens.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let apply = || both!(self, x, norm => norm.forward(x));
        x.device().meter().measure(apply, |_| describe("layer norm", x))
    }
}

/// Norms are bound by memory: they count as no operations.
fn describe(kind: &'static str, x: &Tensor) -> Described {
    Described { kind, shape: format!("{:?}", x.shape()), operations: 0.0 }
}
