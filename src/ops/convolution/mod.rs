//! `Conv2d`: two-dimensional convolution, with what follows it folded in.

mod wrapping;

use std::ops::Range;
use std::sync::Arc;

use crate::ops::adapters::{Adapted, Change, Share, down_and_up};
use crate::ops::backend::{ConvOps, Epilogue};
use crate::ops::dispatch::{Own, on, own};
use crate::ops::host::{HostData, HostTensor, TensorRows};
use crate::ops::meter::Described;
use crate::ops::{Activation, Conv2dShape, Device, Error, Result, Tensor, Weights};

pub use wrapping::{Axes, Wrapping};

use wrapping::around;

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
    wrapping: Arc<Wrapping>,
}

/// What a convolution is computed of.
#[derive(Clone, Copy, Debug, Default)]
struct Form {
    /// The map at twice its size.
    enlarged: bool,
    /// Rows of a larger map, those beside them among them.
    is_band: bool,
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
        Ok(Self { device: device.clone(), shape, adapted, wrapping: Arc::default() })
    }

    fn read(weights: &Weights, shape: Conv2dShape, has_bias: bool) -> Result<Self> {
        let device = weights.device().clone();
        let pack = |weight: &TensorRows<'_>, bias| packed(&device, shape, weight, bias);
        let adapted = Adapted::read(weights, Share::WHOLE, weight_shape(shape).to_vec(), has_bias, pack)?;
        Ok(Self { device, shape, adapted, wrapping: weights.wrapping().clone() })
    }

    /// Its weights as its slot wants them, and what runs beside them.
    fn current(&self) -> Result<(Arc<own::Conv2d>, Option<Arc<Beside>>)> {
        self.adapted.current(
            |weight, bias| packed(&self.device, self.shape, weight, bias),
            |change| Beside::new(&self.device, change, self.shape),
        )
    }

    /// The axes along which it wraps.
    pub fn axes(&self) -> Axes {
        self.wrapping.axes()
    }

    /// The convolution of `x` (b, in, h, w).
    ///
    /// # Errors
    /// If the channels do not fit, or stopped.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.convolve(x, Form::default(), Fused::default())
    }

    /// The convolution of `x`, plus what `fused` names.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_fused(&self, x: &Tensor, fused: Fused<'_>) -> Result<Tensor> {
        self.convolve(x, Form::default(), fused)
    }

    /// The convolution of `x` enlarged to twice its size by nearest neighbors.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_upsampled(&self, x: &Tensor) -> Result<Tensor> {
        self.convolve(x, Form { enlarged: true, is_band: false }, Fused::default())
    }

    /// The convolution of rows of a larger map and of those beside them, plus what `fused` names: maps that wrap from
    /// bottom to top do not here.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_band(&self, x: &Tensor, fused: Fused<'_>) -> Result<Tensor> {
        self.convolve(x, Form { enlarged: false, is_band: true }, fused)
    }

    /// The same of the rows enlarged to twice their size by nearest neighbors.
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn forward_band_upsampled(&self, x: &Tensor) -> Result<Tensor> {
        self.convolve(x, Form { enlarged: true, is_band: true }, Fused::default())
    }

    fn convolve(&self, x: &Tensor, form: Form, fused: Fused<'_>) -> Result<Tensor> {
        let wrapped = self.wrapping.axes();
        let axes = Axes { y: wrapped.y && !form.is_band, ..wrapped };
        if axes.is_none() || self.shape.kernel == 1 {
            return self.plain(x, form.enlarged, fused);
        }
        let [b, c, h, w] = x.map_shape()?;
        let scale = if form.enlarged { 2 } else { 1 };
        let [.., height, width] = self.shape.output([b, c, scale * h, scale * w])?;
        // As many more as make whole places of the result.
        let margin = self.shape.stride;
        let cut = scale * margin / self.shape.stride;
        let sides = [(axes.y, 2, h, height), (axes.x, 3, w, width)];
        let mut longer = x.clone();
        for (_, axis, length, _) in sides.into_iter().filter(|side| side.0) {
            longer = along(&longer, &around(length, margin), axis)?;
        }
        let mut y = self.plain(&longer, form.enlarged, Fused { residual: None, ..fused })?;
        for (_, axis, _, length) in sides.into_iter().filter(|side| side.0) {
            y = along(&y, std::slice::from_ref(&(cut..cut + length)), axis)?;
        }
        match fused.residual {
            Some(residual) => y.add(residual),
            None => Ok(y),
        }
    }

    /// With zeros around the map.
    fn plain(&self, x: &Tensor, enlarged: bool, fused: Fused<'_>) -> Result<Tensor> {
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
        let down = beside.down.plain(x, enlarged, Fused::default())?;
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

/// Ranges of rows (axis 2) or columns (axis 3) of a map one after the other.
fn along(map: &Tensor, ranges: &[Range<usize>], axis: usize) -> Result<Tensor> {
    Tensor::stack(&ranges.iter().map(|range| (map, range.clone())).collect::<Vec<_>>(), axis)
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
