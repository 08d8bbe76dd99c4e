//! Products with weights: linear layers and convolutions are one kernel, `product.wgsl`. How weights lie is told in
//! `pack`.

use super::device::Wgsl;
use super::kernel::{Kernel, Variant};
use super::norm::LayerNorm;
use super::pack::{Matrix, PANEL, TILE};
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

/// Rows of 16, and panels of columns, of a workgroup's tile.
#[derive(Clone, Copy, PartialEq)]
struct TileShape {
    rows: usize,
    panels: usize,
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
        let tile = self.tile_shape(matrix, rows);
        let band = self.product_band(matrix, &x, &window, &y, tile);
        for start in (0..rows).step_by(band) {
            let end = (start + band).min(rows);
            if start > 0 {
                self.context.count_band();
            }
            self.product_rows(matrix, norm, &x, window, (start, end), tile, &epilogue, &y)?;
        }
        Ok(y)
    }

    /// A tile that leaves no more of a product undone than it must, and gives the card enough of them.
    fn tile_shape(&self, matrix: &Matrix, rows: usize) -> TileShape {
        let least = if matrix.gated { 2 } else { 1 };
        let panels = panel_count(matrix);
        let groups = |rows_of_tile: usize| rows.div_ceil(rows_of_tile) * panels.div_ceil(2);
        if rows > 64 && panels > 1 && groups(128) >= 64 {
            return TileShape { rows: 8, panels: 2 };
        }
        let rows = if rows <= 16 { 1 } else { 4 };
        TileShape { rows, panels: least }
    }

    /// Rows of y in one dispatch: what a share of work and the bindings allow, a multiple of the tile's.
    fn product_band(
        &self,
        matrix: &Matrix,
        x: &Source<'_, Tensor>,
        window: &Window,
        y: &Tensor,
        tile: TileShape,
    ) -> usize {
        let unit = (16 * tile.rows).max(64);
        let row_work = product_work(matrix, 1);
        let by_work = (self.context().share() / row_work) as usize;
        let by_y = (self.context().binding_max() / y.row_bytes().max(1)) as usize;
        let mut band = by_work.min(by_y).min(65535 * 16 * tile.rows).max(unit) / unit * unit;
        let most = self.context().binding_max();
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
        band
    }

    #[expect(clippy::too_many_arguments, reason = "a product, its band, and where it goes")]
    fn product_rows(
        &self,
        matrix: &Matrix,
        norm: Option<&LayerNorm>,
        x: &Source<'_, Tensor>,
        window: Window,
        (start, end): (usize, usize),
        tile: TileShape,
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
            epilogue.channels.map_or(none, Tensor::bound),
            epilogue.residual.map_or(none, |residual| residual.bound_rows(start, end)),
            y.bound_rows(start, end),
            norm.map_or(context.no_weights(), |norm| norm.numbers.bound()),
        ];
        if bound.iter().any(|bound| bound.bytes > context.binding_max()) {
            return Err(super::device::too_large("a product"));
        }
        let parameters = parameters(matrix, norm, sources, window, (start, end, x_start), epilogue, y);
        let columns = panel_count(matrix).div_ceil(tile.panels);
        let lines = (end - start).div_ceil(16 * tile.rows);
        let variant = Variant {
            kernel: Kernel::Product,
            storage: y.storage(),
            weights: matrix.storage,
            constants: vec![
                ("R", format!("{}u", tile.rows)),
                ("V", format!("{}u", tile.panels)),
                ("GATED", matrix.gated.to_string()),
            ],
        };
        let work = product_work(matrix, end - start);
        self.dispatch(&variant, &bound, &parameters, [columns as u32, lines as u32, 1], work)
    }
}

/// The parameters of rows `start..end` in the order of `product.wgsl`; sources are bound from row `x_start` on.
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

/// Additions and multiplications of so many rows.
fn product_work(matrix: &Matrix, rows: usize) -> f64 {
    2.0 * (rows * matrix.depth * TILE) as f64 * (panel_count(matrix) * PANEL) as f64
}
