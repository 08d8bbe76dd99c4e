//! Products with weights: linear layers and convolutions are one kernel, `product.wgsl`.
//!
//! Weights lie in panels of 64 outputs, `[panel][column][64]`, a column being tap·channels + channel with
//! the channels filled up to whole quads and the columns to whole tiles, all with zeros. Of a gated layer a
//! panel of values and one of gates alternate.

use super::cut::{Cut, PANEL, Preferred, Size, TILE_COLUMNS, cut_product, unit};
use super::device::Wgsl;
use super::kernel::{Kernel, Storage, Variant};
use super::layout::to_bytes;
use super::norm::LayerNorm;
use super::tensor::Tensor;
use crate::gpu::Bound;
use crate::ops::Result;
use crate::ops::backend::{Epilogue, Source, TensorOps as _};
use crate::ops::cpu::{Element, WeightRows as _};
use crate::ops::host::TensorRows;

/// Weights in the card's memory.
pub(super) struct Matrix {
    buffer: wgpu::Buffer,
    bias: Option<wgpu::Buffer>,
    storage: Storage,
    /// Tiles of columns.
    depth: usize,
    outputs: usize,
    gated: bool,
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

/// How a window moves over a map; a linear layer's is one row that meets one row.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub kernel: usize,
    pub stride: usize,
    pub before: usize,
    pub enlarged: bool,
    /// Height and width of x and of y.
    pub x: [usize; 2],
    pub y: [usize; 2],
}

impl Window {
    /// A linear layer over `rows` rows.
    pub(super) fn rows(rows: usize) -> Self {
        Self { kernel: 1, stride: 1, before: 0, enlarged: false, x: [1, rows], y: [1, rows] }
    }

    /// The rows of x that rows `start..end` of y read, from a multiple of 64 on.
    fn reads(&self, start: usize, end: usize, x_rows: usize) -> (usize, usize) {
        let [x_height, x_width] = self.x;
        let [y_height, y_width] = self.y;
        if self.kernel == 1 && self.stride == 1 && !self.enlarged {
            return (start / 64 * 64, end.min(x_rows));
        }
        let place = |row: usize| (row / (y_height * y_width), row / y_width % y_height);
        let shift = usize::from(self.enlarged);
        let (item, line) = place(start);
        let first = ((line * self.stride).saturating_sub(self.before) >> shift).min(x_height - 1);
        let (last_item, last_line) = place(end - 1);
        let last = (line_end(last_line, self) >> shift).min(x_height - 1);
        let begin = (item * x_height + first) * x_width;
        (begin / 64 * 64, (last_item * x_height + last + 1) * x_width)
    }
}

/// The last row of the (enlarged) map that a row of y reads.
fn line_end(line: usize, window: &Window) -> usize {
    (line * window.stride + window.kernel - 1).saturating_sub(window.before)
}

impl Wgsl {
    /// Brings weights and bias onto the card.
    pub(super) fn pack(&self, rows: &TensorRows<'_>, bias: Option<Vec<f32>>, form: Form) -> Result<Matrix> {
        self.pack_values(&rows.to_f32()?, rows.element() == Element::F16, bias, form)
    }

    /// The same of values that are here; `half` if f16 holds them exactly.
    pub(super) fn pack_values(
        &self,
        values: &[f32],
        half: bool,
        bias: Option<Vec<f32>>,
        form: Form,
    ) -> Result<Matrix> {
        let Form { outputs, channels, taps, gated } = form;
        let half = half || self.storage() == Storage::F16;
        let storage = if half { Storage::F16 } else { Storage::F32 };
        let width = channels.next_multiple_of(4);
        let columns = (taps * width).next_multiple_of(TILE_COLUMNS);
        let panels = panels(form);
        let bytes = columns as u64 * PANEL as u64 * storage.quad_bytes() / 4;
        let buffer = self.context.weights(panels.len() as u64 * bytes)?;
        let mut panel = vec![0.0f32; columns * PANEL];
        for (number, own) in panels.iter().enumerate() {
            panel.fill(0.0);
            for (lane, row) in own.clone().enumerate() {
                let row = &values[row * channels * taps..][..channels * taps];
                for (i, value) in row.iter().enumerate() {
                    let (channel, tap) = (i / taps, i % taps);
                    panel[(tap * width + channel) * PANEL + lane] = *value;
                }
            }
            let packed = to_bytes(&panel, storage);
            self.context.write_weights(&buffer, number as u64 * bytes, &packed)?;
        }
        let bias = bias.map(|bias| self.pack_bias(&bias, form)).transpose()?;
        Ok(Matrix { buffer, bias, storage, depth: columns / TILE_COLUMNS, outputs, gated })
    }

    fn pack_bias(&self, bias: &[f32], form: Form) -> Result<wgpu::Buffer> {
        let panels = panels(form);
        let mut packed = vec![0.0f32; panels.len() * PANEL];
        for (to, own) in packed.chunks_exact_mut(PANEL).zip(panels) {
            let own = &bias[own];
            to[..own.len()].copy_from_slice(own);
        }
        self.pack_numbers(&packed)
    }

    /// Numbers in f32 as a buffer of whole quads.
    pub(super) fn pack_numbers(&self, values: &[f32]) -> Result<wgpu::Buffer> {
        let mut values = values.to_vec();
        values.resize(values.len().next_multiple_of(4), 0.0);
        let bytes = to_bytes(&values, Storage::F32);
        let buffer = self.context.weights(bytes.len() as u64)?;
        self.context.write_weights(&buffer, 0, &bytes)?;
        Ok(buffer)
    }

    /// x under a window times weights, with its epilogue, as a tensor of `shape`.
    pub(super) fn product(
        &self,
        matrix: &Matrix,
        x: Source<'_, Tensor>,
        window: Window,
        shape: &[usize],
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        self.product_normalized(matrix, None, x, window, shape, epilogue)
    }

    /// The same of rows that are normalized first, where there is a norm; x is then one source.
    pub(super) fn product_normalized(
        &self,
        matrix: &Matrix,
        norm: Option<&LayerNorm>,
        x: Source<'_, Tensor>,
        window: Window,
        shape: &[usize],
        epilogue: Epilogue<'_, Tensor>,
    ) -> Result<Tensor> {
        if let Source::Two(first, second) = x
            && !first.channels().is_multiple_of(4)
        {
            // The second source would begin inside a quad.
            let joined = self.concatenate(&[first, second], 1)?;
            return self.product(matrix, Source::One(&joined), window, shape, epilogue);
        }
        let first = x.first();
        let y = self.empty(shape, first.storage())?;
        let rows = y.rows();
        let cut = self.cut(matrix, &x, &window, &y);
        for start in (0..rows).step_by(cut.rows) {
            let end = (start + cut.rows).min(rows);
            if start > 0 {
                self.context.count_band();
            }
            self.product_rows(matrix, norm, &x, window, (start, end), cut, &epilogue, &y)?;
        }
        Ok(y)
    }

    /// The cut of a product: what a share of work and the bindings allow.
    fn cut(&self, matrix: &Matrix, x: &Source<'_, Tensor>, window: &Window, y: &Tensor) -> Cut {
        let Preferred { linear, convolution, always } = self.preferred;
        let tile = if window.kernel == 1 { linear } else { convolution };
        let size = size(matrix, y);
        let Cut { tile, rows, panels } = cut_product(&size, tile, always, self.context().share());
        let (unit, most) = (unit(&size, tile), self.context().binding_max());
        let by_y = (most / y.row_bytes().max(1)) as usize;
        let mut band = rows.min(by_y).max(unit) / unit * unit;
        let sources = match x {
            Source::One(x) => vec![*x],
            Source::Two(a, b) => vec![*a, *b],
        };
        let reads = |band: usize| {
            let starts = (0..y.rows()).step_by(band);
            let longest = starts.map(|start| {
                let (first, end) = window.reads(start, (start + band).min(y.rows()), usize::MAX);
                end - first
            });
            longest.max().unwrap_or(0) as u64
        };
        while band > unit && sources.iter().any(|x| reads(band) * x.row_bytes() > most) {
            band = (band / 2).max(unit) / unit * unit;
        }
        Cut { tile, rows: band, panels }
    }

    #[expect(clippy::too_many_arguments, reason = "a product, its band, and where it goes")]
    fn product_rows(
        &self,
        matrix: &Matrix,
        norm: Option<&LayerNorm>,
        x: &Source<'_, Tensor>,
        window: Window,
        (start, end): (usize, usize),
        cut: Cut,
        epilogue: &Epilogue<'_, Tensor>,
        y: &Tensor,
    ) -> Result<()> {
        let context = self.context();
        let none = context.no_activations();
        let sources @ (first_source, second_source) = match x {
            Source::One(x) => (*x, None),
            Source::Two(a, b) => (*a, Some(*b)),
        };
        let (x_start, x_end) = window.reads(start, end, first_source.rows());
        let x_end = x_end.min(first_source.rows());
        let bound: [Bound<'_>; 8] = [
            first_source.bound_rows(x_start, x_end),
            second_source.map_or(none, |x| x.bound_rows(x_start, x_end)),
            Bound::all(&matrix.buffer),
            matrix.bias.as_ref().map_or(context.no_weights(), Bound::all),
            epilogue.channels.map_or(none, Tensor::bound),
            epilogue.residual.map_or(none, |residual| residual.bound_rows(start, end)),
            y.bound_rows(start, end),
            norm.map_or(context.no_weights(), |norm| Bound::all(&norm.numbers)),
        ];
        if bound.iter().any(|bound| bound.bytes > context.binding_max()) {
            return Err(super::device::too_large("a product"));
        }
        let parameters = parameters(matrix, norm, sources, window, (start, end, x_start), epilogue, y);
        let Cut { tile, panels: together, .. } = cut;
        let (size, panels) = (size(matrix, y), panel_count(matrix));
        let lines = (end - start).div_ceil(tile.rows) as u32;
        let variant = Variant {
            kernel: Kernel::Product,
            storage: y.storage(),
            weights: matrix.storage,
            constants: tile.constants(matrix.gated),
        };
        for first in (0..panels).step_by(together) {
            if first > 0 {
                self.context.count_band();
            }
            let own = together.min(panels - first);
            let columns = own.div_ceil(tile.panels) as u32;
            let work = size.work(end - start, own);
            let parameters = [&parameters[..], &[(first / tile.panels) as u32]].concat();
            self.dispatch(&variant, &bound, &parameters, [columns, lines, 1], work)?;
        }
        Ok(())
    }
}

/// The parameters of rows `start..end` in the order of `product.wgsl`, but for the last; sources are bound from row `x_start` on.
fn parameters(
    matrix: &Matrix,
    norm: Option<&LayerNorm>,
    (first_source, second_source): (&Tensor, Option<&Tensor>),
    window: Window,
    (start, end, x_start): (usize, usize, usize),
    epilogue: &Epilogue<'_, Tensor>,
    y: &Tensor,
) -> Vec<u32> {
    let item_rows = match epilogue.channels {
        Some(channels) => y.rows() / channels.rows().max(1),
        None => 1,
    };
    let words = [
        start,
        end,
        x_start,
        x_start,
        first_source.quads(),
        second_source.map_or(0, Tensor::quads),
        matrix.depth,
        window.kernel,
        window.stride,
        window.before,
        usize::from(window.enlarged),
        window.x[0],
        window.x[1],
        window.y[0],
        window.y[1],
        y.quads(),
        epilogue.activation.number() as usize,
        usize::from(matrix.bias.is_some()),
        usize::from(epilogue.channels.is_some()),
        usize::from(epilogue.residual.is_some()),
        item_rows,
        norm.map_or(0, |_| first_source.channels()),
    ];
    words.iter().map(|word| *word as u32).collect()
}

/// The rows of the file that each panel holds.
fn panels(form: Form) -> Vec<std::ops::Range<usize>> {
    let plain = (0..form.outputs).step_by(PANEL).map(|start| start..(start + PANEL).min(form.outputs));
    if !form.gated {
        return plain.collect();
    }
    plain.flat_map(|own| [own.clone(), own.start + form.outputs..own.end + form.outputs]).collect()
}

fn panel_count(matrix: &Matrix) -> usize {
    matrix.outputs.div_ceil(PANEL) * if matrix.gated { 2 } else { 1 }
}

fn size(matrix: &Matrix, y: &Tensor) -> Size {
    let Matrix { depth, gated, .. } = *matrix;
    Size { rows: y.rows(), panels: panel_count(matrix), depth, gated, row_bytes: y.row_bytes() }
}
