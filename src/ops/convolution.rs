//! `Conv2d`: two-dimensional convolution, with what follows it folded in.

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
    packed: own::Conv2d,
}

impl Conv2d {
    /// Reads `weight` (out, in, k, k) and `bias` (out).
    ///
    /// # Errors
    /// If they are missing or of another shape, or the backend has no kernel for the form.
    pub fn new(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        Self::read(weights, shape, || weights.get_f32("bias", &[shape.out_channels]).map(Some))
    }

    /// Reads `weight` (out, in, k, k); there is no bias.
    ///
    /// # Errors
    /// If it is missing or of another shape, or the backend has no kernel for the form.
    pub fn without_bias(weights: &Weights, shape: Conv2dShape) -> Result<Self> {
        Self::read(weights, shape, || Ok(None))
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
        let rows = TensorRows::here(HostTensor { shape: of, data: HostData::F32(weight.into()) });
        let packed = on!(device, backend => backend.pack_conv2d(&rows, bias, shape)?.put());
        Ok(Self { device: device.clone(), shape, packed })
    }

    fn read(
        weights: &Weights,
        shape: Conv2dShape,
        bias: impl FnOnce() -> Result<Option<Vec<f32>>>,
    ) -> Result<Self> {
        let Conv2dShape { in_channels, out_channels, kernel, .. } = shape;
        let rows = weights.rows("weight", &[out_channels, in_channels, kernel, kernel])?;
        let (device, bias) = (weights.device(), bias()?);
        let packed = on!(device, backend => backend.pack_conv2d(&rows, bias, shape)?.put());
        Ok(Self { device: device.clone(), shape, packed })
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
                let layer = device.own(&self.device, &self.packed)?;
                let y = backend.conv2d(layer, x.source(backend, device)?, enlarged, epilogue)?;
                Ok(Tensor::made(backend, device, y))
            })
        };
        device.measure(convolve, |_| self.describe(shape, enlarged))
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
