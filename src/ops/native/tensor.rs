//! The tensor of our kernels: an arena's buffer and a shape. Maps lie channels last.
//!
//! Trap: a skip concatenation is not copied: such a map has two buffers ([`Data::Beside`]), and what
//! cannot read two sources calls [`Tensor::whole`] first.

use std::sync::Arc;

use crate::ops::cpu::{Activation as KernelActivation, Buffer, Context, Source, activate, scale_add, zeros};
use crate::ops::tensor::{map_shape, token_shape};
use crate::ops::{Activation, Device, Error, Result};

/// A tensor in the CPU's memory; cheap to clone, never changed in place.
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
    device: Device,
}

/// Where the numbers are.
#[derive(Clone)]
enum Data {
    /// In one buffer.
    One(Arc<Buffer>),
    /// A map's channels, first these, then those: buffer and channels of each.
    Beside([(Arc<Buffer>, usize); 2]),
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({:?})", self.shape)
    }
}

impl Activation {
    pub(super) fn kernel(self) -> KernelActivation {
        match self {
            Self::Identity => KernelActivation::None,
            Self::Silu => KernelActivation::Silu,
            Self::QuickGelu => KernelActivation::QuickGelu,
            Self::Gelu => KernelActivation::Gelu,
            Self::Relu => KernelActivation::Relu,
        }
    }
}

impl Tensor {
    /// A tensor of this shape whose numbers `fill` writes.
    pub(super) fn make(
        device: &Device,
        shape: &[usize],
        fill: impl FnOnce(&Context, &mut [f32]) -> Result<()>,
    ) -> Result<Self> {
        let context = device.fast()?;
        let mut buffer = context.arena.take(shape.iter().product())?;
        fill(context, &mut buffer)?;
        Ok(Self { shape: shape.to_vec(), data: Data::One(Arc::new(buffer)), device: device.clone() })
    }

    /// Numbers from the host, row-major; a map's are put channels last.
    ///
    /// # Errors
    /// If the device is another.
    pub fn from_f32(device: &Device, shape: &[usize], values: &[f32]) -> Result<Self> {
        Self::make(device, shape, |_, to| {
            match *shape {
                [b, c, h, w] => transpose(values, to, b, c, h * w),
                _ => to.copy_from_slice(values),
            }
            Ok(())
        })
    }

    /// The numbers, row-major, a map's (b, c, h, w).
    ///
    /// # Errors
    /// If the system gives no memory for them.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let mut values = zeros(self.shape.iter().product())?;
        match (&self.data, self.shape.as_slice()) {
            (Data::One(buffer), &[b, c, h, w]) => transpose(buffer, &mut values, b, h * w, c),
            (Data::One(buffer), _) => values.copy_from_slice(buffer),
            (Data::Beside(parts), &[b, c, h, w]) => {
                let mut rows = zeros(values.len())?;
                gather(parts, &mut rows);
                transpose(&rows, &mut values, b, h * w, c);
            }
            // Only maps lie side by side.
            (Data::Beside(parts), _) => gather(parts, &mut values),
        }
        Ok(values)
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Where it lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn map_shape(&self) -> Result<[usize; 4]> {
        map_shape(&self.shape)
    }

    pub(super) fn token_shape(&self) -> Result<[usize; 3]> {
        token_shape(&self.shape)
    }

    /// The rows as kernels read them: a map's pixels or a sequence's tokens, channels within.
    pub(super) fn source(&self) -> Source<'_> {
        match &self.data {
            Data::One(buffer) => Source::one(buffer, self.channels()),
            Data::Beside([(first, a), (second, b)]) => Source::two(first, *a, second, *b),
        }
    }

    /// Channels of a map, or the last dimension.
    pub(super) fn channels(&self) -> usize {
        match *self.shape.as_slice() {
            [_, c, _, _] => c,
            _ => self.shape.last().copied().unwrap_or(1),
        }
    }

    /// The same tensor in one buffer.
    pub(super) fn whole(&self) -> Result<Self> {
        match &self.data {
            Data::One(_) => Ok(self.clone()),
            Data::Beside(parts) => Self::make(&self.device, &self.shape, |_, to| {
                gather(parts, to);
                Ok(())
            }),
        }
    }

    /// The numbers of a tensor in one buffer, as they lie.
    pub(super) fn numbers(&self) -> Result<&[f32]> {
        match &self.data {
            Data::One(buffer) => Ok(buffer),
            Data::Beside(_) => Err(Error::Shape("a tensor in two parts was read as one".to_owned())),
        }
    }

    /// The numbers of a tensor in one buffer that no other tensor has, to change.
    pub(super) fn numbers_alone(&mut self) -> Option<&mut [f32]> {
        match &mut self.data {
            Data::One(buffer) => Arc::get_mut(buffer).map(|buffer| &mut **buffer),
            Data::Beside(_) => None,
        }
    }

    /// Number `index` of the batch. The caller has checked that there is one.
    ///
    /// # Errors
    /// If the device is another.
    pub fn batch_item(&self, index: usize) -> Result<Self> {
        let whole = self.whole()?;
        let mut shape = self.shape.clone();
        shape[0] = 1;
        Self::make(&self.device, &shape, |_, to| {
            let len = to.len();
            to.copy_from_slice(&whole.numbers()?[index * len..(index + 1) * len]);
            Ok(())
        })
    }

    /// Whether both are the same numbers in the same memory.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.data, &other.data) {
            (Data::One(a), Data::One(b)) => Arc::ptr_eq(a, b) && self.shape == other.shape,
            _ => false,
        }
    }

    /// The same numbers under another shape of the same memory order.
    fn seen_as(&self, shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), data: self.data.clone(), device: self.device.clone() }
    }

    /// Sum of equal shapes.
    ///
    /// # Errors
    /// If stopped.
    pub fn add(&self, other: &Self) -> Result<Self> {
        let (a, b) = (self.whole()?, other.whole()?);
        Self::make(&self.device, &self.shape, |context, y| {
            Ok(scale_add(context, a.numbers()?, 1.0, Some(b.numbers()?), y)?)
        })
    }

    /// Every number times `factor`.
    ///
    /// # Errors
    /// If stopped.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        let x = self.whole()?;
        Self::make(&self.device, &self.shape, |context, y| {
            Ok(scale_add(context, x.numbers()?, factor as f32, None, y)?)
        })
    }

    /// x·(1 + scale) + shift, with scale and shift (b, c).
    ///
    /// # Errors
    /// If stopped.
    pub fn scale_shift_channels(&self, scale: &Self, shift: &Self) -> Result<Self> {
        let [_, c, h, w] = self.map_shape()?;
        let x = self.whole()?;
        let (scale, shift) = (scale.numbers()?, shift.numbers()?);
        Self::make(&self.device, &self.shape, |_, y| {
            for (row, (y, x)) in y.chunks_exact_mut(c).zip(x.numbers()?.chunks_exact(c)).enumerate() {
                let at = row / (h * w) * c;
                for (i, y) in y.iter_mut().enumerate() {
                    *y = x[i] * (1.0 + scale[at + i]) + shift[at + i];
                }
            }
            Ok(())
        })
    }

    /// Applies an activation.
    ///
    /// # Errors
    /// If stopped.
    pub fn activate(&self, activation: Activation) -> Result<Self> {
        let x = self.whole()?;
        Self::make(&self.device, &self.shape, |context, y| {
            Ok(activate(context, x.numbers()?, activation.kernel(), y)?)
        })
    }

    /// tanh of every number.
    ///
    /// # Errors
    /// If the device is another.
    pub fn tanh(&self) -> Result<Self> {
        let x = self.whole()?;
        Self::make(&self.device, &self.shape, |_, y| {
            y.iter_mut().zip(x.numbers()?).for_each(|(y, x)| *y = x.tanh());
            Ok(())
        })
    }

    /// Tensors one after another along dimension 0 or 1; two maps along their channels are not copied.
    ///
    /// # Errors
    /// If there is none.
    pub fn concatenate(parts: &[&Self], dimension: usize) -> Result<Self> {
        let [first, ..] = parts else { return Err(Error::Shape("nothing to concatenate".to_owned())) };
        let mut shape = first.shape.clone();
        shape[dimension] = parts.iter().map(|part| part.shape[dimension]).sum();
        if dimension == 1 && shape.len() == 4 {
            return Self::beside(parts, &shape);
        }
        let parts: Vec<Self> = parts.iter().map(|part| part.whole()).collect::<Result<_>>()?;
        // Along dimension 0 each part is one run; along dimension 1 each has a run for every picture.
        let runs = if dimension == 0 { 1 } else { shape[0] };
        Self::make(&first.device, &shape, |_, mut to| {
            for run in 0..runs {
                for part in &parts {
                    let numbers = part.numbers()?;
                    let len = numbers.len() / runs;
                    let (here, rest) = std::mem::take(&mut to).split_at_mut(len);
                    here.copy_from_slice(&numbers[run * len..(run + 1) * len]);
                    to = rest;
                }
            }
            Ok(())
        })
    }

    /// Maps side by side in their channels.
    fn beside(parts: &[&Self], shape: &[usize]) -> Result<Self> {
        let buffers = parts
            .iter()
            .map(|part| match &part.whole()?.data {
                Data::One(buffer) => Ok((buffer.clone(), part.channels())),
                Data::Beside(_) => Err(Error::Shape("a whole tensor lies in two parts".to_owned())),
            })
            .collect::<Result<Vec<_>>>()?;
        let device = parts[0].device.clone();
        match <[_; 2]>::try_from(buffers) {
            Ok(two) => Ok(Self { shape: shape.to_vec(), data: Data::Beside(two), device }),
            Err(buffers) => Self::make(&device, shape, |_, to| {
                gather(&buffers, to);
                Ok(())
            }),
        }
    }

    /// The two halves along dimension 1.
    ///
    /// # Errors
    /// If the device is another.
    pub fn halves(&self) -> Result<(Self, Self)> {
        let whole = self.whole()?;
        let mut shape = self.shape.clone();
        shape[1] /= 2;
        // A map's dimension 1 is the innermost in memory; so is that of (b, c).
        let half = if shape.len() == 3 { shape[1] * shape[2] } else { shape[1] };
        let part = |start: usize| {
            Self::make(&self.device, &shape, |_, to| {
                for (to, from) in to.chunks_exact_mut(half).zip(whole.numbers()?.chunks_exact(2 * half)) {
                    to.copy_from_slice(&from[start..start + half]);
                }
                Ok(())
            })
        };
        Ok((part(0)?, part(half)?))
    }

    /// (b, c, h, w) → (b, h·w, c), without a copy.
    ///
    /// # Errors
    /// If it is no map.
    pub fn to_tokens(&self) -> Result<Self> {
        let [b, c, h, w] = self.map_shape()?;
        Ok(self.whole()?.seen_as(&[b, h * w, c]))
    }

    /// (b, h·w, c) → (b, c, h, w), without a copy.
    ///
    /// # Errors
    /// If it is no token sequence.
    pub fn to_map(&self, h: usize, w: usize) -> Result<Self> {
        let [b, _, c] = self.token_shape()?;
        Ok(self.seen_as(&[b, c, h, w]))
    }

    /// Twice the size by nearest neighbours.
    ///
    /// # Errors
    /// If it is no map.
    pub fn upsample_nearest(&self) -> Result<Self> {
        let [b, c, h, w] = self.map_shape()?;
        let x = self.whole()?;
        Self::make(&self.device, &[b, c, 2 * h, 2 * w], |_, y| {
            let from = x.numbers()?;
            for (pixel, y) in y.chunks_exact_mut(c).enumerate() {
                let (row, column) = (pixel / (2 * w), pixel % (2 * w));
                let at = (row / 2 * w + column / 2) * c;
                y.copy_from_slice(&from[at..at + c]);
            }
            Ok(())
        })
    }

    /// Mean of each 2×2 square; an odd last row or column is left out.
    ///
    /// # Errors
    /// If it is no map.
    pub fn average_pool(&self) -> Result<Self> {
        let [b, c, h, w] = self.map_shape()?;
        let x = self.whole()?;
        let (half_h, half_w) = (h / 2, w / 2);
        Self::make(&self.device, &[b, c, half_h, half_w], |_, y| {
            let from = x.numbers()?;
            for (pixel, y) in y.chunks_exact_mut(c).enumerate() {
                let (picture, row, column) =
                    (pixel / (half_h * half_w), pixel / half_w % half_h, pixel % half_w);
                let at = ((picture * h + 2 * row) * w + 2 * column) * c;
                for (i, y) in y.iter_mut().enumerate() {
                    let (above, below) = (at + i, at + w * c + i);
                    *y = (from[above] + from[above + c] + from[below] + from[below + c]) * 0.25;
                }
            }
            Ok(())
        })
    }
}

/// `from` (b, n, m) → `to` (b, m, n).
fn transpose(from: &[f32], to: &mut [f32], b: usize, n: usize, m: usize) {
    let plane = n * m;
    for (from, to) in from.chunks_exact(plane.max(1)).zip(to.chunks_exact_mut(plane.max(1))).take(b) {
        for (j, row) in to.chunks_exact_mut(n.max(1)).enumerate() {
            for (i, value) in row.iter_mut().enumerate() {
                *value = from[i * m + j];
            }
        }
    }
}

/// Rows side by side: every row of `to` is a row of each part in turn.
fn gather(parts: &[(Arc<Buffer>, usize)], to: &mut [f32]) {
    let channels: usize = parts.iter().map(|part| part.1).sum();
    for (row, to) in to.chunks_exact_mut(channels.max(1)).enumerate() {
        let mut start = 0;
        for (buffer, width) in parts {
            to[start..start + width].copy_from_slice(&buffer[row * width..(row + 1) * width]);
            start += width;
        }
    }
}
