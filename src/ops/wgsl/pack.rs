//! Weights on their way to the card: once, a panel at a time, straight from where they lie.
//!
//! Weights lie in panels of 64 outputs, `[panel][column][64]`, a column being tap·channels + channel with
//! the channels filled up to whole quads and the columns to whole tiles, all with zeros. Of a gated layer a
//! panel of values and one of gates alternate.
//!
//! Invariant: the host holds one panel and what it was read from, never a whole matrix; numbers that are f16 in
//! the file and on the card are not widened on the way. Trap: a matrix with a number beyond f16 stays f32, however
//! the device computes.

use std::ops::Range;

use half::{bf16, f16};

use super::cut::{PANEL, TILE_COLUMNS};
use super::device::Wgsl;
use super::kernel::Storage;
use super::layout::to_bytes;
use crate::gpu::Store;
use crate::ops::cpu::{Element, WeightRows as _, WeightSlice};
use crate::ops::host::TensorRows;
use crate::ops::{Error, Result};

/// Weights in the card's memory.
pub(super) struct Matrix {
    pub buffer: Store,
    pub bias: Option<Store>,
    pub storage: Storage,
    /// Tiles of columns.
    pub depth: usize,
    pub outputs: usize,
    pub gated: bool,
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix({} tiles → {}, {:?})", self.depth, self.outputs, self.storage)
    }
}

/// The form of weights in a file: (outputs, channels, taps), twice the outputs if gated.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub outputs: usize,
    pub channels: usize,
    pub taps: usize,
    pub gated: bool,
}

impl Form {
    /// Numbers of a row in the file.
    fn row(self) -> usize {
        self.channels * self.taps
    }

    /// Columns of a panel.
    fn columns(self) -> usize {
        (self.taps * self.channels.next_multiple_of(4)).next_multiple_of(TILE_COLUMNS)
    }

    /// The rows of the file that each panel holds.
    fn panels(self) -> Vec<Range<usize>> {
        let plain = (0..self.outputs).step_by(PANEL).map(|start| start..(start + PANEL).min(self.outputs));
        if !self.gated {
            return plain.collect();
        }
        plain.flat_map(|own| [own.clone(), own.start + self.outputs..own.end + self.outputs]).collect()
    }
}

/// A number that does not fit f16.
struct BeyondHalf;

type Fitting<T> = std::result::Result<T, BeyondHalf>;

/// One panel, and what its rows are read into.
struct Panel {
    form: Form,
    half: Vec<f16>,
    wide: Vec<f32>,
    /// Stored numbers, as words so that they are aligned.
    read: Vec<f32>,
}

impl Panel {
    fn new(form: Form, storage: Storage) -> Self {
        let count = form.columns() * PANEL;
        let (half, wide) = match storage {
            Storage::F16 => (count, 0),
            Storage::F32 => (0, count),
        };
        Self { form, half: vec![f16::ZERO; half], wide: vec![0.0; wide], read: Vec::new() }
    }

    /// Fills the panel with rows `own` of `parts`, which lie one below another.
    fn fill(&mut self, parts: &[&TensorRows<'_>], own: &Range<usize>) -> Result<Fitting<()>> {
        self.half.fill(f16::ZERO);
        self.wide.fill(0.0);
        let (row, mut first) = (self.form.row(), 0);
        for part in parts {
            let end = first + part.count() / row.max(1);
            let run = own.start.max(first)..own.end.min(end);
            if !run.is_empty() {
                let (at, count) = ((run.start - first) * row, run.len() * row);
                let mut read = std::mem::take(&mut self.read);
                let numbers = stored(part, at, count, &mut read)?;
                let put = self.put(numbers, run.start - own.start);
                self.read = read;
                if put.is_err() {
                    return Ok(put);
                }
            }
            first = end;
        }
        Ok(Ok(()))
    }

    /// Puts rows into lanes from `lane` on.
    fn put(&mut self, numbers: WeightSlice<'_>, lane: usize) -> Fitting<()> {
        let form = self.form;
        let narrow = |value: f32| {
            let half = f16::from_f32(value);
            if half.is_finite() || !value.is_finite() { Ok(half) } else { Err(BeyondHalf) }
        };
        match (self.half.is_empty(), numbers) {
            (false, WeightSlice::F16(from)) => scatter(from, &mut self.half, lane, form, Ok),
            (false, WeightSlice::Bf16(from)) => {
                scatter(from, &mut self.half, lane, form, |value| narrow(value.to_f32()))
            }
            (false, WeightSlice::F32(from)) => scatter(from, &mut self.half, lane, form, narrow),
            (true, WeightSlice::F16(from)) => {
                scatter(from, &mut self.wide, lane, form, |value| Ok(value.to_f32()))
            }
            (true, WeightSlice::Bf16(from)) => {
                scatter(from, &mut self.wide, lane, form, |value| Ok(value.to_f32()))
            }
            (true, WeightSlice::F32(from)) => scatter(from, &mut self.wide, lane, form, Ok),
        }
    }

    fn bytes(&self) -> &[u8] {
        if self.half.is_empty() { bytemuck::cast_slice(&self.wide) } else { bytemuck::cast_slice(&self.half) }
    }
}

/// Rows of numbers to lanes of a panel.
fn scatter<S: Copy, T>(
    from: &[S],
    to: &mut [T],
    lane: usize,
    form: Form,
    convert: impl Fn(S) -> Fitting<T>,
) -> Fitting<()> {
    let width = form.channels.next_multiple_of(4);
    for (row, numbers) in from.chunks_exact(form.row().max(1)).enumerate() {
        for (channel, taps) in numbers.chunks_exact(form.taps.max(1)).enumerate() {
            for (tap, value) in taps.iter().enumerate() {
                to[(tap * width + channel) * PANEL + lane + row] = convert(*value)?;
            }
        }
    }
    Ok(())
}

/// `count` numbers of `rows` from number `first` on, read into `scratch` unless they lie in memory.
fn stored<'a>(
    rows: &'a TensorRows<'_>,
    first: usize,
    count: usize,
    scratch: &'a mut Vec<f32>,
) -> Result<WeightSlice<'a>> {
    match rows.in_memory() {
        Some(WeightSlice::F16(all)) => return Ok(WeightSlice::F16(&all[first..first + count])),
        Some(WeightSlice::Bf16(all)) => return Ok(WeightSlice::Bf16(&all[first..first + count])),
        Some(WeightSlice::F32(all)) => return Ok(WeightSlice::F32(&all[first..first + count])),
        None => {}
    }
    let bytes = count * rows.element().size();
    scratch.resize(bytes.div_ceil(4), 0.0);
    let to = &mut bytemuck::cast_slice_mut::<f32, u8>(scratch)[..bytes];
    rows.read(first, to)?;
    Ok(match rows.element() {
        Element::F16 => WeightSlice::F16(bytemuck::cast_slice::<u8, f16>(to)),
        Element::Bf16 => WeightSlice::Bf16(bytemuck::cast_slice::<u8, bf16>(to)),
        Element::F32 => WeightSlice::F32(bytemuck::cast_slice(to)),
    })
}

impl Wgsl {
    /// Brings weights and bias onto the card; the rows of several tensors lie one below another.
    pub(super) fn pack(
        &self,
        parts: &[&TensorRows<'_>],
        bias: Option<Vec<f32>>,
        form: Form,
    ) -> Result<Matrix> {
        let expected = form.row() * form.outputs * if form.gated { 2 } else { 1 };
        let found: usize = parts.iter().map(|part| part.count()).sum();
        if found != expected {
            return Err(Error::Shape(format!("expected a matrix of {expected} numbers, found {found}")));
        }
        let all_half = parts.iter().all(|part| part.element() == Element::F16);
        let half = all_half || self.storage() == Storage::F16;
        let bias = bias.map(|bias| self.pack_bias(&bias, form)).transpose()?;
        let matrix = |buffer, storage| {
            let Form { outputs, gated, .. } = form;
            Matrix { buffer, bias, storage, depth: form.columns() / TILE_COLUMNS, outputs, gated }
        };
        if half && let Ok(buffer) = self.pack_as(parts, form, Storage::F16)? {
            return Ok(matrix(buffer, Storage::F16));
        }
        match self.pack_as(parts, form, Storage::F32)? {
            Ok(buffer) => Ok(matrix(buffer, Storage::F32)),
            Err(BeyondHalf) => Err(Error::Shape("a number beyond f32".to_owned())),
        }
    }

    fn pack_as(&self, parts: &[&TensorRows<'_>], form: Form, storage: Storage) -> Result<Fitting<Store>> {
        let bytes = (form.columns() * PANEL) as u64 * storage.quad_bytes() / 4;
        let panels = form.panels();
        let buffer = self.context.weights(panels.len() as u64 * bytes)?;
        if self.context.allocator().is_rehearsing() {
            return Ok(Ok(buffer));
        }
        let mut panel = Panel::new(form, storage);
        for (own, number) in panels.iter().zip(0..) {
            if panel.fill(parts, own)?.is_err() {
                return Ok(Err(BeyondHalf));
            }
            self.context.write_weights(&buffer, number * bytes, panel.bytes())?;
        }
        Ok(Ok(buffer))
    }

    fn pack_bias(&self, bias: &[f32], form: Form) -> Result<Store> {
        let panels = form.panels();
        let mut packed = vec![0.0f32; panels.len() * PANEL];
        for (to, own) in packed.chunks_exact_mut(PANEL).zip(panels) {
            let own = &bias[own];
            to[..own.len()].copy_from_slice(own);
        }
        self.pack_numbers(&packed)
    }

    /// Numbers in f32 as a buffer of whole quads.
    pub(super) fn pack_numbers(&self, values: &[f32]) -> Result<Store> {
        let mut values = values.to_vec();
        values.resize(values.len().next_multiple_of(4), 0.0);
        let bytes = to_bytes(&values, Storage::F32);
        let buffer = self.context.weights(bytes.len() as u64)?;
        self.context.write_weights(&buffer, 0, &bytes)?;
        Ok(buffer)
    }
}
