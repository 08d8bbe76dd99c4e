//! Norms; statistics are in f32 whatever the dtype around them.

use candle_core::{DType, Tensor};

use crate::ops::backend::{DeviceOps as _, NormOps, Source, TensorOps as _};
use crate::ops::candle::Candle;
use crate::ops::candle::tensor::activate;
use crate::ops::{Activation, Dtype, Moments, Result};

/// GroupNorm with its parameters.
#[derive(Debug)]
pub struct GroupNorm {
    groups: usize,
    epsilon: f64,
    weight: Tensor, // (1, c, 1, 1), f32
    bias: Tensor,   // (1, c, 1, 1), f32
}

/// LayerNorm with its parameters.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl NormOps for Candle {
    type GroupNorm = GroupNorm;
    type LayerNorm = LayerNorm;

    fn pack_group_norm(
        &self,
        weight: Vec<f32>,
        bias: Vec<f32>,
        groups: usize,
        epsilon: f64,
    ) -> Result<GroupNorm> {
        let in_f32 = self.with_dtype(Dtype::F32);
        let parameter = |values: &[f32]| in_f32.upload(&[1, values.len(), 1, 1], values);
        Ok(GroupNorm { groups, epsilon, weight: parameter(&weight)?, bias: parameter(&bias)? })
    }

    fn group_norm(&self, norm: &GroupNorm, x: Source<'_, Tensor>, activation: Activation) -> Result<Tensor> {
        self.check_stop()?;
        let x = self.joined(x)?;
        let apply = || {
            let (b, c, h, w) = x.dims4()?;
            let grouped = x.to_dtype(DType::F32)?.reshape((b, norm.groups, c / norm.groups * h * w))?;
            let centered = grouped.broadcast_sub(&grouped.mean_keepdim(2)?)?;
            let variance = centered.sqr()?.mean_keepdim(2)?; // (b, groups, 1)
            let normal = centered.broadcast_div(&(variance + norm.epsilon)?.sqrt()?)?;
            let y = normal.reshape((b, c, h, w))?.broadcast_mul(&norm.weight)?.broadcast_add(&norm.bias)?;
            activate(&y, activation)?.to_dtype(x.dtype())
        };
        self.explain("a group norm", apply())
    }

    fn moments(&self, norm: &GroupNorm, x: &Tensor) -> Result<Vec<Moments>> {
        self.check_stop()?;
        let find = || {
            let grouped = x.to_dtype(DType::F32)?.reshape((norm.groups, x.elem_count() / norm.groups))?;
            let mean = grouped.mean_keepdim(1)?;
            let squares = grouped.broadcast_sub(&mean)?.sqr()?.sum(1)?;
            Ok((mean.flatten_all()?.to_vec1::<f32>()?, squares.to_vec1::<f32>()?))
        };
        let (mean, squares) = self.explain("a group norm", find())?;
        let count = (x.elem_count() / norm.groups) as f64;
        let pairs = mean.into_iter().map(f64::from).zip(squares.into_iter().map(f64::from));
        Ok(pairs.map(|(mean, squares)| Moments { count, mean, squares }).collect())
    }

    fn group_norm_by(
        &self,
        norm: &GroupNorm,
        x: Tensor,
        moments: &[Moments],
        activation: Activation,
    ) -> Result<Tensor> {
        self.check_stop()?;
        let column = |of: fn(&Moments) -> f64| {
            let values: Vec<f32> = moments.iter().map(|known| of(known) as f32).collect();
            Tensor::from_vec(values, (norm.groups, 1), x.device())
        };
        let apply = || {
            let grouped = x.to_dtype(DType::F32)?.reshape((norm.groups, x.elem_count() / norm.groups))?;
            let deviation = (column(|known| known.variance())? + norm.epsilon)?.sqrt()?;
            let normal = grouped.broadcast_sub(&column(|known| known.mean)?)?.broadcast_div(&deviation)?;
            let y = normal.reshape(x.shape())?.broadcast_mul(&norm.weight)?.broadcast_add(&norm.bias)?;
            activate(&y, activation)?.to_dtype(x.dtype())
        };
        self.explain("a group norm", apply())
    }

    fn pack_layer_norm(&self, weight: Vec<f32>, bias: Vec<f32>) -> Result<LayerNorm> {
        let parameter = |values: &[f32]| self.upload(&[values.len()], values);
        Ok(LayerNorm { weight: parameter(&weight)?, bias: parameter(&bias)? })
    }

    fn layer_norm(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        self.check_stop()?;
        self.explain("a layer norm", candle_nn::ops::layer_norm(x, &norm.weight, &norm.bias, 1e-5))
    }
}
