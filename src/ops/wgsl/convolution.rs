//! Convolutions as products whose rows are gathered from the map; nothing is copied out of it.
//! The kernel is `shaders/product.wgsl`, the linear layers' too.

use super::device::Wgsl;
use super::pack::{Form, Matrix};
use super::product::Window;
use super::tensor::Tensor;
use crate::ops::backend::{ConvOps, Epilogue, Source};
use crate::ops::host::TensorRows;
use crate::ops::{Conv2dShape, Result};

/// A convolution with its weights.
#[derive(Debug)]
pub struct Conv2d {
    matrix: Matrix,
    shape: Conv2dShape,
}

impl ConvOps for Wgsl {
    type Conv2d = Conv2d;

    fn pack_conv2d(
        &self,
        rows: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: Conv2dShape,
    ) -> Result<Conv2d> {
        let Conv2dShape { in_channels, out_channels, kernel, .. } = shape;
        let form = Form { outputs: out_channels, channels: in_channels, taps: kernel * kernel, gated: false };
        Ok(Conv2d { matrix: self.pack(&[rows], bias, form)?, shape })
    }

    fn conv2d(
        &self,
        layer: &Conv2d,
        x: Source<'_, Tensor>,
        enlarged: bool,
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        let [b, _, h, w] = x.first().map_shape()?;
        let Conv2dShape { in_channels, kernel, stride, padding, .. } = layer.shape;
        let scale = if enlarged { 2 } else { 1 };
        let shape = layer.shape.output([b, in_channels, scale * h, scale * w])?;
        let (before, _) = padding.sides();
        let y = [shape[2], shape[3]];
        let window = Window { kernel, stride, before, enlarged, x: [h, w], y };
        self.product(&layer.matrix, x, window, &shape, epilogue)
    }
}
