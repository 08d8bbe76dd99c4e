//! Convolution by our kernels: 3×3 by [`Conv3x3`], 1×1 as a matrix product over pixels.

use crate::ops::cpu::linear;
use crate::ops::cpu::{Conv3x3, Epilogue, Map, PackedMatrix, WeightRows as _, Window};
use crate::ops::native::{Tensor, kept, pack};
use crate::ops::{Conv2dShape, Error, Padding, Result, Weights};

/// A convolution with its weights, packed.
pub struct Conv2d {
    shape: Conv2dShape,
    weight: Weight,
    bias: Option<Vec<f32>>,
}

enum Weight {
    One(PackedMatrix),
    Three(Conv3x3, Window),
}

impl std::fmt::Debug for Conv2d {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Conv2d({:?})", self.shape)
    }
}

impl Conv2d {
    /// Reads `weight` (out, in, k, k) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape, or there is no kernel for the form.
    pub fn new(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        let conv = Self::without_bias(weights, shape)?;
        Ok(Self { bias: Some(weights.get_f32("bias", &[shape.out_channels])?), ..conv })
    }

    /// Reads `weight` (out, in, k, k).
    ///
    /// # Errors
    /// If it is missing or of another shape, or there is no kernel for the form.
    pub fn without_bias(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        let Conv2dShape { in_channels, out_channels, kernel, stride, padding } = shape;
        let rows = weights.rows("weight", &[out_channels, in_channels, kernel, kernel])?;
        let device = weights.device();
        let three = |window| {
            let kept = kept(device, rows.element());
            Conv3x3::pack_as(device.fast()?, &rows, out_channels, in_channels, kept)
                .map(|conv| Weight::Three(conv, window))
        };
        let weight = match (kernel, stride, padding) {
            (1, 1, Padding::Same(0)) => Weight::One(pack(device, &rows, [out_channels, in_channels], false)?),
            (3, 1, Padding::Same(1)) => three(Window::Same)?,
            (3, 2, Padding::Same(1)) => three(Window::HalfEven)?,
            (3, 2, Padding::RightBottom) => three(Window::HalfRight)?,
            _ => {
                return Err(Error::Shape(format!(
                    "there is no CPU kernel for a convolution of form {shape:?}"
                )));
            }
        };
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
        let window = match &self.weight {
            Weight::One(_) => Window::Same,
            Weight::Three(_, window) => *window,
        };
        self.convolve(x, window, residual, channels)
    }

    /// The convolution of `x` enlarged to twice its size, without making the enlarged map.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_upsampled(&self, x: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Three(_, Window::Same) => self.convolve(x, Window::Double, None, None),
            _ => self.convolve(&x.upsample_nearest()?, Window::Same, None, None),
        }
    }

    fn convolve(
        &self,
        x: &Tensor,
        window: Window,
        residual: Option<&Tensor>,
        channels: Option<&Tensor>,
    ) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        let Conv2dShape { in_channels, out_channels, .. } = self.shape;
        let map = Map { batch: b, height: h, width: w };
        let output = window.output(map);
        let shape = [b, out_channels, output.height, output.width];
        let fits = |tensor: &Tensor, shape: &[usize]| tensor.shape() == shape;
        if c != in_channels
            || residual.is_some_and(|residual| !fits(residual, &shape))
            || channels.is_some_and(|channels| !fits(channels, &[b, out_channels]))
        {
            return Err(Error::Shape(format!(
                "a convolution {in_channels} → {out_channels} cannot take {:?}",
                x.shape()
            )));
        }
        let residual = residual.map(Tensor::whole).transpose()?;
        let epilogue = Epilogue {
            bias: self.bias.as_deref(),
            per_picture: channels.map(Tensor::numbers).transpose()?,
            residual: residual.as_ref().map(Tensor::numbers).transpose()?,
            ..Epilogue::default()
        };
        Tensor::make(x.device(), &shape, |context, y| match &self.weight {
            Weight::One(matrix) => Ok(linear(context, x.source(), (map.pixels(), b), matrix, epilogue, y)?),
            Weight::Three(conv, _) => Ok(conv.forward(context, x.source(), map, window, epilogue, y)?),
        })
    }
}
