//! `Tensor`: elements on a device, and the light operations on them.
//!
//! Trap: maps are (b, c, h, w) and tokens (b, n, c) whatever the memory layout; only
//! [`Tensor::to_tokens`] and [`Tensor::to_map`] go from one to the other. A concatenation of two maps
//! along their channels copies nothing: convolutions and group norms read both parts, every other
//! operation joins them first ([`Tensor::whole`]).

use std::ops::Range;

use super::backend::{Source, TensorOps};
use super::dispatch::{Own, on, own};
use super::meter::Described;
use super::{Activation, Device, Error, Result};

/// A tensor on a device; cheap to clone, never changed in place.
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    device: Device,
    parts: Parts,
}

/// A tensor's memory.
#[derive(Clone)]
enum Parts {
    One(own::Tensor),
    /// A map's first channels, then the others.
    Two(own::Tensor, own::Tensor),
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({:?} on {:?})", self.shape, self.device)
    }
}

/// Runs a light operation: `$body` with the backend of `$tensor` and its own form of it.
macro_rules! light {
    ($tensor:expr, ($backend:ident, $x:ident) => $body:expr) => {{
        let device = $tensor.device();
        let work = || {
            on!(device, $backend => {
                let $x = &$tensor.whole($backend, device)?;
                Ok(Tensor::made($backend, device, $body?))
            })
        };
        device.measure(work, Tensor::describe)
    }};
}

impl Tensor {
    /// Copies, sums and factors count as no operations; their time is what matters.
    fn describe(made: &Self) -> Described {
        Described { kind: "light operations", shape: format!("{:?}", made.shape()), operations: 0.0 }
    }

    /// The tensor that a backend made on `device`.
    pub(super) fn made<B>(backend: &B, device: &Device, made: B::Tensor) -> Self
    where
        B: TensorOps<Tensor: Own<own::Tensor>>,
    {
        Self { shape: backend.shape(&made).to_vec(), device: device.clone(), parts: Parts::One(made.put()) }
    }

    /// The backend's own tensor for an operation on `device`, its parts joined.
    pub(super) fn whole<B>(&self, backend: &B, device: &Device) -> Result<B::Tensor>
    where
        B: TensorOps<Tensor: Own<own::Tensor>>,
    {
        match self.source(backend, device)? {
            Source::One(one) => Ok(one.clone()),
            Source::Two(first, second) => backend.concatenate(&[first, second], 1),
        }
    }

    /// The backend's own tensors for an operation on `device`, as they lie.
    pub(super) fn source<B>(&self, _backend: &B, device: &Device) -> Result<Source<'_, B::Tensor>>
    where
        B: TensorOps<Tensor: Own<own::Tensor>>,
    {
        let own = |part| device.own(&self.device, part);
        Ok(match &self.parts {
            Parts::One(one) => Source::One(own(one)?),
            Parts::Two(first, second) => Source::Two(own(first)?, own(second)?),
        })
    }

    /// Whether a consumer reads it from two sources.
    pub(super) fn is_in_two(&self) -> bool {
        matches!(self.parts, Parts::Two(..))
    }

    /// The backend's own tensor moved out of one in one part, so that nothing here shares it.
    pub(super) fn take<T: Own<own::Tensor>>(self) -> Result<T> {
        match self.parts {
            Parts::One(one) => T::take(one).ok_or(Error::TwoDevices),
            Parts::Two(..) => Err(Error::Shape("a map in two parts cannot be moved out".to_owned())),
        }
    }

    /// Uploads `values`, row-major, rounded to the device's dtype.
    ///
    /// # Errors
    /// If `values` has another length than `shape` says, or the device is out of memory.
    pub fn from_f32(device: &Device, shape: &[usize], values: &[f32]) -> Result<Self> {
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::Shape(format!(
                "expected the elements of shape {shape:?}, found {}",
                values.len()
            )));
        }
        on!(device, backend => Ok(Self::made(backend, device, backend.upload(shape, values)?)))
    }

    /// Waits for the tensor and downloads it as f32, row-major.
    ///
    /// # Errors
    /// If the device fails.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let device = &self.device;
        on!(device, backend => backend.download(&self.whole(backend, device)?))
    }

    /// Waits for the tensor; whether every number is finite, and not so large that its type may have cut it off.
    ///
    /// # Errors
    /// If the device fails.
    pub fn is_finite(&self) -> Result<bool> {
        let device = &self.device;
        on!(device, backend => backend.is_finite(&self.whole(backend, device)?))
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The device that it lives on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// (b, c, h, w) of a map.
    ///
    /// # Errors
    /// If it has not four dimensions.
    pub fn map_shape(&self) -> Result<[usize; 4]> {
        let shape = self.shape();
        let wrong =
            || Error::Shape(format!("expected a map (b, c, h, w), found a tensor of shape {shape:?}"));
        shape.try_into().map_err(|_| wrong())
    }

    /// (b, n, c) of tokens.
    ///
    /// # Errors
    /// If it has not three dimensions.
    pub fn token_shape(&self) -> Result<[usize; 3]> {
        let shape = self.shape();
        let wrong = || Error::Shape(format!("expected tokens (b, n, c), found a tensor of shape {shape:?}"));
        shape.try_into().map_err(|_| wrong())
    }

    /// The same tensor in the dtype of `device`, which is its own but for that.
    ///
    /// A backend that stores all dtypes alike leaves it as it is, under the dtype that
    /// made it: keys and values of an f32 text encoder's context stay f32 in a bf16 UNet.
    ///
    /// # Errors
    /// If the device fails.
    pub fn to_dtype_of(&self, device: &Device) -> Result<Self> {
        on!(device, backend => {
            let cast = backend.cast(&self.whole(backend, device)?, device.dtype())?;
            Ok(cast.map_or_else(|| self.clone(), |cast| Self::made(backend, device, cast)))
        })
    }

    /// The same tensor on `device`, in its dtype; over the host if it is another's.
    ///
    /// # Errors
    /// If a device fails.
    pub fn brought_to(&self, device: &Device) -> Result<Self> {
        if device.shares_tensors_with(&self.device) {
            return self.to_dtype_of(device);
        }
        Self::from_f32(device, &self.shape, &self.to_f32()?)
    }

    /// The sum of equal shapes.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        if self.shape() != other.shape() {
            return Err(Error::Shape(format!("cannot add {:?} and {:?}", self.shape(), other.shape())));
        }
        light!(self, (backend, x) => backend.add(x, &other.whole(backend, &self.device)?))
    }

    /// Every element times `factor`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        light!(self, (backend, x) => backend.scale(x, factor))
    }

    /// A map times (1 + scale) plus shift, each (b, c): adaptive normalization's second half.
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
        let device = &self.device;
        light!(self, (backend, x) => {
            backend.scale_shift_channels(x, &scale.whole(backend, device)?, &shift.whole(backend, device)?)
        })
    }

    /// Applies an activation to every element.
    ///
    /// # Errors
    /// If the device fails.
    pub fn activate(&self, activation: Activation) -> Result<Self> {
        light!(self, (backend, x) => backend.activate(x, activation))
    }

    /// tanh of every element.
    ///
    /// # Errors
    /// If the device fails.
    pub fn tanh(&self) -> Result<Self> {
        light!(self, (backend, x) => backend.tanh(x))
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

    /// Item `index` of the batch, as a batch of one.
    ///
    /// # Errors
    /// If the batch has no such item.
    pub fn batch_item(&self, index: usize) -> Result<Self> {
        let batch = self.shape().first().copied().unwrap_or(0);
        if index >= batch {
            return Err(Error::Shape(format!("expected a batch of more than {index}, found {batch}")));
        }
        light!(self, (backend, x) => backend.batch_item(x, index))
    }

    /// Whether both share the same memory.
    pub fn is_same(&self, other: &Self) -> bool {
        let device = &self.device;
        on!(device, backend => match (self.source(backend, device), other.source(backend, device)) {
            (Ok(Source::One(a)), Ok(Source::One(b))) => backend.is_same(a, b),
            _ => false,
        })
    }

    /// Maps or tokens of equal other dimensions one after another along dimension 1: channels of
    /// maps (a skip connection, of which nothing is copied), positions of tokens.
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
        let others = |part: &Self| {
            let mut shape = part.shape().to_vec();
            (dimension < shape.len()).then(|| shape.remove(dimension)).map(|_| shape)
        };
        let expected = others(first);
        if expected.is_none() {
            return Err(Error::Shape(format!("{:?} has no dimension {dimension} to join", first.shape())));
        }
        if let Some(odd) = rest.iter().find(|part| others(part) != expected) {
            return Err(Error::Shape(format!("cannot put {:?} beside {:?}", odd.shape(), first.shape())));
        }
        let device = &first.device;
        let join = || {
            on!(device, backend => {
                let wholes: Vec<_> =
                    parts.iter().map(|part| part.whole(backend, device)).collect::<Result<_>>()?;
                match <[_; 2]>::try_from(wholes) {
                    Ok([a, b]) if dimension == 1 && first.shape.len() == 4 => {
                        let mut shape = first.shape.clone();
                        shape[1] += parts[1].shape[1];
                        Ok(Self { shape, device: device.clone(), parts: Parts::Two(a.put(), b.put()) })
                    }
                    Ok([a, b]) => Ok(Self::made(backend, device, backend.concatenate(&[&a, &b], dimension)?)),
                    Err(wholes) => {
                        let wholes: Vec<_> = wholes.iter().collect();
                        Ok(Self::made(backend, device, backend.concatenate(&wholes, dimension)?))
                    }
                }
            })
        };
        device.measure(join, Self::describe)
    }

    /// Rows of maps of equal other dimensions one below another, each (b, c, rows, w).
    ///
    /// # Errors
    /// If shapes do not fit, a range is not in its map, or there is none.
    pub fn stack_rows(parts: &[(&Self, Range<usize>)]) -> Result<Self> {
        Self::stack(parts, 2)
    }

    /// Rows (`axis` 2) or columns (3) of maps of equal other dimensions one after another.
    ///
    /// # Errors
    /// If shapes do not fit, a range is not in its map, or there is none.
    pub fn stack(parts: &[(&Self, Range<usize>)], axis: usize) -> Result<Self> {
        let [(first, _), ..] = parts else {
            return Err(Error::Shape("nothing to stack".to_owned()));
        };
        let shape = first.map_shape()?;
        for (part, range) in parts {
            let mut found = part.map_shape()?;
            let length = found.get(axis).copied().filter(|_| axis > 1).unwrap_or(0);
            if range.is_empty() || range.end > length {
                return Err(Error::Shape(format!(
                    "cannot stack {range:?} of {found:?} along dimension {axis}"
                )));
            }
            found[axis] = shape[axis];
            if found != shape {
                return Err(Error::Shape(format!("cannot stack {:?} with {shape:?}", part.shape())));
            }
        }
        let device = &first.device;
        let stack = || {
            on!(device, backend => {
                let wholes: Vec<_> =
                    parts.iter().map(|part| part.0.whole(backend, device)).collect::<Result<_>>()?;
                let parts: Vec<_> = wholes.iter().zip(parts).map(|(own, part)| (own, part.1.clone())).collect();
                Ok(Self::made(backend, device, backend.stack(&parts, axis)?))
            })
        };
        device.measure(stack, Self::describe)
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
        let device = &self.device;
        on!(device, backend => {
            let (first, second) = backend.halves(&self.whole(backend, device)?)?;
            Ok((Self::made(backend, device, first), Self::made(backend, device, second)))
        })
    }

    /// (b, c, h, w) → (b, h·w, c).
    ///
    /// # Errors
    /// If it is no map.
    pub fn to_tokens(&self) -> Result<Self> {
        self.map_shape()?;
        light!(self, (backend, x) => backend.to_tokens(x))
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
        light!(self, (backend, x) => backend.to_map(x, h, w))
    }

    /// Nearest-neighbor enlargement to twice the height and width.
    ///
    /// # Errors
    /// If it is no map.
    pub fn upsample_nearest(&self) -> Result<Self> {
        self.map_shape()?;
        light!(self, (backend, x) => backend.upsample_nearest(x))
    }

    /// Mean of each 2×2 square, stride 2; an odd last row or column is left out.
    ///
    /// # Errors
    /// If it is no map.
    pub fn average_pool(&self) -> Result<Self> {
        self.map_shape()?;
        light!(self, (backend, x) => backend.average_pool(x))
    }
}
