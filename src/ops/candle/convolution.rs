//! Convolution by candle.
//!
//! Trap: on a CPU a large convolution is done in bands of rows, so that the im2col matrix stays
//! small and a stop acts between bands.

use candle_core as candle;

use crate::ops::candle::Tensor;
use crate::ops::{Conv2dShape, Padding, Result, Weights};

/// Multiply-adds of one band of rows: about a tenth of a second on two slow cores.
const BAND_MULTIPLY_ADDS: usize = 3_000_000_000;

/// A convolution with its weights.
#[derive(Clone, Debug)]
pub struct Conv2d {
    shape: Conv2dShape,
    weight: Tensor,       // (out, in, kernel, kernel)
    bias: Option<Tensor>, // (1, out, 1, 1)
}

impl Conv2d {
    /// Reads `weight` (out, in, k, k) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        let conv = Self::without_bias(weights, shape)?;
        let bias = weights.get("bias", &[shape.out_channels])?;
        let bias = Tensor::from_f32(weights.device(), &[1, shape.out_channels, 1, 1], &bias.to_f32())?;
        Ok(Self { bias: Some(bias), ..conv })
    }

    /// Reads `weight` (out, in, k, k).
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn without_bias(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        let Conv2dShape { in_channels, out_channels, kernel, .. } = shape;
        let full = [out_channels, in_channels, kernel, kernel];
        let weight = Tensor::from_f32(weights.device(), &full, &weights.get("weight", &full)?.to_f32())?;
        Ok(Self { shape, weight, bias: None })
    }

    /// Its form.
    pub fn shape(&self) -> Conv2dShape {
        self.shape
    }

    /// The convolution of `x`, plus a residual and the numbers of each channel.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_fused(
        &self,
        x: &Tensor,
        residual: Option<&Tensor>,
        channels: Option<&Tensor>,
    ) -> Result<Tensor> {
        let [b, ..] = x.map_shape()?;
        let mut y = self.convolve(x)?;
        if let Some(bias) = &self.bias {
            y = y.wrap("a bias", y.inner.broadcast_add(&bias.inner))?;
        }
        if let Some(channels) = channels {
            let add =
                || y.inner.broadcast_add(&channels.inner.reshape((b, self.shape.out_channels, 1, 1))?);
            y = y.wrap("a time embedding", add())?;
        }
        match residual {
            Some(residual) => y.add(residual),
            None => Ok(y),
        }
    }

    /// The convolution of `x` enlarged to twice its size by nearest neighbours.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_upsampled(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_fused(&x.upsample_nearest()?, None, None)
    }

    fn convolve(&self, x: &Tensor) -> Result<Tensor> {
        x.device.check_stop()?;
        let [b, _, h, w] = x.map_shape()?;
        let Conv2dShape { in_channels, out_channels, kernel, stride, padding } = self.shape;
        let multiply_adds = b * h * w * in_channels * out_channels * kernel * kernel / (stride * stride);
        if let (Padding::Same(zeros), false) =
            (padding, x.device.is_stock_cpu() && multiply_adds > BAND_MULTIPLY_ADDS)
        {
            return x.wrap("a convolution", x.inner.conv2d(&self.weight.inner, zeros, stride, 1, 1));
        }
        let (before, after) = match padding {
            Padding::Same(zeros) => (zeros, zeros),
            Padding::RightBottom => (0, 1),
        };
        let padded = x
            .inner
            .pad_with_zeros(2, before, after)
            .and_then(|padded| padded.pad_with_zeros(3, before, after));
        let padded = x.device.explain("a padding", padded)?;
        let out_rows = (h + before + after - kernel) / stride + 1;
        let bands = if x.device.is_stock_cpu() { multiply_adds.div_ceil(BAND_MULTIPLY_ADDS) } else { 1 };
        self.convolve_bands(x, &padded, out_rows, out_rows.div_ceil(bands))
    }

    /// The convolution of an already padded map, `band` rows of the result at a time.
    fn convolve_bands(
        &self,
        x: &Tensor,
        padded: &candle::Tensor,
        out_rows: usize,
        band: usize,
    ) -> Result<Tensor> {
        let Conv2dShape { kernel, stride, .. } = self.shape;
        let mut parts = Vec::new();
        for start in (0..out_rows).step_by(band) {
            x.device.check_stop()?;
            let rows = band.min(out_rows - start);
            let part = padded
                .narrow(2, start * stride, (rows - 1) * stride + kernel)
                .and_then(|rows| rows.contiguous())
                .and_then(|rows| rows.conv2d(&self.weight.inner, 0, stride, 1, 1));
            parts.push(x.device.explain("a convolution", part)?);
        }
        x.wrap("a convolution", candle::Tensor::cat(&parts, 2))
    }
}
