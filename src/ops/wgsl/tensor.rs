//! The card's tensor, a piece of the arena and a shape, and the light operations on it.
//!
//! Layout: rows of channels, a row for each pixel, token or item; a row has whole quads, and what fills up
//! the last one is zero. Every operation keeps that.

use std::ops::Range;
use std::sync::Arc;

use super::cut::{fold, work_of};
use super::device::{Wgsl, storage};
use super::kernel::{Kernel, Storage, Variant};
use super::layout::{from_bytes, from_rows, rows_of, to_bytes, to_rows};
use crate::gpu::{Bound, Context, Piece};
use crate::ops::backend::{Source, TensorOps};
use crate::ops::{Activation, Drawn, Dtype, Error, PictureForm, Result};

/// A tensor in the card's memory; cheap to clone, never changed.
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    storage: Storage,
    piece: Arc<Piece>,
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({:?})", self.shape)
    }
}

impl Tensor {
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(super) fn storage(&self) -> Storage {
        self.storage
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

    /// Rows as they lie in memory.
    pub(super) fn rows(&self) -> usize {
        rows_of(&self.shape).0
    }

    /// Numbers of a row without what fills it up.
    pub(super) fn channels(&self) -> usize {
        rows_of(&self.shape).1
    }

    /// Quads of a row.
    pub(super) fn quads(&self) -> usize {
        self.channels().div_ceil(4)
    }

    /// Bytes of a row.
    pub(super) fn row_bytes(&self) -> u64 {
        self.quads() as u64 * self.storage.quad_bytes()
    }

    /// All of it, as it is bound.
    pub(super) fn bound(&self) -> Bound<'_> {
        self.piece.bound(0, self.rows() as u64 * self.row_bytes())
    }

    /// Rows `start..end`, as they are bound, from a multiple of 256 bytes on: 64 rows are one always.
    pub(super) fn bound_rows(&self, start: usize, end: usize) -> Bound<'_> {
        debug_assert!((start as u64 * self.row_bytes()).is_multiple_of(256), "rows {start} on lie askew");
        self.piece.bound(start as u64 * self.row_bytes(), (end - start) as u64 * self.row_bytes())
    }

    /// Whether nobody else shares its memory, so that its consumer may write there.
    pub(super) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.piece) == 1
    }

    /// The same memory under another shape of the same rows.
    fn seen_as(&self, shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), ..self.clone() }
    }
}

impl<'a> Source<'a, Tensor> {
    /// The tensor that the first channels come from.
    pub(super) fn first(&self) -> &'a Tensor {
        match self {
            Self::One(x) | Self::Two(x, _) => x,
        }
    }
}

/// Which of the operations of `each.wgsl`.
#[derive(Clone, Copy)]
enum Each {
    Add,
    Scale(f32),
    Activate(Activation),
    Tanh,
    ScaleShift,
}

impl Activation {
    /// The number in `activation.wgsl`.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Identity => 0,
            Self::Silu => 1,
            Self::QuickGelu => 2,
            Self::Gelu => 3,
            Self::Relu => 4,
            Self::LeakyRelu => 5,
        }
    }
}

/// A block of columns of some rows, in `outer` runs of `inner` rows: where it lies in each tensor.
pub(super) struct Block {
    pub outer: usize,
    pub inner: usize,
    pub count: usize,
    /// Rows from run to run, first row, first column.
    pub from: [usize; 3],
    pub to: [usize; 3],
}

impl Wgsl {
    /// The card's memory and queue.
    pub(super) fn context(&self) -> &Context<Variant> {
        &self.context
    }

    /// Records a dispatch of so many operations.
    pub(super) fn dispatch(
        &self,
        variant: &Variant,
        bound: &[Bound<'_>],
        parameters: &[u32],
        groups: [u32; 3],
        work: f64,
    ) -> Result<()> {
        Ok(self.context.dispatch(variant, bound, parameters, groups, work, &|| self.stopped())?)
    }

    /// A tensor of this shape, of any content.
    pub(super) fn empty(&self, shape: &[usize], storage: Storage) -> Result<Tensor> {
        let (rows, channels) = rows_of(shape);
        let bytes = rows as u64 * channels.div_ceil(4) as u64 * storage.quad_bytes();
        let piece = Arc::new(self.context.take(bytes)?);
        Ok(Tensor { shape: shape.to_vec(), storage, piece })
    }

    /// Rows of bands of a pass over `rows` rows of `row_bytes`: a multiple of 64 that a binding holds, and no more
    /// than a share where three times as much is moved.
    pub(super) fn band(&self, rows: usize, row_bytes: u64) -> usize {
        let most = (self.context.binding_max() / row_bytes.max(1)) as usize;
        let share = (self.context.share() / work_of(3 * row_bytes.max(1))) as usize;
        let most = most.min(share.max(64));
        if rows <= most { rows.max(1) } else { (most / 64 * 64).max(64) }
    }

    fn each(
        &self,
        operation: Each,
        x: &Tensor,
        z: Option<&Tensor>,
        shift: Option<&Tensor>,
    ) -> Result<Tensor> {
        let y = self.empty(x.shape(), x.storage)?;
        let (number, factor, activation) = match operation {
            Each::Add => (0, 0.0, 0),
            Each::Scale(factor) => (1, factor, 0),
            Each::Activate(activation) => (2, 0.0, activation.number()),
            Each::Tanh => (3, 0.0, 0),
            Each::ScaleShift => (4, 0.0, 0),
        };
        let item_rows = match *x.shape() {
            [_, _, h, w] => h * w,
            _ => 1,
        };
        let band = self.band(x.rows(), x.row_bytes());
        for start in (0..x.rows()).step_by(band) {
            self.count_band(start);
            let end = (start + band).min(x.rows());
            let quads = (end - start) * x.quads();
            let (groups, columns) = fold(quads);
            let none = self.context.no_activations();
            let z_bound = match (operation, z) {
                (Each::Add, Some(z)) => z.bound_rows(start, end),
                (_, Some(z)) => z.bound(),
                (_, None) => none,
            };
            let bound = [
                x.bound_rows(start, end),
                z_bound,
                shift.map_or(none, Tensor::bound),
                y.bound_rows(start, end),
            ];
            let parameters = [
                quads as u32,
                columns,
                number,
                factor.to_bits(),
                activation,
                x.quads() as u32,
                item_rows as u32,
                start as u32,
            ];
            let variant = Variant::plain(Kernel::Each, x.storage);
            self.dispatch(&variant, &bound, &parameters, groups, work_of(3 * bound[0].bytes))?;
        }
        Ok(y)
    }

    /// Copies a block of `x` into one of `y`; see `copy.wgsl` for the order of blocks.
    pub(super) fn copy(&self, x: &Tensor, y: &Tensor, block: &Block) -> Result<()> {
        let (x_bound, y_bound) = (x.bound(), y.bound());
        if x_bound.bytes.max(y_bound.bytes) > self.context.binding_max() {
            return self.copy_in_bands(x, y, block);
        }
        self.copy_bound(x, y, block, [x_bound, y_bound])
    }

    fn copy_bound(&self, x: &Tensor, y: &Tensor, block: &Block, bound: [Bound<'_>; 2]) -> Result<()> {
        let Block { outer, inner, count, from, to } = *block;
        let touched = (to[2] + count).div_ceil(4) - to[2] / 4;
        let (groups, columns) = fold(outer * inner * touched);
        let words = [
            outer,
            inner,
            from[0],
            from[1],
            x.quads(),
            from[2],
            to[0],
            to[1],
            y.quads(),
            to[2],
            count,
            touched,
        ];
        let mut parameters: Vec<u32> = words.iter().map(|word| *word as u32).collect();
        parameters.push(columns);
        let work = work_of((2 * outer * inner * touched) as u64 * y.storage.quad_bytes());
        self.dispatch(&Variant::plain(Kernel::Copy, y.storage), &bound, &parameters, groups, work)
    }

    /// A copy between tensors that a binding does not hold: run by run, in bands of rows.
    fn copy_in_bands(&self, x: &Tensor, y: &Tensor, block: &Block) -> Result<()> {
        let row_bytes = x.row_bytes().max(y.row_bytes());
        let band = ((self.context.binding_max() / row_bytes.max(1)) as usize / 64).max(2) * 64 - 64;
        for run in 0..block.outer {
            for start in (0..block.inner).step_by(band) {
                let rows = band.min(block.inner - start);
                let first = |place: [usize; 3]| run * place[0] + place[1] + start;
                let aligned = |row: usize| row / 64 * 64;
                let (x_row, y_row) = (first(block.from), first(block.to));
                let bound =
                    [x.bound_rows(aligned(x_row), x_row + rows), y.bound_rows(aligned(y_row), y_row + rows)];
                let part = Block {
                    outer: 1,
                    inner: rows,
                    count: block.count,
                    from: [0, x_row % 64, block.from[2]],
                    to: [0, y_row % 64, block.to[2]],
                };
                self.copy_bound(x, y, &part, bound)?;
            }
        }
        Ok(())
    }

    fn resize(&self, x: &Tensor, shape: [usize; 4], enlarge: bool) -> Result<Tensor> {
        let [_, _, x_height, x_width] = x.map_shape()?;
        let [_, _, y_height, y_width] = shape;
        let y = self.empty(&shape, x.storage)?;
        let large = x.row_bytes().max(1);
        let band = self.band(y.rows(), large);
        for start in (0..y.rows()).step_by(band) {
            self.count_band(start);
            let end = (start + band).min(y.rows());
            // The pixels of x between those of the band's first and last.
            let pixel = |row: usize| {
                let (item, place) = (row / (y_height * y_width), row / y_width % y_height);
                let place = if enlarge { place / 2 } else { 2 * place };
                (item * x_height + place) * x_width
            };
            let x_start = pixel(start) / 64 * 64;
            let x_end = (pixel(end - 1) + 2 * x_width).min(x.rows());
            let count = (end - start) * y.quads();
            let (groups, columns) = fold(count);
            let words = [
                count,
                start * y.quads(),
                columns as usize,
                y.quads(),
                x_height,
                x_width,
                y_height,
                y_width,
                usize::from(enlarge),
                x_start * x.quads(),
            ];
            let parameters: Vec<u32> = words.iter().map(|word| *word as u32).collect();
            let bound = [x.bound_rows(x_start, x_end), y.bound_rows(start, end)];
            if bound[0].bytes > self.context.binding_max() {
                return Err(super::device::too_large("a change of size"));
            }
            let work = work_of(bound[0].bytes + bound[1].bytes);
            self.dispatch(&Variant::plain(Kernel::Resize, x.storage), &bound, &parameters, groups, work)?;
        }
        Ok(y)
    }
}

impl TensorOps for Wgsl {
    type Tensor = Tensor;

    fn shape<'a>(&self, x: &'a Tensor) -> &'a [usize] {
        x.shape()
    }

    fn is_same(&self, a: &Tensor, b: &Tensor) -> bool {
        Arc::ptr_eq(&a.piece, &b.piece) && a.shape == b.shape
    }

    fn upload(&self, shape: &[usize], values: &[f32]) -> Result<Tensor> {
        let y = self.empty(shape, self.storage())?;
        let rows = to_rows(shape, values, y.quads());
        let bytes = to_bytes(&rows, y.storage);
        self.context.write(y.bound(), &bytes, &|| self.stopped())?;
        Ok(y)
    }

    fn download(&self, x: &Tensor) -> Result<Vec<f32>> {
        let bytes = self.context.read(x.bound(), &|| self.stopped())?;
        let rows = from_bytes(&bytes, x.storage);
        Ok(from_rows(&x.shape, &rows, x.quads()))
    }

    fn is_finite(&self, x: &Tensor) -> Result<bool> {
        self.all_finite(x)
    }

    fn draw(&self, x: &Tensor, form: &PictureForm) -> Result<Option<Drawn>> {
        self.picture(x, form)
    }

    fn cast(&self, x: &Tensor, dtype: Dtype) -> Result<Option<Tensor>> {
        let wanted = storage(dtype);
        if wanted == x.storage {
            return Ok(None);
        }
        let y = self.empty(x.shape(), wanted)?;
        let band = self.band(x.rows(), 16 * x.quads() as u64);
        for start in (0..x.rows()).step_by(band) {
            self.count_band(start);
            let end = (start + band).min(x.rows());
            let quads = (end - start) * x.quads();
            let (groups, columns) = fold(quads);
            let (to_half, wide, half) = if wanted == Storage::F16 { (true, x, &y) } else { (false, &y, x) };
            let variant = Variant {
                constants: vec![("TO_HALF", to_half.to_string())],
                ..Variant::plain(Kernel::Cast, Storage::F32)
            };
            let bound = [wide.bound_rows(start, end), half.bound_rows(start, end)];
            self.dispatch(&variant, &bound, &[quads as u32, columns], groups, work_of(bound[0].bytes))?;
        }
        Ok(Some(y))
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.each(Each::Add, a, Some(b), None)
    }

    fn scale(&self, x: &Tensor, factor: f64) -> Result<Tensor> {
        self.each(Each::Scale(factor as f32), x, None, None)
    }

    fn scale_shift_channels(&self, x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
        self.each(Each::ScaleShift, x, Some(scale), Some(shift))
    }

    fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        self.each(Each::Activate(activation), x, None, None)
    }

    fn tanh(&self, x: &Tensor) -> Result<Tensor> {
        self.each(Each::Tanh, x, None, None)
    }

    fn concatenate(&self, parts: &[&Tensor], dimension: usize) -> Result<Tensor> {
        let first = parts.first().ok_or_else(|| Error::Shape("nothing to join".to_owned()))?;
        let mut shape = first.shape.clone();
        shape[dimension] = parts.iter().map(|part| part.shape[dimension]).sum();
        let y = self.empty(&shape, first.storage)?;
        // Columns of a row are dimension 1 of a map and of (b, c); else whole rows are joined.
        let by_columns = dimension == 1 && shape.len() != 3;
        let mut done = 0;
        for part in parts {
            let block = if by_columns {
                let rows = y.rows();
                Block { outer: 1, inner: rows, count: part.channels(), from: [0; 3], to: [0, 0, done] }
            } else {
                let runs = if dimension == 0 { 1 } else { shape[0] };
                let (inner, run) = (part.rows() / runs, y.rows() / runs);
                Block { outer: runs, inner, count: part.channels(), from: [inner, 0, 0], to: [run, done, 0] }
            };
            self.copy(part, &y, &block)?;
            done += if by_columns { part.channels() } else { block.inner };
        }
        Ok(y)
    }

    fn stack(&self, parts: &[(&Tensor, Range<usize>)], axis: usize) -> Result<Tensor> {
        let (first, _) = parts.first().ok_or_else(|| Error::Shape("nothing to stack".to_owned()))?;
        let mut shape = first.map_shape()?;
        shape[axis] = parts.iter().map(|(_, range)| range.len()).sum();
        let [b, c, h, w] = shape;
        let y = self.empty(&shape, first.storage)?;
        // Rows of memory, which are pixels, of one place along the axis, and runs of such places.
        let (unit, outer) = if axis == 2 { (w, b) } else { (1, b * h) };
        let mut done = 0;
        for (part, range) in parts {
            let length = part.map_shape()?[axis];
            let from = [length * unit, range.start * unit, 0];
            let to = [shape[axis] * unit, done * unit, 0];
            self.copy(part, &y, &Block { outer, inner: range.len() * unit, count: c, from, to })?;
            done += range.len();
        }
        Ok(y)
    }

    fn batch_item(&self, x: &Tensor, index: usize) -> Result<Tensor> {
        let mut shape = x.shape.clone();
        shape[0] = 1;
        let y = self.empty(&shape, x.storage)?;
        let from = [0, index * y.rows(), 0];
        let block = Block { outer: 1, inner: y.rows(), count: x.channels(), from, to: [0; 3] };
        self.copy(x, &y, &block)?;
        Ok(y)
    }

    fn halves(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut shape = x.shape.clone();
        shape[1] /= 2;
        let half = |second: usize| -> Result<Tensor> {
            let y = self.empty(&shape, x.storage)?;
            let block = match *shape.as_slice() {
                [b, n, c] => {
                    Block { outer: b, inner: n, count: c, from: [2 * n, second * n, 0], to: [n, 0, 0] }
                }
                _ => {
                    let from = [0, 0, second * shape[1]];
                    Block { outer: 1, inner: y.rows(), count: shape[1], from, to: [0; 3] }
                }
            };
            self.copy(x, &y, &block)?;
            Ok(y)
        };
        Ok((half(0)?, half(1)?))
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
        self.resize(x, [b, c, 2 * h, 2 * w], true)
    }

    fn average_pool(&self, x: &Tensor) -> Result<Tensor> {
        let [b, c, h, w] = x.map_shape()?;
        self.resize(x, [b, c, h / 2, w / 2], false)
    }
}
