//! `Linear` and `Geglu`: y = x·Wᵀ + b over the last dimension, with its activation or gate.
//!
//! Trap: a product of low rank beside a layer ([`super::adapters`]) is added before its activation or gate, so
//! an activation is then an operation of its own; a gate takes it in as its channels.

use std::sync::Arc;

use super::adapters::{Adapted, Change, Share, down_and_up};
use super::backend::{Epilogue, LinearOps, NormOps};
use super::dispatch::{Own, on, own};
use super::host::{HostData, HostTensor, TensorRows};
use super::meter::Described;
use super::{Activation, Device, Error, LayerNorm, LinearShape, Result, Tensor, Weights};

/// A linear layer with its weights.
#[derive(Debug)]
pub struct Linear {
    device: Device,
    shape: LinearShape,
    adapted: Adapted<own::Linear, Beside>,
}

/// A product of low rank beside a layer.
#[derive(Debug)]
struct Beside {
    down: Linear,
    up: Linear,
}

impl Linear {
    /// Reads `weight` (out, in) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let shape = LinearShape { in_features, out_features, gated: false };
        Self::read(weights, Share::WHOLE, shape, true)
    }

    /// Reads `weight` (out, in); there is no bias.
    ///
    /// # Errors
    /// If it is missing or of another shape.
    pub fn without_bias(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let shape = LinearShape { in_features, out_features, gated: false };
        Self::read(weights, Share::WHOLE, shape, false)
    }

    /// One of `parts` layers of equal `features` [in, out] whose tensors lie one after another in those of
    /// `names`: (parts·out, in) and (parts·out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn part(
        weights: &Weights,
        names: [&'static str; 2],
        features: [usize; 2],
        part: usize,
        parts: usize,
    ) -> Result<Self> {
        let [in_features, out_features] = features;
        let shape = LinearShape { in_features, out_features, gated: false };
        Self::read(weights, Share { names, part, parts }, shape, true)
    }

    /// A layer from values already read: `weight` (out, in) row-major; `features` are [in, out].
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
        let shape = LinearShape { in_features, out_features, gated: false };
        let data = HostData::F32(weight.into());
        let rows = TensorRows::here(HostTensor { shape: vec![out_features, in_features], data });
        Self::pack(weights.device(), shape, &rows, bias.map(<[f32]>::to_vec))
    }

    /// A layer of numbers that have no name.
    fn of_rows(device: &Device, weight: HostTensor<'static>) -> Result<Self> {
        let [out_features, in_features] = [weight.shape[0], weight.shape[1..].iter().product()];
        let shape = LinearShape { in_features, out_features, gated: false };
        Self::pack(device, shape, &TensorRows::here(weight), None)
    }

    fn read(weights: &Weights, share: Share, shape: LinearShape, has_bias: bool) -> Result<Self> {
        let device = weights.device().clone();
        let pack = |weight: &TensorRows<'_>, bias| packed(&device, shape, weight, bias);
        let adapted = Adapted::read(weights, share, vec![shape.rows(), shape.in_features], has_bias, pack)?;
        Ok(Self { device, shape, adapted })
    }

    fn pack(
        device: &Device,
        shape: LinearShape,
        weight: &TensorRows<'_>,
        bias: Option<Vec<f32>>,
    ) -> Result<Self> {
        let adapted = Adapted::fixed(packed(device, shape, weight, bias)?);
        Ok(Self { device: device.clone(), shape, adapted })
    }

    /// Its weights as its slot wants them, and what runs beside them.
    fn current(&self) -> Result<(Arc<own::Linear>, Option<Arc<Beside>>)> {
        self.adapted.current(
            |weight, bias| packed(&self.device, self.shape, weight, bias),
            |change| Beside::new(&self.device, change, &[self.shape.rows(), self.shape.in_features]),
        )
    }

    /// x (…, in) → (…, out).
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply("linear", x, Activation::Identity, None)
    }

    /// The same, plus a residual of the result's shape.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.apply("linear", x, Activation::Identity, Some(residual))
    }

    /// The same with an activation on the result.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward_activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        self.apply("linear", x, activation, None)
    }

    /// The layer of normalized tokens, which need not be written where the backend joins the two.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_after(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        self.apply_after("linear", norm, x)
    }

    fn apply_after(&self, kind: &'static str, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        let device = x.device();
        let (packed, beside) = self.current()?;
        if beside.is_some() || !on!(device, backend => backend.joins_norms()) {
            return self.apply(kind, &norm.forward(x)?, Activation::Identity, None);
        }
        self.output_shape(x)?;
        norm.check(x)?;
        let apply = || {
            on!(device, backend => {
                let layer = device.own(&self.device, &*packed)?;
                let epilogue = Epilogue { activation: Activation::Identity, channels: None, residual: None };
                let y = backend.linear_after(norm.own(device)?, layer, &x.whole(backend, device)?, epilogue)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        device.measure(apply, |y| self.describe(kind, y))
    }

    /// The result's shape for `x`.
    fn output_shape(&self, x: &Tensor) -> Result<Vec<usize>> {
        let LinearShape { in_features, out_features, .. } = self.shape;
        let mut shape = x.shape().to_vec();
        if shape.len() == 4 || shape.pop() != Some(in_features) {
            return Err(Error::Shape(format!(
                "a layer {in_features} → {out_features} cannot take {:?}",
                x.shape()
            )));
        }
        shape.push(out_features);
        Ok(shape)
    }

    fn apply(
        &self,
        kind: &'static str,
        x: &Tensor,
        activation: Activation,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let shape = self.output_shape(x)?;
        if residual.is_some_and(|residual| residual.shape() != shape) {
            return Err(Error::Shape(format!("expected a residual of shape {shape:?}")));
        }
        let (packed, beside) = self.current()?;
        let product = |activation, channels: Option<&Tensor>, residual: Option<&Tensor>| {
            self.product(kind, &packed, x, activation, channels, residual)
        };
        let Some(beside) = beside else { return product(activation, None, residual) };
        let down = beside.down.forward(x)?;
        if self.shape.gated {
            return product(activation, Some(&beside.up.forward(&down)?), residual);
        }
        if activation == Activation::Identity {
            return beside.up.forward_residual(&down, &product(activation, None, residual)?);
        }
        let sum = beside.up.forward_residual(&down, &product(Activation::Identity, None, None)?)?;
        let y = sum.activate(activation)?;
        residual.map_or_else(|| Ok(y.clone()), |residual| y.add(residual))
    }

    fn product(
        &self,
        kind: &'static str,
        packed: &own::Linear,
        x: &Tensor,
        activation: Activation,
        channels: Option<&Tensor>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let device = x.device();
        let apply = || {
            on!(device, backend => {
                let layer = device.own(&self.device, packed)?;
                let own = |tensor: &Tensor| tensor.whole(backend, device);
                let (channels, residual) = (channels.map(own).transpose()?, residual.map(own).transpose()?);
                let (channels, residual) = (channels.as_ref(), residual.as_ref());
                let epilogue = Epilogue { activation, channels, residual };
                let y = backend.linear(layer, &x.whole(backend, device)?, epilogue)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        device.measure(apply, |y| self.describe(kind, y))
    }

    fn describe(&self, kind: &'static str, y: &Tensor) -> Described {
        let rows = y.shape().iter().product::<usize>() / self.shape.out_features.max(1);
        let (columns, outputs) = (self.shape.in_features, self.shape.rows());
        Described {
            kind,
            shape: format!("{rows} × {columns} → {outputs}"),
            operations: 2.0 * (rows * outputs) as f64 * columns as f64,
        }
    }
}

fn packed(
    device: &Device,
    shape: LinearShape,
    weight: &TensorRows<'_>,
    bias: Option<Vec<f32>>,
) -> Result<own::Linear> {
    Ok(on!(device, backend => backend.pack_linear(weight, bias, shape)?.put()))
}

impl Beside {
    /// All products of a change beside a layer of a weight of `shape`.
    fn new(device: &Device, change: &Change, shape: &[usize]) -> Result<Self> {
        let ([down, up], device) = (down_and_up(change, shape)?, device.with_weights_as_stored());
        Ok(Self { down: Linear::of_rows(&device, down)?, up: Linear::of_rows(&device, up)? })
    }
}

/// A linear layer whose first half of the result is multiplied by the exact GELU of the second.
#[derive(Debug)]
pub struct Geglu(Linear);

impl Geglu {
    /// Reads `weight` (2·out, in) and `bias` (2·out).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, in_features: usize, out_features: usize) -> Result<Self> {
        let shape = LinearShape { in_features, out_features, gated: true };
        Linear::read(weights, Share::WHOLE, shape, true).map(Self)
    }

    /// x (…, in) → (…, out).
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.apply("linear with gate", x, Activation::Identity, None)
    }

    /// The same of normalized tokens; see [`Linear::forward_after`].
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_after(&self, norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        self.0.apply_after("linear with gate", norm, x)
    }
}
