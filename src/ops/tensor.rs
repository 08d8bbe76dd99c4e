//! `Tensor`: numbers on a device, and the light operations on them.
//!
//! Trap: maps are (b, c, h, w) and tokens (b, n, c) whatever the memory layout; only
//! [`Tensor::to_tokens`] and [`Tensor::to_map`] go from one to the other.

use candle_core as candle;

use super::{Device, Error, Result};

/// A tensor on a device; cheap to clone, never changed in place.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub(super) inner: candle::Tensor,
    pub(super) device: Device,
}

/// The activation that a norm or a linear layer takes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// None.
    #[default]
    Identity,
    /// x·σ(x), also called swish.
    Silu,
    /// x·σ(1.702x), CLIP's.
    QuickGelu,
    /// x·Φ(x) with the exact error function.
    Gelu,
}

impl Tensor {
    /// Numbers from the host, row-major, put into the device's arithmetic.
    ///
    /// # Errors
    /// If `values` has another length than `shape` says, or the device is out of memory.
    pub fn from_f32(device: &Device, shape: &[usize], values: &[f32]) -> Result<Self> {
        let made = candle::Tensor::from_slice(values, shape, &device.candle)
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

    /// Where it lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// (b, c, h, w) of a map.
    ///
    /// # Errors
    /// If it has not four dimensions.
    pub fn map_shape(&self) -> Result<[usize; 4]> {
        self.shape().try_into().map_err(|_| self.wrong("a map (b, c, h, w)"))
    }

    /// (b, n, c) of tokens.
    ///
    /// # Errors
    /// If it has not three dimensions.
    pub fn token_shape(&self) -> Result<[usize; 3]> {
        self.shape().try_into().map_err(|_| self.wrong("tokens (b, n, c)"))
    }

    fn wrong(&self, expected: &str) -> Error {
        Error::Shape(format!("expected {expected}, found a tensor of shape {:?}", self.shape()))
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

    /// Elementwise product of equal shapes.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn multiply(&self, other: &Self) -> Result<Self> {
        self.wrap("a multiplication", self.inner.mul(&other.inner))
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

    /// Tensors of equal other dimensions one after another along dimension 0 (the batch).
    ///
    /// # Errors
    /// If shapes do not fit or there is none.
    pub fn concatenate_batch(parts: &[&Self]) -> Result<Self> {
        Self::concatenate(parts, 0)
    }

    /// Maps or tokens of equal other dimensions one after another along dimension 1: channels of
    /// maps (a skip connection), positions of tokens.
    ///
    /// # Errors
    /// If shapes do not fit or there is none.
    pub fn concatenate_channels(parts: &[&Self]) -> Result<Self> {
        Self::concatenate(parts, 1)
    }

    fn concatenate(parts: &[&Self], dimension: usize) -> Result<Self> {
        let [first, ..] = parts else {
            return Err(Error::Shape("nothing to concatenate".to_owned()));
        };
        let inner: Vec<_> = parts.iter().map(|part| part.inner.clone()).collect();
        first.wrap("a concatenation", candle::Tensor::cat(&inner, dimension))
    }

    /// `len` rows from `start` along the batch.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn narrow_batch(&self, start: usize, len: usize) -> Result<Self> {
        self.wrap("a slice", self.inner.narrow(0, start, len).and_then(|part| part.contiguous()))
    }

    /// The two halves of (b, 2c): what `chunk(2, dim=1)` is in the reference.
    ///
    /// # Errors
    /// If the second dimension is odd.
    pub fn halves(&self) -> Result<(Self, Self)> {
        let width = self.shape().get(1).copied().unwrap_or(0);
        if width % 2 != 0 {
            return Err(Error::Shape(format!("expected an even second dimension, found {width}")));
        }
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

pub(super) fn activate(x: &candle::Tensor, activation: Activation) -> candle::Result<candle::Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Silu => x.silu(),
        Activation::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
        // candle's `gelu` is the tanh approximation; the reference's is exact.
        Activation::Gelu => x.gelu_erf(),
    }
}
