//! Products with weights: linear layers and convolutions are one kernel, `product.wgsl`. How weights lie is told in
//! `pack`.

use super::cut::{Cut, PANEL, Preferred, Size, cut_product, unit};
use super::device::Wgsl;
use super::kernel::{Kernel, Storage, Variant};
use super::norm::LayerNorm;
use super::pack::Matrix;
use super::tensor::Tensor;
use crate::gpu::{Bound, Store};
use crate::ops::Result;
use crate::ops::backend::{Epilogue, Source, TensorOps as _};

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
            self.count_band(start);
            self.product_rows(matrix, norm, &x, window, (start, end), cut, &epilogue, &y)?;
        }
        Ok(y)
    }

    /// The cut of a product: what a share of work and the bindings allow.
    fn cut(&self, matrix: &Matrix, x: &Source<'_, Tensor>, window: &Window, y: &Tensor) -> Cut {
        let Preferred { linear, convolution, always } = *self.preferred;
        let wanted = if window.kernel == 1 { linear } else { convolution };
        // Matrices multiply f16 numbers; what is kept in f32 is so for a reason.
        let halves = [y.storage(), matrix.storage] == [Storage::F16; 2];
        let tile = if halves { wanted } else { wanted.by_threads() };
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
            matrix.buffer.bound(),
            matrix.bias.as_ref().map_or(context.no_weights(), Store::bound),
            epilogue.channels.map_or(none, |channels| match matrix.gated {
                true => channels.bound_rows(start, end),
                false => channels.bound(),
            }),
            epilogue.residual.map_or(none, |residual| residual.bound_rows(start, end)),
            y.bound_rows(start, end),
            norm.map_or(context.no_weights(), |norm| norm.numbers.bound()),
        ];
        if bound.iter().any(|bound| bound.bytes > context.binding_max()) {
            return Err(super::device::too_large("a product"));
        }
        let parameters = parameters(matrix, norm, sources, window, (start, end, x_start), epilogue, y);
        let Cut { tile, panels: together, .. } = cut;
        let (size, panels) = (size(matrix, y), panel_count(matrix));
        let lines = (end - start).div_ceil(tile.rows) as u32;
        let variant = Variant {
            kernel: if tile.side.is_some() { Kernel::ProductMatrices } else { Kernel::Product },
            storage: y.storage(),
            weights: matrix.storage,
            constants: tile.constants(matrix.gated, self.subgroup),
        };
        for first in (0..panels).step_by(together) {
            self.count_band(first);
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

fn panel_count(matrix: &Matrix) -> usize {
    matrix.outputs.div_ceil(PANEL) * if matrix.gated { 2 } else { 1 }
}

fn size(matrix: &Matrix, y: &Tensor) -> Size {
    let Matrix { depth, gated, .. } = *matrix;
    Size { rows: y.rows(), panels: panel_count(matrix), depth, gated, row_bytes: y.row_bytes() }
}
