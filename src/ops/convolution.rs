//! `Conv2d`: two-dimensional convolution, with what follows it folded in.

use std::sync::Arc;

use super::adapters::{Adapted, Change, Share, down_and_up};
use super::backend::{ConvOps, Epilogue};
use super::dispatch::{Own, on, own};
use super::host::{HostData, HostTensor, TensorRows};
use super::meter::Described;
use super::{Activation, Conv2dShape, Device, Error, Result, Tensor, Weights};

/// Terms added to a convolution's result in the same pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fused<'a> {
    /// A map of the result's shape.
    pub residual: Option<&'a Tensor>,
    /// One element for each channel, (b, c): the time embedding.
    pub channels: Option<&'a Tensor>,
}

/// A convolution with its weights.
#[derive(Debug)]
pub struct Conv2d {
    device: Device,
    shape: Conv2dShape,
    adapted: Adapted<own::Conv2d, Beside>,
}

/// A product of low rank beside a convolution: one with the same window, then one of single pixels.
#[derive(Debug)]
struct Beside {
    down: Conv2d,
    up: Conv2d,
}

impl Conv2d {
    /// Reads `weight` (out, in, k, k) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape, or the backend has no kernel for the form.
    pub fn new(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        Self::read(weights, shape, true)
    }

    /// Reads `weight` (out, in, k, k); there is no bias.
    ///
    /// # Errors
    /// If it is missing or of another shape, or the backend has no kernel for the form.
    pub fn without_bias(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        Self::read(weights, shape, false)
    }

    /// The convolution of `weight` (out, in, k, k), row-major, and `bias` (out).
    ///
    /// # Errors
    /// If there are not as many as `shape` says, or the backend has no kernel for the form.
    pub fn of_numbers(
        device: &Device,
        shape: Conv2dShape,
        weight: Vec<f32>,
        bias: Option<Vec<f32>>,
    ) -> Result<Self> {
        let Conv2dShape { in_channels, out_channels, kernel, .. } = shape;
        let of = vec![out_channels, in_channels, kernel, kernel];
        if weight.len() != of.iter().product::<usize>()
            || bias.as_ref().is_some_and(|bias| bias.len() != out_channels)
        {
            return Err(Error::Shape(format!("expected the weights of a convolution {of:?}, found others")));
        }
        Self::pack(device, shape, HostTensor { shape: of, data: HostData::F32(weight.into()) }, bias)
    }

    fn pack(
        device: &Device,
        shape: Conv2dShape,
        weight: HostTensor<'static>,
        bias: Option<Vec<f32>>,
    ) -> Result<Self> {
        let adapted = Adapted::fixed(packed(device, shape, &TensorRows::here(weight), bias)?);
        Ok(Self { device: device.clone(), shape, adapted })
    }

    fn read(weights: &Weights, shape: Conv2dShape, has_bias: bool) -> Result<Self> {
        let device = weights.device().clone();
        let pack = |weight: &TensorRows<'_>, bias| packed(&device, shape, weight, bias);
        let adapted = Adapted::read(weights, Share::WHOLE, weight_shape(shape).to_vec(), has_bias, pack)?;
        Ok(Self { device, shape, adapted })
    }

    /// Its weights as its slot wants them, and what runs beside them.
    fn current(&self) -> Result<(Arc<own::Conv2d>, Option<Arc<Beside>>)> {
        self.adapted.current(
            |weight, bias| packed(&self.device, self.shape, weight, bias),
            |change| Beside::new(&self.device, change, self.shape),
        )
    }

    /// The convolution of `x` (b, in, h, w).
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.convolve(x, false, Fused::default())
    }

    /// The convolution of `x`, plus what `fused` names.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_fused(&self, x: &Tensor, fused: Fused<'_>) -> Result<Tensor> {
        self.convolve(x, false, fused)
    }

    /// The convolution of `x` enlarged to twice its size by nearest neighbors.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_upsampled(&self, x: &Tensor) -> Result<Tensor> {
        self.convolve(x, true, Fused::default())
    }

    fn convolve(&self, x: &Tensor, enlarged: bool, fused: Fused<'_>) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        let input = if enlarged { [b, c, 2 * h, 2 * w] } else { [b, c, h, w] };
        let shape = self.shape.output(input)?;
        let Fused { residual, channels } = fused;
        if residual.is_some_and(|residual| residual.shape() != shape)
            || channels.is_some_and(|channels| channels.shape() != &shape[..2])
        {
            return Err(Error::Shape(format!(
                "cannot add what has not the shape {shape:?} to a convolution"
            )));
        }
        let (packed, beside) = self.current()?;
        let device = x.device();
        let convolve = || {
            on!(device, backend => {
                let own = |tensor: &Tensor| tensor.whole(backend, device);
                let (residual, channels) = (residual.map(own).transpose()?, channels.map(own).transpose()?);
                let epilogue = Epilogue {
                    activation: Activation::Identity,
                    channels: channels.as_ref(),
                    residual: residual.as_ref(),
                };
                let layer = device.own(&self.device, &*packed)?;
                let y = backend.conv2d(layer, x.source(backend, device)?, enlarged, epilogue)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        let y = device.measure(convolve, |_| self.describe(shape, enlarged))?;
        let Some(beside) = beside else { return Ok(y) };
        let down = beside.down.convolve(x, enlarged, Fused::default())?;
        beside.up.forward_fused(&down, Fused { residual: Some(&y), channels: None })
    }

    fn describe(&self, [b, c, h, w]: [usize; 4], enlarged: bool) -> Described {
        let Conv2dShape { in_channels, out_channels, kernel, stride, .. } = self.shape;
        let kind = match (kernel, stride, enlarged) {
            (1, ..) => "convolution 1×1",
            (_, _, true) => "enlarged convolution 3×3",
            (_, 1, _) => "convolution 3×3",
            _ => "convolution 3×3, stride 2",
        };
        Described {
            kind,
            shape: format!("{in_channels} → {out_channels} @ {w}×{h}, batch {b}"),
            operations: 2.0 * (b * c * h * w) as f64 * (in_channels * kernel * kernel) as f64,
        }
    }
}

/// The shape of a convolution's weight.
fn weight_shape(shape: Conv2dShape) -> [usize; 4] {
    [shape.out_channels, shape.in_channels, shape.kernel, shape.kernel]
}

fn packed(
    device: &Device,
    shape: Conv2dShape,
    weight: &TensorRows<'_>,
    bias: Option<Vec<f32>>,
) -> Result<own::Conv2d> {
    Ok(on!(device, backend => backend.pack_conv2d(weight, bias, shape)?.put()))
}

impl Beside {
    /// All products of a change beside a convolution.
    fn new(device: &Device, change: &Change, shape: Conv2dShape) -> Result<Self> {
        let [down, mut up] = down_and_up(change, &weight_shape(shape))?;
        let (ranks, device) = (down.shape[0], &device.with_weights_as_stored());
        up.shape.extend([1, 1]);
        let down = Conv2d::pack(device, Conv2dShape { out_channels: ranks, ..shape }, down, None)?;
        Ok(Self { down, up: Conv2d::pack(device, Conv2dShape::one(ranks, shape.out_channels), up, None)? })
    }
}
