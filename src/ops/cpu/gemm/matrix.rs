//! Weights as the kernels read them: panels of 16 outputs, `[n/16][k][16]`, in a form of [`Kept`].
//!
//! The packed form has the size of the file's (rounded up to 16 outputs) and is widened to f32 block
//! by block while the kernels run. A 3×3 convolution's weights `(outputs, channels, 3, 3)` are packed
//! as the matrix `(outputs, channels·9)`, so k = 9·channel + tap. For GEGLU value and gate panels
//! alternate: panel 2p has values 16p.., panel 2p+1 the gates of the same outputs.

use crate::ops::cpu::context::Context;
use crate::ops::cpu::gemm::groups::{Bits, Factors, GROUP, Groups, HALF, Rounding};
use crate::ops::cpu::gemm::pack::Form;
use crate::ops::cpu::gemm::panel::{Kept, PANEL};
use crate::ops::cpu::gemm::weight_rows::WeightRows;
use crate::ops::cpu::isa::prefetch::prefetch;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::transpose::Strided;
use crate::ops::cpu::memory::block::Block;
use crate::ops::cpu::stop::KernelError;

/// A weight matrix in panels.
pub struct PackedMatrix {
    block: Block,
    kept: Kept,
    outputs: usize,
    columns: usize,
    gated: bool,
    rounding: Rounding,
}

/// What a group's codes of some lanes are multiplied with, and what is added.
#[derive(Clone, Copy)]
struct Scales<V> {
    halves: [V; 2],
    sum: Option<V>,
}

impl PackedMatrix {
    /// Packs `(outputs, columns)` weights in the type they are stored in, bf16 in f32.
    ///
    /// # Errors
    /// As [`PackedMatrix::pack_as`].
    ///
    /// # Panics
    /// If there are more or fewer numbers.
    pub fn pack<R: WeightRows + ?Sized>(
        context: &Context,
        weights: &R,
        outputs: usize,
        columns: usize,
    ) -> Result<PackedMatrix, R::Error> {
        Self::pack_as(context, weights, outputs, columns, false, Kept::as_stored(weights.element()))
    }

    /// Packs the `(2·outputs, columns)` weights of a GEGLU projection: values first, then gates.
    ///
    /// # Errors
    /// As [`PackedMatrix::pack_as`].
    ///
    /// # Panics
    /// If there are more or fewer numbers.
    pub fn pack_geglu<R: WeightRows + ?Sized>(
        context: &Context,
        weights: &R,
        outputs: usize,
        columns: usize,
    ) -> Result<PackedMatrix, R::Error> {
        Self::pack_as(context, weights, outputs, columns, true, Kept::as_stored(weights.element()))
    }

    /// Packs `(outputs, columns)` weights (or GEGLU's `2·outputs` rows) rounded to bf16, for products
    /// in bf16 with f32 sums: up to twice as fast on a CPU with AVX512-BF16 (see
    /// [`crate::ops::cpu::Level::has_bf16`]), slow elsewhere, and good to 1e-2.
    ///
    /// # Errors
    /// As [`PackedMatrix::pack_as`].
    ///
    /// # Panics
    /// If there are more or fewer numbers.
    pub fn pack_bf16<R: WeightRows + ?Sized>(
        context: &Context,
        weights: &R,
        outputs: usize,
        columns: usize,
        gated: bool,
    ) -> Result<PackedMatrix, R::Error> {
        Self::pack_as(context, weights, outputs, columns, gated, Kept::Pairs)
    }

    /// Packs `(outputs, columns)` weights, or GEGLU's `2·outputs` rows if `gated`, in a type of choice.
    ///
    /// # Errors
    /// If the system gives no memory, the weights cannot be read, or stopped.
    ///
    /// # Panics
    /// If there are more or fewer numbers.
    pub fn pack_as<R: WeightRows + ?Sized>(
        context: &Context,
        weights: &R,
        outputs: usize,
        columns: usize,
        gated: bool,
        kept: Kept,
    ) -> Result<PackedMatrix, R::Error> {
        let rows = if gated { 2 * outputs } else { outputs };
        assert_eq!(weights.count(), rows * columns, "a weight matrix is outputs times columns");
        let form = Form { outputs, columns, gated, kept };
        let panels = outputs.div_ceil(PANEL) * if gated { 2 } else { 1 };
        let bytes = panels * form.panel_bytes();
        let mut block = Block::new(bytes).map_err(KernelError::from)?;
        let rounding = form.pack(context, weights, &mut block.as_mut_slice::<u8>()[..bytes])?;
        Ok(PackedMatrix { block, kept, outputs, columns, gated, rounding })
    }

    /// Whether it was packed for bf16.
    pub fn is_bf16(&self) -> bool {
        self.kept == Kept::Pairs
    }

    /// Numbers of a row as packed: columns, or pairs of them.
    pub(super) fn words(&self) -> usize {
        if self.is_bf16() { Kept::Pairs.words(self.columns) } else { self.columns }
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

    /// What rounding to groups changed.
    pub fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// How many panels there are.
    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL) * if self.gated { 2 } else { 1 }
    }

    /// Copies part of a panel as f32 to `to`: `count` rows of 16 that are `step` rows apart, from row `k` on.
    ///
    /// # Safety
    /// The panel and rows exist, and `to` is valid for the rows.
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector loads within a packed panel")]
    pub(super) unsafe fn widen<S: Simd>(
        &self,
        s: S,
        panel: usize,
        k: usize,
        step: usize,
        count: usize,
        to: Strided<*mut f32>,
    ) {
        let start = (panel * self.words() + k) * PANEL;
        debug_assert!(count == 0 || k + (count - 1) * step < self.words());
        let Strided { start: to, stride } = to;
        // SAFETY: the caller vouches for panel, rows and target.
        unsafe {
            if let Kept::Groups(kept) = self.kept {
                for lane in (0..PANEL).step_by(S::LANES) {
                    let to = Strided { start: to.add(lane), stride };
                    self.widen_groups(s, kept, (panel, lane), k, step, count, to);
                }
            } else if self.kept == Kept::F16 {
                let from = self.block.as_slice::<u16>().as_ptr().add(start);
                for i in 0..count {
                    for lane in (0..PANEL).step_by(S::LANES) {
                        s.store(to.add(i * stride + lane), s.load_f16(from.add(i * step * PANEL + lane)));
                    }
                }
            } else {
                let from = self.block.as_slice::<f32>().as_ptr().add(start);
                for i in 0..count {
                    for lane in (0..PANEL).step_by(S::LANES) {
                        s.store(to.add(i * stride + lane), s.load(from.add(i * step * PANEL + lane)));
                    }
                }
            }
        }
    }

    /// Copies some lanes of rows of a panel in groups, as [`PackedMatrix::widen`] does.
    ///
    /// # Safety
    /// As [`PackedMatrix::widen`]; the matrix is kept in these groups, `to` is valid for a vector a row.
    #[inline(always)]
    #[expect(unsafe_code, reason = "vector loads within a packed panel")]
    #[expect(clippy::too_many_arguments, reason = "of rows that are some apart")]
    unsafe fn widen_groups<S: Simd>(
        &self,
        s: S,
        kept: Groups,
        (panel, lane): (usize, usize),
        k: usize,
        step: usize,
        count: usize,
        to: Strided<*mut f32>,
    ) {
        let mut i = 0;
        while i < count {
            let row = k + i * step;
            let group = self.group(kept, panel, row);
            // SAFETY: the caller vouches for panel, rows and target.
            unsafe {
                let scales = scales(s, kept, group, lane);
                // Rows of one half of the group share all that is looked up.
                let (start, half) = (row % GROUP, row % GROUP / HALF);
                let end = (half + 1) * HALF;
                let mut within = start;
                while within < end && i < count {
                    let number = number(s, kept, group, within, lane, scales);
                    s.store(to.start.add(i * to.stride), number);
                    within += step;
                    i += 1;
                }
            }
        }
    }

    /// Where the group of row `k` of a panel begins.
    #[inline(always)]
    fn group(&self, kept: Groups, panel: usize, k: usize) -> *const u8 {
        let start = (panel * self.columns.div_ceil(GROUP) + k / GROUP) * kept.bytes();
        self.block.start().as_ptr().wrapping_add(start).cast()
    }

    /// Prefetches `count` rows of a panel from row `k` on.
    #[inline(always)]
    pub(in crate::ops::cpu) fn prefetch(&self, panel: usize, k: usize, count: usize) {
        let row = self.kept.column_bytes();
        let start = panel * self.kept.panel_bytes(self.columns) + k * row;
        let start = self.block.start().as_ptr().wrapping_add(start);
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
    pub(in crate::ops::cpu) unsafe fn taps<S: Simd>(
        &self,
        s: S,
        panel: usize,
        channel: usize,
        lane: usize,
    ) -> [[S::V; 3]; 3] {
        let start = (panel * self.columns + channel * 9) * PANEL + lane;
        // SAFETY: the caller vouches for panel, channel and lane.
        unsafe {
            let mut taps = [[s.splat(0.0); 3]; 3];
            for (i, row) in taps.iter_mut().enumerate() {
                for (j, tap) in row.iter_mut().enumerate() {
                    let at = start + (i * 3 + j) * PANEL;
                    if let Kept::Groups(kept) = self.kept {
                        let k = channel * 9 + i * 3 + j;
                        let group = self.group(kept, panel, k);
                        *tap = number(s, kept, group, k % GROUP, lane, scales(s, kept, group, lane));
                        continue;
                    }
                    *tap = if self.kept == Kept::F16 {
                        s.load_f16(self.block.as_slice::<u16>().as_ptr().add(at))
                    } else {
                        s.load(self.block.as_slice::<f32>().as_ptr().add(at))
                    };
                }
            }
            taps
        }
    }
}

/// The factors of a packed group from lane `lane` on.
///
/// # Safety
/// The group exists, and has a vector's lanes from `lane` on.
#[inline(always)]
#[expect(unsafe_code, reason = "vector loads within a packed panel")]
unsafe fn scales<S: Simd>(s: S, kept: Groups, group: *const u8, lane: usize) -> Scales<S::V> {
    // SAFETY: factors come before the codes, 16 of them or twice 16.
    unsafe {
        let wide = group.cast::<f32>().add(lane);
        match kept.factors {
            Factors::One => Scales { halves: [s.load_f16(group.cast::<u16>().add(lane)); 2], sum: None },
            Factors::OneAndSum => Scales { halves: [s.load(wide); 2], sum: Some(s.load(wide.add(PANEL))) },
            Factors::Two => Scales { halves: [s.load(wide), s.load(wide.add(PANEL))], sum: None },
        }
    }
}

/// A vector of row `within` of a packed group, from lane `lane` on.
///
/// # Safety
/// As [`scales`].
#[inline(always)]
#[expect(unsafe_code, reason = "vector loads within a packed panel")]
unsafe fn number<S: Simd>(
    s: S,
    kept: Groups,
    group: *const u8,
    within: usize,
    lane: usize,
    scales: Scales<S::V>,
) -> S::V {
    // SAFETY: rows of codes come after the factors; four bits of two rows share a byte.
    let codes = unsafe {
        let rows = group.add(kept.factor_bytes() + lane);
        match kept.bits {
            Bits::Eight => s.load_i8(rows.add(within * PANEL).cast()),
            Bits::Four => {
                let codes = s.load_nibbles(rows.add(within % HALF * PANEL), within >= HALF);
                s.sub(codes, s.splat(f32::from(kept.offset())))
            }
        }
    };
    let product = s.mul(codes, scales.halves[within / HALF]);
    scales.sum.map_or(product, |sum| s.add(product, sum))
}
