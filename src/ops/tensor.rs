//! `Tensor`: numbers on a device, and the light operations on them.
//!
//! Trap: maps are (b, c, h, w) and tokens (b, n, c) whatever the memory layout; only
//! [`Tensor::to_tokens`] and [`Tensor::to_map`] go from one to the other.

use super::meter::Described;
use super::{Activation, Device, Error, Result};
use crate::ops::{candle, native};

/// A tensor on a device; cheap to clone, never changed in place.
#[derive(Clone, Debug)]
pub enum Tensor {
    /// Of our kernels.
    Fast(native::Tensor),
    /// Of candle.
    Stock(candle::Tensor),
}

/// Runs `$body` on the backend's own module and tensor, for modules and tensors of one device.
macro_rules! both {
    ($module:expr, $x:ident, $inner:ident => $body:expr) => {
        match ($module, $x) {
            (Self::Fast($inner), Tensor::Fast($x)) => $body.map(Tensor::Fast),
            (Self::Stock($inner), Tensor::Stock($x)) => $body.map(Tensor::Stock),
            _ => Err($crate::ops::tensor::two_devices()),
        }
    };
}
pub(super) use both;

/// Runs `$body` on the backend's own tensor.
macro_rules! each {
    ($tensor:expr, $x:ident => $body:expr) => {
        $tensor.device().meter().measure(
            || match $tensor {
                Self::Fast($x) => $body.map(Self::Fast),
                Self::Stock($x) => $body.map(Self::Stock),
            },
            Self::describe,
        )
    };
}

pub(super) fn two_devices() -> Error {
    Error::Shape("tensors of two devices cannot be joined".to_owned())
}

/// A backend's own tensor within a [`Tensor`].
pub trait Within: Sized {
    /// The tensor, if it is of this backend.
    fn within(tensor: &Tensor) -> Option<&Self>;
}

impl Within for native::Tensor {
    fn within(tensor: &Tensor) -> Option<&Self> {
        if let Tensor::Fast(inner) = tensor { Some(inner) } else { None }
    }
}

impl Within for candle::Tensor {
    fn within(tensor: &Tensor) -> Option<&Self> {
        if let Tensor::Stock(inner) = tensor { Some(inner) } else { None }
    }
}

impl Tensor {
    /// Copies, sums and factors count as no operations; their time is what matters.
    fn describe(made: &Self) -> Described {
        Described { kind: "light operations", shape: format!("{:?}", made.shape()), operations: 0.0 }
    }

    /// The backend's own tensor.
    pub(super) fn as_ref<T: Within>(&self) -> Result<&T> {
        T::within(self).ok_or_else(two_devices)
    }

    /// Numbers from the host, row-major, put into the device's arithmetic.
    ///
    /// # Errors
    /// If `values` has another length than `shape` says, or the device is out of memory.
    pub fn from_f32(device: &Device, shape: &[usize], values: &[f32]) -> Result<Self> {
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::Shape(format!(
                "expected the numbers of shape {shape:?}, found {}",
                values.len()
            )));
        }
        if device.is_fast() {
            native::Tensor::from_f32(device, shape, values).map(Self::Fast)
        } else {
            candle::Tensor::from_f32(device, shape, values).map(Self::Stock)
        }
    }

    /// The numbers as f32 on the host, row-major.
    ///
    /// # Errors
    /// If the device fails.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        match self {
            Self::Fast(x) => x.to_f32(),
            Self::Stock(x) => x.to_f32(),
        }
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Fast(x) => x.shape(),
            Self::Stock(x) => x.shape(),
        }
    }

    /// Where it lives.
    pub fn device(&self) -> &Device {
        match self {
            Self::Fast(x) => x.device(),
            Self::Stock(x) => x.device(),
        }
    }

    /// (b, c, h, w) of a map.
    ///
    /// # Errors
    /// If it has not four dimensions.
    pub fn map_shape(&self) -> Result<[usize; 4]> {
        map_shape(self.shape())
    }

    /// (b, n, c) of tokens.
    ///
    /// # Errors
    /// If it has not three dimensions.
    pub fn token_shape(&self) -> Result<[usize; 3]> {
        token_shape(self.shape())
    }

    /// The same tensor in another arithmetic of the same device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn to_dtype_of(&self, device: &Device) -> Result<Self> {
        match self {
            Self::Fast(x) => Ok(Self::Fast(x.clone())),
            Self::Stock(x) => x.to_dtype_of(device).map(Self::Stock),
        }
    }

    /// Elementwise sum of equal shapes.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        if self.shape() != other.shape() {
            return Err(Error::Shape(format!("cannot add {:?} and {:?}", self.shape(), other.shape())));
        }
        each!(self, x => x.add(other.as_ref()?))
    }

    /// Every number times `factor`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        each!(self, x => x.scale(factor))
    }

    /// A map times (1 + scale) plus shift, each (b, c): adaptive normalisation's second half.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn scale_shift_channels(&self, scale: &Self, shift: &Self) -> Result<Self> {
        let [b, c, ..] = self.map_shape()?;
        if scale.shape() != [b, c] || shift.shape() != [b, c] {
            return Err(Error::Shape(format!(
                "expected scale and shift {:?}, found {:?}",
                [b, c],
                scale.shape()
            )));
        }
        each!(self, x => x.scale_shift_channels(scale.as_ref()?, shift.as_ref()?))
    }

    /// Applies an activation.
    ///
    /// # Errors
    /// If the device fails.
    pub fn activate(&self, activation: Activation) -> Result<Self> {
        each!(self, x => x.activate(activation))
    }

    /// tanh of every number.
    ///
    /// # Errors
    /// If the device fails.
    pub fn tanh(&self) -> Result<Self> {
        each!(self, x => x.tanh())
    }

    /// Tensors of equal other dimensions one after another along dimension 0 (the batch).
    ///
    /// # Errors
    /// If shapes do not fit or there is none.
    pub fn concatenate_batch(parts: &[&Self]) -> Result<Self> {
        Self::concatenate(parts, 0)
    }

    /// As many copies one after another as make a batch of `batch`; itself if it is one already.
    ///
    /// # Errors
    /// If `batch` is no multiple of dimension 0.
    pub fn repeated_to(&self, batch: usize) -> Result<Self> {
        let own = self.shape().first().copied().unwrap_or(0);
        if own == batch {
            return Ok(self.clone());
        }
        if own == 0 || !batch.is_multiple_of(own) {
            return Err(Error::Shape(format!("a batch of {own} does not repeat to one of {batch}")));
        }
        Self::concatenate_batch(&vec![self; batch / own])
    }

    /// Number `index` of the batch, as a batch of one.
    ///
    /// # Errors
    /// If there is no such number.
    pub fn batch_item(&self, index: usize) -> Result<Self> {
        let batch = self.shape().first().copied().unwrap_or(0);
        if index >= batch {
            return Err(Error::Shape(format!("expected a batch of more than {index}, found {batch}")));
        }
        each!(self, x => x.batch_item(index))
    }

    /// Whether both are the same numbers in the same memory.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fast(a), Self::Fast(b)) => a.is_same(b),
            (Self::Stock(a), Self::Stock(b)) => a.is_same(b),
            _ => false,
        }
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
        let [first, rest @ ..] = parts else {
            return Err(Error::Shape("nothing to concatenate".to_owned()));
        };
        let others = |shape: &[usize]| {
            let mut shape = shape.to_vec();
            if dimension < shape.len() {
                shape.remove(dimension);
            }
            shape
        };
        if let Some(odd) = rest.iter().find(|part| others(part.shape()) != others(first.shape())) {
            return Err(Error::Shape(format!("cannot put {:?} beside {:?}", odd.shape(), first.shape())));
        }
        let join = || match first {
            Self::Fast(_) => {
                let parts: Vec<&native::Tensor> =
                    parts.iter().map(|part| part.as_ref()).collect::<Result<_>>()?;
                native::Tensor::concatenate(&parts, dimension).map(Self::Fast)
            }
            Self::Stock(_) => {
                let parts: Vec<&candle::Tensor> =
                    parts.iter().map(|part| part.as_ref()).collect::<Result<_>>()?;
                candle::Tensor::concatenate(&parts, dimension).map(Self::Stock)
            }
        };
        first.device().meter().measure(join, Self::describe)
    }

    /// The two halves along dimension 1: what `chunk(2, dim=1)` is in the reference.
    ///
    /// # Errors
    /// If the second dimension is odd.
    pub fn halves(&self) -> Result<(Self, Self)> {
        let width = self.shape().get(1).copied().unwrap_or(1);
        if width % 2 != 0 {
            return Err(Error::Shape(format!("expected an even second dimension, found {width}")));
        }
        match self {
            Self::Fast(x) => x.halves().map(|(a, b)| (Self::Fast(a), Self::Fast(b))),
            Self::Stock(x) => x.halves().map(|(a, b)| (Self::Stock(a), Self::Stock(b))),
        }
    }

    /// (b, c, h, w) → (b, h·w, c).
    ///
    /// # Errors
    /// If it is no map.
    pub fn to_tokens(&self) -> Result<Self> {
        self.map_shape()?;
        each!(self, x => x.to_tokens())
    }

    /// (b, h·w, c) → (b, c, h, w).
    ///
    /// # Errors
    /// If it is no token sequence of h·w positions.
    pub fn to_map(&self, h: usize, w: usize) -> Result<Self> {
        let [_, n, _] = self.token_shape()?;
        if n != h * w {
            return Err(Error::Shape(format!("expected {h}·{w} positions, found {n}")));
        }
        each!(self, x => x.to_map(h, w))
    }

    /// Nearest-neighbour enlargement to twice the height and width.
    ///
    /// # Errors
    /// If it is no map.
    pub fn upsample_nearest(&self) -> Result<Self> {
        self.map_shape()?;
        each!(self, x => x.upsample_nearest())
    }

    /// Mean of each 2×2 square, stride 2.
    ///
    /// # Errors
    /// If it is no map.
    pub fn average_pool(&self) -> Result<Self> {
        self.map_shape()?;
        each!(self, x => x.average_pool())
    }
}

pub(super) fn map_shape(shape: &[usize]) -> Result<[usize; 4]> {
    let wrong = || Error::Shape(format!("expected a map (b, c, h, w), found a tensor of shape {shape:?}"));
    shape.try_into().map_err(|_| wrong())
}

pub(super) fn token_shape(shape: &[usize]) -> Result<[usize; 3]> {
    let wrong = || Error::Shape(format!("expected tokens (b, n, c), found a tensor of shape {shape:?}"));
    shape.try_into().map_err(|_| wrong())
}
