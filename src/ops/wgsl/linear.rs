//! Linear layers, with bias, activation, gate and residual in the same pass.

use super::device::Wgsl;
use super::norm::LayerNorm;
use super::pack::{Form, Matrix};
use super::product::Window;
use super::tensor::Tensor;
use crate::ops::backend::{Epilogue, LinearOps, Source};
use crate::ops::host::TensorRows;
use crate::ops::{LinearShape, Result};

/// A linear layer with its weights.
#[derive(Debug)]
pub struct Linear {
    matrix: Matrix,
    out_features: usize,
}

impl LinearOps for Wgsl {
    type Linear = Linear;

    fn pack_linear(
        &self,
        rows: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: LinearShape,
    ) -> Result<Linear> {
        let LinearShape { in_features, out_features, gated } = shape;
        let form = Form { outputs: out_features, channels: in_features, taps: 1, gated };
        Ok(Linear { matrix: self.pack(&[rows], bias, form)?, out_features })
    }

    fn linear(&self, layer: &Linear, x: &Tensor, epilogue: Epilogue<'_, Tensor>) -> Result<Tensor> {
        self.apply_linear(layer, None, x, epilogue)
    }
}

impl Wgsl {
    /// A layer, after a norm where there is one.
    pub(super) fn apply_linear(
        &self,
        layer: &Linear,
        norm: Option<&LayerNorm>,
        x: &Tensor,
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        let mut shape = x.shape().to_vec();
        shape.pop();
        shape.push(layer.out_features);
        let window = Window::rows(x.rows());
        self.product_normalized(&layer.matrix, norm, Source::One(x), window, &shape, epilogue)
    }
}
