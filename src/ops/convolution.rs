//! `Conv2d`: two-dimensional convolution, with what follows it folded in.

use super::meter::Described;
use super::tensor::both;
use super::{Result, Tensor, Weights};
use crate::ops::{candle, native};

/// Zeros around the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// So many on each side.
    Same(usize),
    /// One on the right and at the bottom only: the first stage encoder's downsampling.
    RightBottom,
}

/// The form of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dShape {
    /// Channels in.
    pub in_channels: usize,
    /// Channels out.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros around the map.
    pub padding: Padding,
}

impl Conv2dShape {
    /// 3×3, stride 1, one zero on each side.
    pub fn three(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, kernel: 3, stride: 1, padding: Padding::Same(1) }
    }

    /// 1×1.
    pub fn one(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, kernel: 1, stride: 1, padding: Padding::Same(0) }
    }

    /// 3×3, stride 2, with these zeros.
    pub fn strided(in_channels: usize, out_channels: usize, padding: Padding) -> Self {
        Self { in_channels, out_channels, kernel: 3, stride: 2, padding }
    }
}

/// What is added to a convolution's result in the same pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fused<'a> {
    /// A map of the result's shape.
    pub residual: Option<&'a Tensor>,
    /// One number a channel, (b, c): the time embedding.
    pub channels: Option<&'a Tensor>,
}

/// A convolution with its weights.
#[derive(Debug)]
pub enum Conv2d {
    /// By our kernels.
    Fast(native::Conv2d),
    /// By candle.
    Stock(candle::Conv2d),
}

impl Conv2d {
    /// Reads `weight` (out, in, k, k) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        Ok(if weights.device().is_fast() {
            Self::Fast(native::Conv2d::new(weights, shape)?)
        } else {
            Self::Stock(candle::Conv2d::new(weights, shape)?)
        })
    }

    /// Reads `weight` (out, in, k, k); there is no bias.
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn without_bias(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        Ok(if weights.device().is_fast() {
            Self::Fast(native::Conv2d::without_bias(weights, shape)?)
        } else {
            Self::Stock(candle::Conv2d::without_bias(weights, shape)?)
        })
    }

    /// The convolution of `x` (b, in, h, w).
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_fused(x, Fused::default())
    }

    /// The convolution of `x`, plus what `fused` names.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_fused(&self, x: &Tensor, fused: Fused<'_>) -> Result<Tensor> {
        let Fused { residual, channels } = fused;
        let convolve = || {
            both!(self, x, conv => {
                let residual = residual.map(Tensor::as_ref).transpose()?;
                conv.forward_fused(x, residual, channels.map(Tensor::as_ref).transpose()?)
            })
        };
        x.device().meter().measure(convolve, |y| self.describe(x, y))
    }

    /// The convolution of `x` enlarged to twice its size by nearest neighbours.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_upsampled(&self, x: &Tensor) -> Result<Tensor> {
        let convolve = || both!(self, x, conv => conv.forward_upsampled(x));
        x.device().meter().measure(convolve, |y| self.describe(x, y))
    }

    fn describe(&self, x: &Tensor, y: &Tensor) -> Described {
        let Conv2dShape { in_channels, out_channels, kernel, stride, .. } = match self {
            Self::Fast(conv) => conv.shape(),
            Self::Stock(conv) => conv.shape(),
        };
        let enlarged = y.shape()[2..] > x.shape()[2..];
        let kind = match (kernel, stride, enlarged) {
            (1, ..) => "convolution 1×1",
            (_, _, true) => "enlarged convolution 3×3",
            (_, 1, _) => "convolution 3×3",
            _ => "convolution 3×3, stride 2",
        };
        let (pixels, taps) = (y.shape().iter().product::<usize>() / out_channels.max(1), kernel * kernel);
        Described {
            kind,
            shape: format!(
                "{in_channels} → {out_channels} @ {}×{}, batch {}",
                y.shape()[3],
                y.shape()[2],
                y.shape()[0]
            ),
            operations: 2.0 * (pixels * out_channels) as f64 * (in_channels * taps) as f64,
        }
    }
}
