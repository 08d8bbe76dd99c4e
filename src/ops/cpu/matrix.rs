//! Weights as the kernels read them: panels of 16 outputs, `[n/16][k][16]`, in f16 or f32.
//!
//! The packed form has the size of the file's (rounded up to 16 outputs) and is widened to f32 block
//! by block while the kernels run. A 3×3 convolution's weights `(outputs, channels, 3, 3)` are packed
//! as the matrix `(outputs, channels·9)`, so k = 9·channel + tap. For GEGLU value and gate panels
//! alternate: panel 2p has values 16p.., panel 2p+1 the gates of the same outputs.

use half::{bf16, f16};

use super::block::Block;
use super::pool::Pool;
use super::shared::Shared;
use super::simd::Simd;
use super::tile::prefetch;

/// Columns whose first half is paired with their second, in bf16: two depths of a product.
pub(super) const PAIR_BLOCK: usize = 640;

/// Pairs that `columns` numbers make.
fn pair_words(columns: usize) -> usize {
    columns / PAIR_BLOCK * (PAIR_BLOCK / 2) + (columns % PAIR_BLOCK).div_ceil(2)
}

/// Outputs in a panel.
pub const PANEL: usize = 16;

/// Weights at rest, row-major: one row for each output.
#[derive(Clone, Copy)]
pub enum WeightSlice<'a> {
    /// IEEE half floats.
    F16(&'a [f16]),
    /// 32-bit floats.
    F32(&'a [f32]),
}

impl WeightSlice<'_> {
    fn len(&self) -> usize {
        match self {
            WeightSlice::F16(w) => w.len(),
            WeightSlice::F32(w) => w.len(),
        }
    }
}

/// A weight matrix in panels.
pub struct PackedMatrix {
    block: Block,
    half: bool,
    pairs: bool,
    outputs: usize,
    columns: usize,
    gated: bool,
}

impl PackedMatrix {
    /// Packs `(outputs, columns)` weights.
    ///
    /// # Panics
    /// If the slice has another length.
    pub fn pack(pool: &Pool, weights: WeightSlice<'_>, outputs: usize, columns: usize) -> PackedMatrix {
        Self::pack_as(pool, weights, outputs, columns, false)
    }

    /// Packs the `(2·outputs, columns)` weights of a GEGLU projection: values first, then gates.
    ///
    /// # Panics
    /// If the slice has another length.
    pub fn pack_geglu(pool: &Pool, weights: WeightSlice<'_>, outputs: usize, columns: usize) -> PackedMatrix {
        Self::pack_as(pool, weights, outputs, columns, true)
    }

    /// Packs `(outputs, columns)` weights (or GEGLU's `2·outputs` rows) rounded to bf16, for products
    /// in bf16 with f32 sums: twice as fast on a CPU with AVX512-BF16 (see
    /// [`super::Level::has_bf16`]), slow elsewhere, and good to 1e-2.
    ///
    /// # Panics
    /// If the slice has another length.
    #[expect(unsafe_code, reason = "threads write disjoint rows")]
    pub fn pack_bf16(
        pool: &Pool,
        weights: WeightSlice<'_>,
        outputs: usize,
        columns: usize,
        gated: bool,
    ) -> PackedMatrix {
        let rows = if gated { 2 * outputs } else { outputs };
        assert_eq!(weights.len(), rows * columns, "a weight matrix is outputs times columns");
        let value = |at: usize| match weights {
            WeightSlice::F16(w) => w[at].to_f32(),
            WeightSlice::F32(w) => w[at],
        };
        let bits = |at: Option<usize>| u32::from(bf16::from_f32(at.map_or(0.0, value)).to_bits());
        let width = pair_words(columns);
        let mut words = vec![0.0; rows * width];
        let to = Shared::new(&mut words);
        each_row(pool, rows, &|row| {
            let mut at = row * width;
            for start in (0..columns).step_by(PAIR_BLOCK) {
                let end = columns.min(start + PAIR_BLOCK);
                let half = (end - start).div_ceil(2);
                for low in start..start + half {
                    let high = Some(low + half).filter(|k| *k < end);
                    let pair = bits(Some(row * columns + low)) | bits(high.map(|k| row * columns + k)) << 16;
                    // SAFETY: row `row` of the pairs is written by this item alone.
                    unsafe { *to.at(at) = f32::from_bits(pair) };
                    at += 1;
                }
            }
        });
        let packed = Self::pack_as(pool, WeightSlice::F32(&words), outputs, pair_words(columns), gated);
        PackedMatrix { columns, pairs: true, ..packed }
    }

    /// Whether it was packed for bf16.
    pub fn is_bf16(&self) -> bool {
        self.pairs
    }

    /// Numbers of a row as packed: columns, or pairs of them.
    pub(super) fn words(&self) -> usize {
        if self.pairs { pair_words(self.columns) } else { self.columns }
    }

    fn pack_as(
        pool: &Pool,
        weights: WeightSlice<'_>,
        outputs: usize,
        columns: usize,
        gated: bool,
    ) -> PackedMatrix {
        let rows = if gated { 2 * outputs } else { outputs };
        assert_eq!(weights.len(), rows * columns, "a weight matrix is outputs times columns");
        let panels = outputs.div_ceil(PANEL) * if gated { 2 } else { 1 };
        let numbers = panels * columns * PANEL;
        let half = matches!(weights, WeightSlice::F16(_));
        let mut block = Block::new(numbers * if half { 2 } else { 4 });
        let row_of = |panel: usize, i: usize| match gated {
            false => Some(panel * PANEL + i).filter(|r| *r < outputs),
            true => Some(panel / 2 * PANEL + i).filter(|r| *r < outputs).map(|r| r + panel % 2 * outputs),
        };
        match weights {
            WeightSlice::F16(w) => {
                let bits: &[u16] = half::slice::HalfFloatSliceExt::reinterpret_cast(w);
                transpose_panels(pool, bits, columns, &mut block.as_mut_slice::<u16>()[..numbers], &row_of);
            }
            WeightSlice::F32(w) => {
                transpose_panels(pool, w, columns, &mut block.as_mut_slice::<f32>()[..numbers], &row_of);
            }
        }
        PackedMatrix { block, half, pairs: false, outputs, columns, gated }
    }

    /// How many outputs y has.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many inputs each output sums.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether it was packed for GEGLU.
    pub fn is_gated(&self) -> bool {
        self.gated
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.block.bytes()
    }

    /// How many panels there are.
    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL) * if self.gated { 2 } else { 1 }
    }

    /// Copies part of a panel as f32, `count` rows of 16 that are `step` rows apart, from row `k`
    /// on, to `to`, whose rows are `stride` apart.
    ///
    /// # Safety
    /// The CPU has `S`, the panel and rows exist, and `to` is valid for the rows.
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector loads within a packed panel")]
    pub(super) unsafe fn widen<S: Simd>(
        &self,
        panel: usize,
        k: usize,
        step: usize,
        count: usize,
        to: *mut f32,
        stride: usize,
    ) {
        let start = (panel * self.words() + k) * PANEL;
        debug_assert!(count == 0 || k + (count - 1) * step < self.words());
        // SAFETY: the caller vouches for panel, rows and target.
        unsafe {
            if self.half {
                let from = self.block.as_slice::<u16>().as_ptr().add(start);
                for i in 0..count {
                    for lane in (0..PANEL).step_by(S::LANES) {
                        S::store(to.add(i * stride + lane), S::load_f16(from.add(i * step * PANEL + lane)));
                    }
                }
            } else {
                let from = self.block.as_slice::<f32>().as_ptr().add(start);
                for i in 0..count {
                    for lane in (0..PANEL).step_by(S::LANES) {
                        S::store(to.add(i * stride + lane), S::load(from.add(i * step * PANEL + lane)));
                    }
                }
            }
        }
    }

    /// Asks for `count` rows of a panel from row `k` on.
    #[inline(always)]
    pub(super) fn ask_for(&self, panel: usize, k: usize, count: usize) {
        let row = PANEL * if self.half { 2 } else { 4 };
        let start = self.block.start().as_ptr().wrapping_add((panel * self.words() + k) * row);
        for offset in (0..count * row).step_by(64) {
            prefetch(start.wrapping_add(offset).cast());
        }
    }

    /// Reads 9 rows of a panel, a channel's 3×3 taps, from lane `lane` on.
    ///
    /// # Safety
    /// As [`PackedMatrix::widen`].
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector loads within a packed panel")]
    pub(super) unsafe fn taps<S: Simd>(&self, panel: usize, channel: usize, lane: usize) -> [[S::V; 3]; 3] {
        let start = (panel * self.columns + channel * 9) * PANEL + lane;
        // SAFETY: the caller vouches for panel, channel and lane.
        unsafe {
            let mut taps = [[S::splat(0.0); 3]; 3];
            for (i, row) in taps.iter_mut().enumerate() {
                for (j, tap) in row.iter_mut().enumerate() {
                    let at = start + (i * 3 + j) * PANEL;
                    *tap = if self.half {
                        S::load_f16(self.block.as_slice::<u16>().as_ptr().add(at))
                    } else {
                        S::load(self.block.as_slice::<f32>().as_ptr().add(at))
                    };
                }
            }
            taps
        }
    }
}

/// Copies rows of weights into panels of 16 columns, on all threads.
#[expect(unsafe_code, reason = "threads write disjoint panels")]
fn transpose_panels<T: Copy + Send + Sync>(
    pool: &Pool,
    from: &[T],
    columns: usize,
    to: &mut [T],
    row_of: &(dyn Fn(usize, usize) -> Option<usize> + Sync),
) {
    let size = columns * PANEL;
    let count = to.len().checked_div(size).unwrap_or(0);
    let to = Shared::new(to);
    each_row(pool, count, &|panel| {
        // SAFETY: panel number `panel` is written by this item alone and lies within `to`.
        let panel_to = unsafe { std::slice::from_raw_parts_mut(to.at(panel * size), size) };
        for i in 0..PANEL {
            if let Some(row) = row_of(panel, i) {
                let source = &from[row * columns..(row + 1) * columns];
                for (target, value) in panel_to[i..].iter_mut().step_by(PANEL).zip(source) {
                    *target = *value;
                }
            }
        }
    });
}

/// Calls `work` once for each row, on all threads. Packing is short and is not stopped.
fn each_row(pool: &Pool, count: usize, work: &(dyn Fn(usize) + Sync)) {
    let never = std::sync::atomic::AtomicBool::new(false);
    let done = pool.run(count, &never, &|_, row| work(row));
    debug_assert!(done.is_ok());
}
