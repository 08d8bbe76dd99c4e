//! Linear layers, with bias, activation, gate and residual in the same pass.

use crate::ops::backend::{Epilogue, LinearOps};
use crate::ops::cpu::{self, Kept, PackedMatrix, linear};
use crate::ops::host::TensorRows;
use crate::ops::native::{Native, Tensor};
use crate::ops::{LinearShape, Result};

/// A linear layer with its weights, packed; those of a gated one so that value and gate meet in
/// registers.
pub struct Linear {
    weight: PackedMatrix,
    bias: Option<Vec<f32>>,
}

impl std::fmt::Debug for Linear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Linear({} → {})", self.weight.columns(), self.weight.outputs())
    }
}

impl Native {
    /// Packs weights (`outputs`, `columns`) for the device's dtype; `gated` ones as
    /// [`PackedMatrix::pack_geglu`].
    pub(super) fn pack(
        &self,
        rows: &TensorRows<'_>,
        [outputs, columns]: [usize; 2],
        gated: bool,
    ) -> Result<PackedMatrix> {
        let kept = if self.is_bf16() { Kept::Pairs } else { self.kept(rows, columns) };
        let packed = PackedMatrix::pack_as(&self.context, rows, outputs, columns, gated, kept)?;
        self.note_rounding(packed.rounding());
        Ok(packed)
    }
}

impl LinearOps for Native {
    type Linear = Linear;

    fn pack_linear(
        &self,
        rows: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: LinearShape,
    ) -> Result<Linear> {
        let LinearShape { in_features, out_features, gated } = shape;
        Ok(Linear { weight: self.pack(rows, [out_features, in_features], gated)?, bias })
    }

    fn linear(&self, layer: &Linear, x: &Tensor, epilogue: Epilogue<'_, Tensor>) -> Result<Tensor> {
        let mut shape = x.shape().to_vec();
        shape.pop();
        let rows = shape.iter().product();
        // The kernel divides its rows among the batch only where each item has channels of its own: of a gated
        // layer each row has.
        let batch = match epilogue.channels {
            Some(_) if layer.weight.is_gated() => rows,
            Some(channels) => channels.shape()[0],
            None => 1,
        };
        shape.push(layer.weight.outputs());
        let epilogue = cpu::Epilogue {
            bias: layer.bias.as_deref(),
            per_picture: epilogue.channels.map(Tensor::elements),
            activation: epilogue.activation.kernel(),
            residual: epilogue.residual.map(Tensor::elements),
        };
        self.make(&shape, |y| Ok(linear(&self.context, x.rows(), (rows, batch), &layer.weight, epilogue, y)?))
    }
}
