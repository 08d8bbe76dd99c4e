//! `GroupNorm` and `LayerNorm`. Statistics are in f32 or wider, whatever the dtype around them.
//!
//! Trap: epsilon is 1e-5 in the UNet's ResBlocks and 1e-6 in `SpatialTransformer` and the first
//! stage, so it is always named.

use super::backend::NormOps;
use super::dispatch::{Own, on, own};
use super::meter::Described;
use super::{Activation, Device, Error, Moments, Result, Tensor, Weights};

/// Normalization over groups of channels and all positions, with a gain and a bias a channel
/// (Wu & He, 2018).
#[derive(Debug)]
pub struct GroupNorm {
    device: Device,
    channels: usize,
    packed: own::GroupNorm,
}

impl GroupNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing, or the channels do not split into `groups`.
    pub fn new(weights: &Weights, groups: usize, channels: usize, epsilon: f64) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::Shape(format!(
                "expected channels that split into {groups} groups, found {channels}; set norm_num_groups"
            )));
        }
        let (weight, bias) = gain_and_bias(weights, channels)?;
        let device = weights.device().clone();
        let packed = on!(device, backend => backend.pack_group_norm(weight, bias, groups, epsilon)?.put());
        Ok(Self { device, channels, packed })
    }

    /// The normalized map, activated.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        self.check(x)?;
        let device = x.device();
        let apply = || {
            on!(device, backend => {
                let norm = device.own(&self.device, &self.packed)?;
                let y = backend.group_norm(norm, x.source(backend, device)?, activation)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        device.measure(apply, |y| describe("group norm", y))
    }

    /// The same of a map that is not needed any more: the result takes its memory where nothing else
    /// shares it.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward_owned(&self, x: Tensor, activation: Activation) -> Result<Tensor> {
        self.check(&x)?;
        if x.is_in_two() {
            return self.forward(&x, activation);
        }
        let device = x.device().clone();
        let apply = || {
            on!(device, backend => {
                let norm = device.own(&self.device, &self.packed)?;
                let y = backend.group_norm_owned(norm, x.take()?, activation)?;
                Ok(Tensor::made(backend, &device, y))
            })
        };
        device.measure(apply, |y| describe("group norm", y))
    }

    /// What a map that lies in `parts`, one below another, has in each group; of one item of the batch.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn moments(&self, parts: &[&Tensor]) -> Result<Vec<Moments>> {
        let mut whole = Vec::new();
        for x in parts {
            self.check_one(x)?;
            let device = x.device();
            let own = on!(device, backend => {
                let norm = device.own(&self.device, &self.packed)?;
                backend.moments(norm, &x.whole(backend, device)?)?
            });
            whole.resize(own.len(), Moments::default());
            whole.iter_mut().zip(own).for_each(|(whole, own): (&mut Moments, _)| *whole = whole.joined(own));
        }
        Ok(whole)
    }

    /// A part of a map normalized by the whole's `moments`, activated.
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward_by(&self, x: Tensor, moments: &[Moments], activation: Activation) -> Result<Tensor> {
        self.check_one(&x)?;
        let device = x.device().clone();
        let apply = || {
            on!(device, backend => {
                let norm = device.own(&self.device, &self.packed)?;
                let x = if x.is_in_two() { x.whole(backend, &device)? } else { x.take()? };
                Ok(Tensor::made(backend, &device, backend.group_norm_by(norm, x, moments, activation)?))
            })
        };
        device.measure(apply, |y| describe("group norm", y))
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        let [b, c, h, w] = x.map_shape()?;
        check_channels(self.channels, c, b * h * w, x)
    }

    fn check_one(&self, x: &Tensor) -> Result<()> {
        self.check(x)?;
        if x.shape().first() == Some(&1) {
            return Ok(());
        }
        Err(Error::Shape(format!("expected one item of a batch, found {:?}", x.shape())))
    }
}

/// Normalization over the last dimension, with a gain and a bias; epsilon 1e-5 (Ba, Kiros & Hinton,
/// 2016).
#[derive(Debug)]
pub struct LayerNorm {
    device: Device,
    channels: usize,
    packed: own::LayerNorm,
}

impl LayerNorm {
    /// Reads `weight` and `bias` (c).
    ///
    /// # Errors
    /// If they are missing or of another shape.
    pub fn new(weights: &Weights, channels: usize) -> Result<Self> {
        let (weight, bias) = gain_and_bias(weights, channels)?;
        let device = weights.device().clone();
        let packed = on!(device, backend => backend.pack_layer_norm(weight, bias)?.put());
        Ok(Self { device, channels, packed })
    }

    /// The normalized tokens.
    ///
    /// # Errors
    /// If the last dimension does not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        let device = x.device();
        let apply = || {
            on!(device, backend => {
                let norm = device.own(&self.device, &self.packed)?;
                let y = backend.layer_norm(norm, &x.whole(backend, device)?)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        device.measure(apply, |y| describe("layer norm", y))
    }
}

impl LayerNorm {
    /// An error unless these are tokens of the norm's channels.
    pub(super) fn check(&self, x: &Tensor) -> Result<()> {
        let [b, n, c] = x.token_shape()?;
        check_channels(self.channels, c, b * n, x)
    }

    /// The backend's own norm for an operation on `device`.
    pub(super) fn own<T: Own<own::LayerNorm>>(&self, device: &Device) -> Result<&T> {
        device.own(&self.device, &self.packed)
    }
}

fn gain_and_bias(weights: &Weights, channels: usize) -> Result<(Vec<f32>, Vec<f32>)> {
    Ok((weights.get_f32("weight", &[channels])?, weights.get_f32("bias", &[channels])?))
}

fn check_channels(expected: usize, found: usize, rows: usize, x: &Tensor) -> Result<()> {
    if found == expected && rows > 0 {
        return Ok(());
    }
    Err(Error::Shape(format!("a norm of {expected} channels cannot take {:?}", x.shape())))
}

/// Norms are bound by memory: they count as no operations.
fn describe(kind: &'static str, y: &Tensor) -> Described {
    Described { kind, shape: format!("{:?}", y.shape()), operations: 0.0 }
}
