//! The native tensor, an arena's buffer and a shape, and the light operations on it. Maps are stored
//! NHWC, everything else row-major.

use std::ops::Range;
use std::sync::Arc;

use crate::ops::backend::{Source, TensorOps};
use crate::ops::cpu::{self, Activation as KernelActivation, Buffer, activate, scale_add, zeros};
use crate::ops::native::Native;
use crate::ops::{Activation, Dtype, Error, Result};

/// A tensor in the CPU's memory; cheap to clone, never changed while it is shared.
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Arc<Buffer>,
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
            Self::LeakyRelu => KernelActivation::LeakyRelu,
        }
    }
}

impl Tensor {
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// (b, c, h, w) of a map.
    pub(super) fn map_shape(&self) -> Result<[usize; 4]> {
        let wrong = |_| Error::Shape(format!("expected a map, found {:?}", self.shape));
        self.shape.as_slice().try_into().map_err(wrong)
    }

    /// (b, n, c) of tokens.
    pub(super) fn token_shape(&self) -> Result<[usize; 3]> {
        let wrong = |_| Error::Shape(format!("expected tokens, found {:?}", self.shape));
        self.shape.as_slice().try_into().map_err(wrong)
    }

    /// Channels of a map, or the last dimension.
    fn channels(&self) -> usize {
        match *self.shape.as_slice() {
            [_, c, _, _] => c,
            _ => self.shape.last().copied().unwrap_or(1),
        }
    }

    /// The elements as they lie in memory.
    pub(super) fn elements(&self) -> &[f32] {
        &self.data
    }

    /// The elements of a tensor that nothing else shares, to change.
    pub(super) fn elements_alone(&mut self) -> Option<&mut [f32]> {
        Arc::get_mut(&mut self.data).map(|buffer| &mut **buffer)
    }

    /// The rows as kernels read them: a map's pixels or a sequence's tokens, channels within.
    pub(super) fn rows(&self) -> cpu::Source<'_> {
        cpu::Source::one(&self.data, self.channels())
    }

    /// The same elements under another shape of the same memory order.
    fn seen_as(&self, shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), data: self.data.clone() }
    }
}

impl<'a> Source<'a, Tensor> {
    /// The tensor that the first channels come from.
    pub(super) fn first(&self) -> &'a Tensor {
        match self {
            Self::One(x) | Self::Two(x, _) => x,
        }
    }

    /// The rows as kernels read them.
    pub(super) fn rows(&self) -> cpu::Source<'a> {
        match self {
            Self::One(x) => x.rows(),
            Self::Two(a, b) => cpu::Source::two(&a.data, a.channels(), &b.data, b.channels()),
        }
    }
}

impl Native {
    /// A tensor of this shape, whose elements `fill` writes.
    pub(super) fn make(
        &self,
        shape: &[usize],
        fill: impl FnOnce(&mut [f32]) -> Result<()>,
    ) -> Result<Tensor> {
        let mut buffer = self.context.arena().take(shape.iter().product())?;
        fill(&mut buffer)?;
        Ok(Tensor { shape: shape.to_vec(), data: Arc::new(buffer) })
    }
}

impl TensorOps for Native {
    type Tensor = Tensor;

    fn shape<'a>(&self, x: &'a Tensor) -> &'a [usize] {
        x.shape()
    }

    fn is_same(&self, a: &Tensor, b: &Tensor) -> bool {
        Arc::ptr_eq(&a.data, &b.data) && a.shape == b.shape
    }

    fn upload(&self, shape: &[usize], values: &[f32]) -> Result<Tensor> {
        self.make(shape, |to| {
            match *shape {
                [b, c, h, w] => transpose(values, to, b, c, h * w),
                _ => to.copy_from_slice(values),
            }
            Ok(())
        })
    }

    fn download(&self, x: &Tensor) -> Result<Vec<f32>> {
        let mut values = zeros(x.data.len())?;
        match *x.shape.as_slice() {
            [b, c, h, w] => transpose(&x.data, &mut values, b, h * w, c),
            _ => values.copy_from_slice(&x.data),
        }
        Ok(values)
    }

    /// Every tensor is stored in f32.
    fn cast(&self, _x: &Tensor, _dtype: Dtype) -> Result<Option<Tensor>> {
        Ok(None)
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.make(&a.shape, |y| Ok(scale_add(&self.context, &a.data, 1.0, Some(&b.data), y)?))
    }

    fn scale(&self, x: &Tensor, factor: f64) -> Result<Tensor> {
        self.make(&x.shape, |y| Ok(scale_add(&self.context, &x.data, factor as f32, None, y)?))
    }

    fn scale_shift_channels(&self, x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
        let [_, c, h, w] = x.map_shape()?;
        let (scale, shift) = (&scale.data, &shift.data);
        self.make(&x.shape, |y| {
            for (row, (y, x)) in y.chunks_exact_mut(c).zip(x.data.chunks_exact(c)).enumerate() {
                let at = row / (h * w) * c;
                for (i, y) in y.iter_mut().enumerate() {
                    *y = x[i] * (1.0 + scale[at + i]) + shift[at + i];
                }
            }
            Ok(())
        })
    }

    fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        self.make(&x.shape, |y| Ok(activate(&self.context, &x.data, activation.kernel(), y)?))
    }

    fn tanh(&self, x: &Tensor) -> Result<Tensor> {
        self.make(&x.shape, |y| {
            y.iter_mut().zip(x.elements()).for_each(|(y, x)| *y = x.tanh());
            Ok(())
        })
    }

    fn concatenate(&self, parts: &[&Tensor], dimension: usize) -> Result<Tensor> {
        let mut shape = parts.first().map_or_else(Vec::new, |first| first.shape.clone());
        shape[dimension] = parts.iter().map(|part| part.shape[dimension]).sum();
        // Along dimension 0 each part is one run. Along dimension 1 it has a run for every pixel of a
        // map, else for every item of the batch.
        let runs = match (dimension, shape.as_slice()) {
            (0, _) => 1,
            (_, &[b, _, h, w]) => b * h * w,
            _ => shape[0],
        };
        self.make(&shape, |mut to| {
            for run in 0..runs {
                for part in parts {
                    let len = part.data.len() / runs;
                    let (here, rest) = std::mem::take(&mut to).split_at_mut(len);
                    here.copy_from_slice(&part.data[run * len..(run + 1) * len]);
                    to = rest;
                }
            }
            Ok(())
        })
    }

    fn stack(&self, parts: &[(&Tensor, Range<usize>)], axis: usize) -> Result<Tensor> {
        let mut shape = parts.first().map_or_else(Vec::new, |(first, _)| first.shape.clone());
        shape[axis] = parts.iter().map(|(_, range)| range.len()).sum();
        // Numbers of a row or of a pixel, and how often its neighbors along the axis are one run.
        let (unit, runs) = match axis {
            2 => (shape[1] * shape[3], shape[0]),
            _ => (shape[1], shape[0] * shape[2]),
        };
        self.make(&shape, |mut to| {
            for run in 0..runs {
                for (part, range) in parts {
                    let (here, rest) = std::mem::take(&mut to).split_at_mut(range.len() * unit);
                    let first = run * part.shape[axis] + range.start;
                    here.copy_from_slice(&part.data[first * unit..(first + range.len()) * unit]);
                    to = rest;
                }
            }
            Ok(())
        })
    }

    fn batch_item(&self, x: &Tensor, index: usize) -> Result<Tensor> {
        let mut shape = x.shape.clone();
        shape[0] = 1;
        self.make(&shape, |to| {
            let len = to.len();
            to.copy_from_slice(&x.data[index * len..(index + 1) * len]);
            Ok(())
        })
    }

    fn halves(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut shape = x.shape.clone();
        shape[1] /= 2;
        // A map's dimension 1 is the innermost in memory; so is that of (b, c).
        let half = if shape.len() == 3 { shape[1] * shape[2] } else { shape[1] };
        let part = |start: usize| {
            self.make(&shape, |to| {
                for (to, from) in to.chunks_exact_mut(half).zip(x.data.chunks_exact(2 * half)) {
                    to.copy_from_slice(&from[start..start + half]);
                }
                Ok(())
            })
        };
        Ok((part(0)?, part(half)?))
    }

    /// Costs nothing: both are the same rows.
    fn to_tokens(&self, x: &Tensor) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        Ok(x.seen_as(&[b, h * w, c]))
    }

    /// Costs nothing: both are the same rows.
    fn to_map(&self, x: &Tensor, h: usize, w: usize) -> Result<Tensor> {
        let [b, _, c] = x.token_shape()?;
        Ok(x.seen_as(&[b, c, h, w]))
    }

    fn upsample_nearest(&self, x: &Tensor) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        self.make(&[b, c, 2 * h, 2 * w], |y| {
            for (pixel, y) in y.chunks_exact_mut(c).enumerate() {
                // Rows of all items of the batch are counted through: an item has an even number.
                let (row, column) = (pixel / (2 * w), pixel % (2 * w));
                let at = (row / 2 * w + column / 2) * c;
                y.copy_from_slice(&x.data[at..at + c]);
            }
            Ok(())
        })
    }

    fn average_pool(&self, x: &Tensor) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        let (half_h, half_w) = (h / 2, w / 2);
        self.make(&[b, c, half_h, half_w], |y| {
            for (pixel, y) in y.chunks_exact_mut(c).enumerate() {
                let (item, row, column) =
                    (pixel / (half_h * half_w), pixel / half_w % half_h, pixel % half_w);
                let at = ((item * h + 2 * row) * w + 2 * column) * c;
                for (i, y) in y.iter_mut().enumerate() {
                    let (above, below) = (at + i, at + w * c + i);
                    *y = (x.data[above] + x.data[above + c] + x.data[below] + x.data[below + c]) * 0.25;
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
