//! candle's tensor on one of our devices. Maps lie (b, c, h, w) in memory.
//!
//! Callers have checked that shapes fit each other.

use candle_core as candle;

use crate::ops::tensor::{map_shape, token_shape};
use crate::ops::{Activation, Device, Error, Result};

/// A tensor on a device; cheap to clone, never changed in place.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub(super) inner: candle::Tensor,
    pub(super) device: Device,
}

impl Tensor {
    /// Numbers from the host, row-major, put into the device's arithmetic.
    ///
    /// # Errors
    /// If `values` has another length than `shape` says, or the device is out of memory.
    pub fn from_f32(device: &Device, shape: &[usize], values: &[f32]) -> Result<Self> {
        let made = candle::Tensor::from_slice(values, shape, device.stock()?)
            .and_then(|tensor| tensor.to_dtype(device.dtype().candle()));
        Ok(Self { inner: device.explain("a copy to the device", made)?, device: device.clone() })
    }

    /// The numbers as f32 on the host, row-major.
    ///
    /// # Errors
    /// If the device fails.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let values = self
            .inner
            .to_dtype(candle::DType::F32)
            .and_then(|tensor| tensor.flatten_all())
            .and_then(|tensor| tensor.to_vec1::<f32>());
        self.device.explain("a copy from the device", values)
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        self.inner.dims()
    }

    /// Number `index` of the batch.
    ///
    /// # Errors
    /// If the device fails.
    pub fn batch_item(&self, index: usize) -> Result<Self> {
        self.wrap("a part of a batch", self.inner.narrow(0, index, 1).and_then(|part| part.contiguous()))
    }

    /// Whether both are the same tensor.
    pub fn is_same(&self, other: &Self) -> bool {
        self.inner.id() == other.inner.id()
    }

    /// Where it lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn map_shape(&self) -> Result<[usize; 4]> {
        map_shape(self.shape())
    }

    pub(super) fn token_shape(&self) -> Result<[usize; 3]> {
        token_shape(self.shape())
    }

    /// The same tensor in another arithmetic or on the same device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn to_dtype_of(&self, device: &Device) -> Result<Self> {
        let cast = self.inner.to_dtype(device.dtype().candle());
        Ok(Self { inner: self.device.explain("a cast", cast)?, device: device.clone() })
    }

    pub(super) fn wrap(
        &self,
        operation: &'static str,
        result: candle::Result<candle::Tensor>,
    ) -> Result<Self> {
        Ok(Self { inner: self.device.explain(operation, result)?, device: self.device.clone() })
    }

    /// Elementwise sum of equal shapes.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        self.wrap("an addition", self.inner.add(&other.inner))
    }

    /// Every number times `factor`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        self.wrap("a scaling", self.inner.affine(factor, 0.0))
    }

    /// A map times (1 + scale) plus shift, each (b, c): adaptive normalisation's second half.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn scale_shift_channels(&self, scale: &Self, shift: &Self) -> Result<Self> {
        let [b, c, _, _] = self.map_shape()?;
        let apply = || {
            let scale = (scale.inner.reshape((b, c, 1, 1))? + 1.0)?;
            self.inner.broadcast_mul(&scale)?.broadcast_add(&shift.inner.reshape((b, c, 1, 1))?)
        };
        self.wrap("a scale and shift", apply())
    }

    /// Applies an activation.
    ///
    /// # Errors
    /// If the device fails.
    pub fn activate(&self, activation: Activation) -> Result<Self> {
        self.wrap("an activation", activate(&self.inner, activation))
    }

    /// tanh of every number.
    ///
    /// # Errors
    /// If the device fails.
    pub fn tanh(&self) -> Result<Self> {
        self.wrap("a tanh", self.inner.tanh())
    }

    /// Tensors one after another along `dimension`.
    ///
    /// # Errors
    /// If there is none, or the device fails.
    pub fn concatenate(parts: &[&Self], dimension: usize) -> Result<Self> {
        let [first, ..] = parts else {
            return Err(Error::Shape("nothing to concatenate".to_owned()));
        };
        let inner: Vec<_> = parts.iter().map(|part| part.inner.clone()).collect();
        first.wrap("a concatenation", candle::Tensor::cat(&inner, dimension))
    }

    /// The two halves of (b, 2c): what `chunk(2, dim=1)` is in the reference.
    ///
    /// # Errors
    /// If the second dimension is odd.
    pub fn halves(&self) -> Result<(Self, Self)> {
        let width = self.shape().get(1).copied().unwrap_or(0);
        let half = |start| {
            self.wrap("a split", self.inner.narrow(1, start, width / 2).and_then(|part| part.contiguous()))
        };
        Ok((half(0)?, half(width / 2)?))
    }

    /// (b, c, h, w) → (b, h·w, c).
    ///
    /// # Errors
    /// If it is no map.
    pub fn to_tokens(&self) -> Result<Self> {
        let [b, c, h, w] = self.map_shape()?;
        let tokens = || self.inner.reshape((b, c, h * w))?.transpose(1, 2)?.contiguous(); // (b, n, c)
        self.wrap("a rearrangement", tokens())
    }

    /// (b, h·w, c) → (b, c, h, w).
    ///
    /// # Errors
    /// If it is no token sequence of h·w positions.
    pub fn to_map(&self, h: usize, w: usize) -> Result<Self> {
        let [b, _, c] = self.token_shape()?;
        let map = || self.inner.transpose(1, 2)?.contiguous()?.reshape((b, c, h, w)); // (b, c, h, w)
        self.wrap("a rearrangement", map())
    }

    /// Nearest-neighbour enlargement to twice the height and width.
    ///
    /// # Errors
    /// If it is no map.
    pub fn upsample_nearest(&self) -> Result<Self> {
        let [_, _, h, w] = self.map_shape()?;
        self.wrap("an upsampling", self.inner.upsample_nearest2d(2 * h, 2 * w))
    }

    /// Mean of each 2×2 square, stride 2.
    ///
    /// # Errors
    /// If it is no map.
    pub fn average_pool(&self) -> Result<Self> {
        self.wrap("a pooling", self.inner.avg_pool2d((2, 2)))
    }
}

/// The activation, on candle's own tensor.
pub(super) fn activate(x: &candle::Tensor, activation: Activation) -> candle::Result<candle::Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Silu => x.silu(),
        Activation::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
        // candle's `gelu` is the tanh approximation; the reference's is exact.
        Activation::Gelu => x.gelu_erf(),
        Activation::Relu => x.relu(),
    }
}
