//! Linear layers by our kernels, with bias, activation, gate and residual in the same pass.

use crate::ops::cpu::linear;
use crate::ops::cpu::{Epilogue, PackedMatrix, WeightSlice};
use crate::ops::native::{Tensor, pack};
use crate::ops::{Activation, Error, Result, Weights};

/// A linear layer with its weights, packed.
pub struct Linear {
    weight: PackedMatrix,
    bias: Option<Vec<f32>>,
}

impl std::fmt::Debug for Linear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Linear({} → {})", self.weight.columns(), self.weight.outputs())
    }
}

impl Linear {
    /// Reads `weight` (out, in) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let linear = Self::without_bias(weights, in_features, out_features)?;
        Ok(Self { bias: Some(weights.get_f32("bias", &[out_features])?), ..linear })
    }

    /// Reads `weight` (out, in).
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn without_bias(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let rows = weights.rows("weight", &[out_features, in_features])?;
        let weight = pack(weights.device(), &rows, [out_features, in_features], false)?;
        Ok(Self { weight, bias: None })
    }

    /// A layer from numbers already read.
    ///
    /// # Errors
    /// If lengths do not fit.
    pub fn from_values(
        weights: &Weights,
        features: [usize; 2],
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Self> {
        let [in_features, out_features] = features;
        if weight.len() != in_features * out_features || bias.is_some_and(|bias| bias.len() != out_features) {
            return Err(Error::Shape(format!(
                "expected the weights of a layer {in_features} → {out_features}"
            )));
        }
        let rows = WeightSlice::F32(weight);
        let weight = pack(weights.device(), &rows, [out_features, in_features], false)?;
        Ok(Self { weight, bias: bias.map(<[f32]>::to_vec) })
    }

    /// x (…, in) → (…, out), activated.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward_activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let bias = self.bias.as_deref();
        apply(&self.weight, x, Epilogue { bias, activation: activation.kernel(), ..Epilogue::default() })
    }

    /// x (…, in) → (…, out), plus a residual.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let residual = Some(residual.numbers()?);
        apply(&self.weight, x, Epilogue { bias: self.bias.as_deref(), residual, ..Epilogue::default() })
    }
}

/// A linear layer with a gate, packed so that value and gate meet in registers.
pub struct Geglu {
    weight: PackedMatrix,
    bias: Vec<f32>,
}

impl std::fmt::Debug for Geglu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Geglu({} → {})", self.weight.columns(), self.weight.outputs())
    }
}

impl Geglu {
    /// Reads `weight` (2·out, in) and `bias` (2·out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let rows = weights.rows("weight", &[2 * out_features, in_features])?;
        let weight = pack(weights.device(), &rows, [out_features, in_features], true)?;
        Ok(Self { weight, bias: weights.get_f32("bias", &[2 * out_features])? })
    }

    /// x (…, in) → (…, out).
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward_geglu(&self, x: &Tensor) -> Result<Tensor> {
        apply(&self.weight, x, Epilogue { bias: Some(&self.bias), ..Epilogue::default() })
    }
}

fn apply(weight: &PackedMatrix, x: &Tensor, epilogue: Epilogue<'_>) -> Result<Tensor> {
    let mut shape = x.shape().to_vec();
    let (in_features, out_features) = (weight.columns(), weight.outputs());
    if shape.len() == 4 || shape.pop() != Some(in_features) {
        return Err(Error::Shape(format!(
            "a layer {in_features} → {out_features} cannot take {:?}",
            x.shape()
        )));
    }
    let rows = shape.iter().product();
    shape.push(out_features);
    if epilogue.residual.is_some_and(|residual| residual.len() != rows * out_features) {
        return Err(Error::Shape(format!("expected a residual of shape {shape:?}")));
    }
    Tensor::make(x.device(), &shape, |context, y| {
        Ok(linear(context, x.source(), (rows, 1), weight, epilogue, y)?)
    })
}
