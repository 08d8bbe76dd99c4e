//! Convolution: 3×3 by [`Conv3x3`], 1×1 as a matrix product over pixels.

use crate::ops::backend::{ConvOps, Epilogue, Source, TensorOps as _};
use crate::ops::cpu::linear;
use crate::ops::cpu::{self, Conv3x3, Map, PackedMatrix, Window};
use crate::ops::host::TensorRows;
use crate::ops::native::{Native, Tensor};
use crate::ops::{Conv2dShape, Error, Padding, Result};

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

impl ConvOps for Native {
    type Conv2d = Conv2d;

    fn pack_conv2d(
        &self,
        rows: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: Conv2dShape,
    ) -> Result<Conv2d> {
        let Conv2dShape { in_channels, out_channels, kernel, stride, padding } = shape;
        let three = |window| {
            let kept = self.kept(rows, 9 * in_channels);
            let conv = Conv3x3::pack_as(&self.context, rows, out_channels, in_channels, kept)?;
            self.note_rounding(conv.rounding());
            Ok::<_, Error>(Weight::Three(conv, window))
        };
        let weight = match (kernel, stride, padding) {
            (1, 1, Padding::Same(0)) => Weight::One(self.pack(rows, [out_channels, in_channels], false)?),
            (3, 1, Padding::Same(1)) => three(Window::Same)?,
            (3, 2, Padding::Same(1)) => three(Window::HalfEven)?,
            (3, 2, Padding::RightBottom) => three(Window::HalfRight)?,
            _ => {
                return Err(Error::Shape(format!(
                    "there is no CPU kernel for a convolution of form {shape:?}"
                )));
            }
        };
        Ok(Conv2d { shape, weight, bias })
    }

    fn conv2d(
        &self,
        layer: &Conv2d,
        x: Source<'_, Tensor>,
        enlarged: bool,
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        match (&layer.weight, enlarged) {
            (Weight::Three(_, Window::Same), true) => self.convolve(layer, x, Window::Double, epilogue),
            (_, true) => {
                let large = match x {
                    Source::One(x) => self.upsample_nearest(x)?,
                    Source::Two(a, b) => self.upsample_nearest(&self.concatenate(&[a, b], 1)?)?,
                };
                self.conv2d(layer, Source::One(&large), false, epilogue)
            }
            (Weight::One(_), false) => self.convolve(layer, x, Window::Same, epilogue),
            (Weight::Three(_, window), false) => self.convolve(layer, x, *window, epilogue),
        }
    }
}

impl Native {
    fn convolve(
        &self,
        layer: &Conv2d,
        x: Source<'_, Tensor>,
        window: Window,
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        let [b, _, h, w] = x.first().map_shape()?;
        let map = Map { batch: b, height: h, width: w };
        let output = window.output(map);
        let shape = [b, layer.shape.out_channels, output.height, output.width];
        let epilogue = cpu::Epilogue {
            bias: layer.bias.as_deref(),
            per_picture: epilogue.channels.map(Tensor::elements),
            activation: epilogue.activation.kernel(),
            residual: epilogue.residual.map(Tensor::elements),
        };
        let context = &self.context;
        self.make(&shape, |y| match &layer.weight {
            Weight::One(matrix) => Ok(linear(context, x.rows(), (map.pixels(), b), matrix, epilogue, y)?),
            Weight::Three(conv, _) => Ok(conv.forward(context, x.rows(), map, window, epilogue, y)?),
        })
    }
}
