//! `Conv2d`: two-dimensional convolution, with what follows it folded in.
//!
//! Trap: on a CPU a large convolution is done in bands of rows, so that the im2col matrix stays
//! small and a stop acts between bands.

use candle_core as candle;

use super::{Result, Tensor, Weights};

/// Multiply-adds of one band of rows: about a tenth of a second on two slow cores.
const BAND_MULTIPLY_ADDS: usize = 3_000_000_000;

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
        let Conv2dShape { in_channels, out_channels, kernel, .. } = shape;
        let full = [out_channels, in_channels, kernel, kernel];
        let weight = Tensor::from_f32(weights.device(), &full, &weights.get("weight", &full)?.to_f32())?;
        let bias = weights.get("bias", &[out_channels])?;
        let bias = Tensor::from_f32(weights.device(), &[1, out_channels, 1, 1], &bias.to_f32())?;
        Ok(Self { shape, weight, bias: Some(bias) })
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
        let [b, ..] = x.map_shape()?;
        let mut y = self.convolve(x)?;
        if let Some(bias) = &self.bias {
            y = y.wrap("a bias", y.inner.broadcast_add(&bias.inner))?;
        }
        if let Some(channels) = fused.channels {
            let add =
                || y.inner.broadcast_add(&channels.inner.reshape((b, self.shape.out_channels, 1, 1))?);
            y = y.wrap("a time embedding", add())?;
        }
        match fused.residual {
            Some(residual) => y.add(residual),
            None => Ok(y),
        }
    }

    /// The convolution of `x` enlarged to twice its size by nearest neighbours.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_upsampled(&self, x: &Tensor) -> Result<Tensor> {
        self.forward(&x.upsample_nearest()?)
    }

    fn convolve(&self, x: &Tensor) -> Result<Tensor> {
        x.device.check_stop()?;
        let [b, _, h, w] = x.map_shape()?;
        let Conv2dShape { in_channels, out_channels, kernel, stride, padding } = self.shape;
        let multiply_adds = b * h * w * in_channels * out_channels * kernel * kernel / (stride * stride);
        if let (Padding::Same(zeros), false) =
            (padding, x.device.is_cpu() && multiply_adds > BAND_MULTIPLY_ADDS)
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
        let bands = if x.device.is_cpu() { multiply_adds.div_ceil(BAND_MULTIPLY_ADDS) } else { 1 };
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
