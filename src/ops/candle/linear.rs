//! Linear layers as matrix products, followed by bias, gate and epilogue one after another.

use candle_core::Tensor;

use crate::ops::backend::{Epilogue, LinearOps, TensorOps as _};
use crate::ops::candle::Candle;
use crate::ops::candle::tensor::activate;
use crate::ops::host::TensorRows;
use crate::ops::{Activation, LinearShape, Result};

/// A linear layer with its weights.
#[derive(Debug)]
pub struct Linear {
    shape: LinearShape,
    weight: Tensor, // (in, out), transposed once
    bias: Option<Tensor>,
}

impl LinearOps for Candle {
    type Linear = Linear;

    fn pack_linear(
        &self,
        rows: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
        shape: LinearShape,
    ) -> Result<Linear> {
        let weight = self.upload(&[shape.rows(), shape.in_features], &rows.to_f32()?)?;
        let weight = self.explain("a transposition", weight.t().and_then(|t| t.contiguous()))?;
        let bias = bias.map(|bias| self.upload(&[shape.rows()], &bias)).transpose()?;
        Ok(Linear { shape, weight, bias })
    }

    fn linear(&self, layer: &Linear, x: &Tensor, epilogue: Epilogue<'_, Tensor>) -> Result<Tensor> {
        self.check_stop()?;
        let LinearShape { in_features, out_features, gated } = layer.shape;
        let mut shape = x.dims().to_vec();
        shape.pop();
        let rows: usize = shape.iter().product();
        shape.push(out_features);
        let apply = || {
            let mut y = x.reshape((rows, in_features))?.matmul(&layer.weight)?; // (rows, out)
            if let Some(bias) = &layer.bias {
                y = y.broadcast_add(bias)?;
            }
            if gated {
                if let Some(channels) = epilogue.channels {
                    y = y.add(&channels.reshape((rows, 2 * out_features))?)?;
                }
                let value = y.narrow(1, 0, out_features)?.contiguous()?;
                let gate = y.narrow(1, out_features, out_features)?.contiguous()?;
                y = value.mul(&activate(&gate, Activation::Gelu)?)?;
            }
            y.reshape(shape)
        };
        let y = self.explain("a linear layer", apply())?;
        let channels = epilogue.channels.filter(|_| !gated);
        self.finish(y, Epilogue { channels, ..epilogue })
    }
}
