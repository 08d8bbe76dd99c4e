//! Convolution through candle's im2col or cuDNN.
//!
//! Trap: on a CPU a large convolution is done in bands of rows, so that the im2col matrix stays
//! small and a stop acts between bands.

use candle_core::Tensor;

use crate::ops::backend::{ConvOps, Epilogue, Source, TensorOps as _};
use crate::ops::candle::Candle;
use crate::ops::host::TensorRows;
use crate::ops::{Conv2dShape, Padding, Result};

/// Multiply-adds of one band of rows: about a tenth of a second on two slow cores.
const BAND_MULTIPLY_ADDS: usize = 3_000_000_000;

/// A convolution with its weights.
#[derive(Debug)]
pub struct Conv2d {
    shape: Conv2dShape,
    weight: Tensor,       // (out, in, kernel, kernel)
    bias: Option<Tensor>, // (1, out, 1, 1)
}

impl ConvOps for Candle {
    type Conv2d = Conv2d;

    fn pack_conv2d(
        &self,
        rows: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: Conv2dShape,
    ) -> Result<Conv2d> {
        let Conv2dShape { in_channels, out_channels, kernel, .. } = shape;
        let weight = self.upload(&[out_channels, in_channels, kernel, kernel], &rows.to_f32()?)?;
        let bias = bias.map(|bias| self.upload(&[1, out_channels, 1, 1], &bias)).transpose()?;
        Ok(Conv2d { shape, weight, bias })
    }

    fn conv2d(
        &self,
        layer: &Conv2d,
        x: Source<'_, Tensor>,
        enlarged: bool,
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        let mut x = self.joined(x)?;
        if enlarged {
            x = self.upsample_nearest(&x)?;
        }
        let mut y = self.convolve(layer, &x)?;
        if let Some(bias) = &layer.bias {
            y = self.explain("a bias", y.broadcast_add(bias))?;
        }
        self.finish(y, epilogue)
    }
}

impl Candle {
    fn convolve(&self, layer: &Conv2d, x: &Tensor) -> Result<Tensor> {
        self.check_stop()?;
        let (b, _, h, w) = self.explain("a convolution", x.dims4())?;
        let Conv2dShape { in_channels, out_channels, kernel, stride, padding } = layer.shape;
        let multiply_adds = b * h * w * in_channels * out_channels * kernel * kernel / (stride * stride);
        let in_bands = self.is_cpu() && multiply_adds > BAND_MULTIPLY_ADDS;
        if let (Padding::Same(zeros), false) = (padding, in_bands) {
            return self.explain("a convolution", x.conv2d(&layer.weight, zeros, stride, 1, 1));
        }
        let (before, after) = padding.sides();
        let padded =
            x.pad_with_zeros(2, before, after).and_then(|padded| padded.pad_with_zeros(3, before, after));
        let padded = self.explain("a padding", padded)?;
        let out_rows = (h + before + after - kernel) / stride + 1;
        let bands = if in_bands { multiply_adds.div_ceil(BAND_MULTIPLY_ADDS) } else { 1 };
        self.convolve_bands(layer, &padded, out_rows, out_rows.div_ceil(bands))
    }

    /// The convolution of an already padded map, `band` rows of the result at a time.
    fn convolve_bands(
        &self,
        layer: &Conv2d,
        padded: &Tensor,
        out_rows: usize,
        band: usize,
    ) -> Result<Tensor> {
        let Conv2dShape { kernel, stride, .. } = layer.shape;
        let mut parts = Vec::new();
        for start in (0..out_rows).step_by(band) {
            self.check_stop()?;
            let rows = band.min(out_rows - start);
            let part = padded
                .narrow(2, start * stride, (rows - 1) * stride + kernel)
                .and_then(|rows| rows.contiguous())
                .and_then(|rows| rows.conv2d(&layer.weight, 0, stride, 1, 1));
            parts.push(self.explain("a convolution", part)?);
        }
        self.explain("a convolution", Tensor::cat(&parts, 2))
    }
}
