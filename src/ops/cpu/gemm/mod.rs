//! y = x·Wᵀ with packed weights: every linear layer, 1×1 convolution and direct convolution.
//!
//! A job is a block of up to 256 rows and a range of 32-column stripes. It copies its rows once
//! (stride 336: neighbors never share a cache set), unless its worker did so for the job before;
//! then for each stripe and each 320 columns of k it widens the weights into 40 KB that stay in L1
//! and runs register tiles over the rows. Sums start from zero for each 320 and are added up in a
//! block of 256 × 32, whose last visit is the epilogue. Weights, results and residuals of a network
//! come from memory, not from a cache: all are prefetched while the tiles before them run, which is
//! worth 5 % of a UNet's linear layers and 9 % of the text encoder's. Blocks, packing and the order of the
//! loops follow Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
#![expect(unsafe_code, reason = "raw pointers into scratch, disjoint writes of the result")]

pub(in crate::ops::cpu) mod epilogue;
pub(in crate::ops::cpu) mod groups;
pub(in crate::ops::cpu) mod linear;
pub(in crate::ops::cpu) mod matrix;
pub(in crate::ops::cpu) mod pack;
pub(in crate::ops::cpu) mod panel;
pub(in crate::ops::cpu) mod rows;
pub(in crate::ops::cpu) mod weight_rows;

use super::context::Context;
use super::cut::{even_part, part_start};
use super::stop::KernelError;
use crate::ops::cpu::gemm::epilogue::{Epilogue, Place};
use crate::ops::cpu::gemm::matrix::PackedMatrix;
use crate::ops::cpu::gemm::panel::{PAIR_BLOCK, PANEL};
use crate::ops::cpu::gemm::rows::Rows;
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::prefetch::{prefetch, prefetch_write};
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::isa::tile::{Tile, TileFn, Write};
use crate::ops::cpu::isa::transpose::Strided;
use crate::ops::cpu::memory::shared::{Places, Shared};

/// Columns of k that are summed from zero.
const DEPTH: usize = 320;
/// Distance between rows of the copied block.
const STRIDE: usize = 336;
/// Most rows of a job.
const ROWS: usize = 256;
/// The block that a worker has copied when it has copied none.
const NOTHING: usize = usize::MAX;
/// Columns of a stripe.
const STRIPE: usize = 2 * PANEL;

/// A matrix product.
pub(super) struct Gemm<'a, R: Rows> {
    /// x.
    pub rows: &'a R,
    /// Number of rows.
    pub count: usize,
    /// W.
    pub weights: &'a PackedMatrix,
    /// 1, or 9 for a convolution whose rows are tap by tap while its weights are channel by channel.
    pub taps: usize,
    /// What is added.
    pub epilogue: Epilogue<'a>,
    /// Rows of one picture of the batch (all rows if nothing depends on it).
    pub picture_rows: usize,
}

/// How the work is cut: row blocks × stripe ranges.
struct Plan {
    row_blocks: usize,
    ranges: usize,
    stripes: usize,
}

impl Plan {
    fn new(rows: usize, panels: usize, threads: usize) -> Plan {
        let stripes = panels.div_ceil(2);
        let mut row_blocks = rows.div_ceil(ROWS);
        if row_blocks > threads {
            row_blocks = row_blocks.next_multiple_of(threads);
        }
        let ranges = (4 * threads).div_ceil(row_blocks.max(1)).clamp(1, stripes.max(1));
        // One wide range reads the rows once; several only pay where there are too few row blocks.
        let ranges = if row_blocks >= 2 * threads { 1 } else { ranges };
        Plan { row_blocks, ranges, stripes }
    }
}

impl<R: Rows> Gemm<'_, R> {
    /// Computes `y`, `(count, outputs)`.
    pub fn run(&self, context: &Context, y: &mut [f32]) -> Result<(), KernelError> {
        let outputs = self.weights.outputs();
        assert_eq!(y.len(), self.count * outputs, "the result is rows times outputs");
        let pictures = self.count / self.picture_rows.max(1);
        self.epilogue.check(self.count, outputs, pictures, self.weights.is_gated());
        if y.is_empty() {
            return Ok(());
        }
        let plan = Plan::new(self.count, self.weights.panels(), context.threads());
        let rows = self.count.div_ceil(plan.row_blocks);
        let depths = self.weights.words().div_ceil(DEPTH).max(1);
        let context = &context.for_pairs(self.weights.is_bf16());
        let room = (depths * rows * STRIDE + rows * STRIPE + DEPTH * STRIPE).next_multiple_of(32) + 16;
        let mut scratch = context.arena().take(room * context.threads())?;
        let mut copied = vec![NOTHING; context.threads()];
        let (scratch, copied, y) = (Shared::new(&mut scratch), Shared::new(&mut copied), Shared::new(y));
        // SAFETY: a worker's number belongs to one thread, which is done with its scratch by the next job.
        let own = |worker: usize| unsafe {
            (scratch.claim(worker * room..(worker + 1) * room), &mut copied.claim(worker..worker + 1)[0])
        };
        context.each(plan.row_blocks * plan.ranges, |worker, item| {
            let (room, copied) = own(worker);
            let (block, range) = (item / plan.ranges, item % plan.ranges);
            // SAFETY: jobs differ in their rows or in their stripes, and write only where both meet.
            let y = unsafe { y.claim_places() };
            Job { gemm: self, plan: &plan, block, range, threads: context.threads(), copied, room, y }
        })
    }
}

/// One job of a product.
struct Job<'a, R: Rows> {
    gemm: &'a Gemm<'a, R>,
    plan: &'a Plan,
    block: usize,
    range: usize,
    threads: usize,
    /// Which block the worker has copied.
    copied: &'a mut usize,
    /// The worker's scratch.
    room: &'a mut [f32],
    y: Places<'a, f32>,
}

/// The parts of a worker's scratch.
struct Room {
    /// Rows of x, depth by depth.
    copied: *mut f32,
    /// A stripe's sums.
    sums: *mut f32,
    /// A stripe's weights for one depth.
    widened: *mut f32,
}

impl<R: Rows> Task for Job<'_, R> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (gemm, plan) = (self.gemm, self.plan);
        let first_row = part_start(gemm.count, plan.row_blocks, self.block);
        let rows = even_part(gemm.count, plan.row_blocks, self.block);
        let words = gemm.weights.words();
        let depths = words.div_ceil(DEPTH).max(1);
        let copied = self.room.as_mut_ptr();
        let sums = copied.wrapping_add(depths * rows * STRIDE);
        let room = Room { copied, sums, widened: sums.wrapping_add(rows * STRIPE) };
        // SAFETY: the scratch of this worker has room for the copied rows, the sums and the widened
        // weights, in this order, as `Gemm::run` computed; the rows and stripes exist.
        unsafe {
            if *self.copied != self.block {
                self.copy_rows(s, first_row, rows, depths, &room);
                *self.copied = self.block;
            }
            let first = part_start(plan.stripes, plan.ranges, self.range);
            for stripe in first..first + even_part(plan.stripes, plan.ranges, self.range) {
                let one_panel = 2 * stripe + 1 == gemm.weights.panels();
                for depth in 0..depths {
                    let (start, end) = (depth * DEPTH, (depth * DEPTH + DEPTH).min(words));
                    self.widen(s, stripe, one_panel, start, end, room.widened);
                    let part = Part { stripe, one_panel, depth, depths, k: end - start, rows, first_row };
                    self.multiply(s, &part, &room);
                }
            }
        }
    }
}

/// The tile function for numbers or for pairs.
#[inline(always)]
fn select<S: Simd, const NV: usize>(s: S, pairs: bool, rows: usize) -> TileFn {
    if pairs { s.tile_pairs::<NV, STRIDE>(rows) } else { s.tile::<NV, STRIDE>(rows) }
}

/// One depth of one stripe.
struct Part {
    stripe: usize,
    one_panel: bool,
    depth: usize,
    depths: usize,
    k: usize,
    rows: usize,
    first_row: usize,
}

impl<R: Rows> Job<'_, R> {
    /// Copies the block's rows, depth by depth.
    #[inline(always)]
    unsafe fn copy_rows<S: Simd>(&self, s: S, first_row: usize, rows: usize, depths: usize, room: &Room) {
        let (gemm, words) = (self.gemm, self.gemm.weights.words());
        for row in 0..rows {
            for depth in 0..depths {
                // SAFETY: the scratch has room for all depths of all rows.
                unsafe {
                    let to = room.copied.add((depth * rows + row) * STRIDE);
                    if gemm.weights.is_bf16() {
                        self.copy_pairs(s, first_row + row, depth, to, room.widened);
                        continue;
                    }
                    let (start, end) = (depth * DEPTH, (depth * DEPTH + DEPTH).min(words));
                    let to = std::slice::from_raw_parts_mut(to, end - start);
                    gemm.rows.fill(first_row + row, start, end, to);
                }
            }
        }
    }

    /// Copies two depths' columns of a row as pairs of bf16: the first half with the second, as the
    /// weights are packed. `spare` has room for them in f32.
    #[inline(always)]
    unsafe fn copy_pairs<S: Simd>(&self, s: S, row: usize, depth: usize, to: *mut f32, spare: *mut f32) {
        let start = depth * PAIR_BLOCK;
        let end = self.gemm.weights.columns().min(start + PAIR_BLOCK);
        let half = (end - start).div_ceil(2);
        // SAFETY: the spare room is DEPTH stripes, more than a pair block and two vectors.
        unsafe {
            let numbers = std::slice::from_raw_parts_mut(spare, PAIR_BLOCK + STRIPE);
            self.gemm.rows.fill(row, start, end, &mut numbers[..end - start]);
            numbers[end - start..].fill(0.0);
            for k in (0..half).step_by(S::LANES) {
                let pairs = s.pack_pairs(s.load(spare.add(k)), s.load(spare.add(half + k)));
                s.store(to.add(k), pairs);
            }
        }
    }

    /// Widens columns `start..end` of a stripe: one row of 32 for each k on 16 lanes, two blocks of
    /// rows of 16 on 8 lanes.
    #[inline(always)]
    unsafe fn widen<S: Simd>(
        &self,
        s: S,
        stripe: usize,
        one_panel: bool,
        start: usize,
        end: usize,
        to: *mut f32,
    ) {
        let weights = self.gemm.weights;
        let together = S::LANES == PANEL && !one_panel;
        for half in 0..if one_panel { 1 } else { 2 } {
            let (offset, stride) =
                if together { (half * PANEL, STRIPE) } else { (half * PANEL * DEPTH, PANEL) };
            // SAFETY: the panel exists, the rows are within its columns, `to` holds DEPTH × STRIPE.
            unsafe {
                let panel = 2 * stripe + half;
                let to = |row: usize| Strided { start: to.wrapping_add(offset + row * stride), stride };
                if self.gemm.taps == 1 {
                    weights.widen(s, panel, start, 1, end - start, to(0));
                    continue;
                }
                let (taps, channels) = (self.gemm.taps, weights.columns() / self.gemm.taps);
                let mut k = start;
                while k < end {
                    let (tap, channel) = (k / channels, k % channels);
                    let count = (channels - channel).min(end - k);
                    weights.widen(s, panel, channel * taps + tap, taps, count, to(k - start));
                    k += count;
                }
            }
        }
    }

    /// Multiplies all rows with the widened weights; after the last depth, finishes the outputs.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(&self, s: S, part: &Part, room: &Room) {
        let groups = part.rows.div_ceil(S::ROWS);
        let &Room { copied, sums, widened } = room;
        let copied = copied.wrapping_add(part.depth * part.rows * STRIDE);
        let mut row = 0;
        let pairs = self.gemm.weights.is_bf16();
        for group in 0..groups {
            let count = even_part(part.rows, groups, group);
            let a = copied.wrapping_add(row * STRIDE);
            let mut tile = Tile {
                a,
                k_stride: 1,
                b: widened,
                c: sums.wrapping_add(row * STRIPE),
                c_stride: STRIPE,
                k: part.k,
                write: if part.depth == 0 { Write::Store } else { Write::Add },
                next: a.wrapping_add(count * STRIDE),
            };
            self.prefetch_weights(part, group, groups);
            self.prefetch_rows(part, group, groups);
            if part.depth + 1 == part.depths {
                self.prefetch_outputs(part.stripe, part.first_row + row, count);
            }
            // SAFETY: rows `row..row + count` are copied, the weights are widened, the sums have room.
            unsafe {
                if S::LANES == PANEL {
                    let run = if part.one_panel {
                        select::<S, 1>(s, pairs, count)
                    } else {
                        select::<S, 2>(s, pairs, count)
                    };
                    run(&tile);
                } else {
                    let run = select::<S, 2>(s, pairs, count);
                    run(&tile);
                    if !part.one_panel {
                        tile.b = widened.add(PANEL * DEPTH);
                        tile.c = tile.c.add(PANEL);
                        run(&tile);
                    }
                }
                if part.depth + 1 == part.depths {
                    for r in row..row + count {
                        self.finish(s, part.stripe, part.first_row + r, sums.add(r * STRIPE));
                    }
                }
            }
            row += count;
        }
    }

    /// Prefetches one of `groups` parts of the weights that are widened next, so that they are at hand
    /// by then: with few rows the whole matrix comes from memory in little time.
    #[inline(always)]
    fn prefetch_weights(&self, part: &Part, group: usize, groups: usize) {
        let weights = self.gemm.weights;
        let (stripe, depth) = match part.depth + 1 < part.depths {
            true => (part.stripe, part.depth + 1),
            false => (part.stripe + 1, 0),
        };
        if self.gemm.taps != 1 || stripe >= self.plan.stripes {
            return;
        }
        let rows = DEPTH.min(weights.words() - depth * DEPTH);
        let (start, end) = (part_start(rows, groups, group), part_start(rows, groups, group + 1));
        for panel in 2 * stripe..(2 * stripe + 2).min(weights.panels()) {
            weights.prefetch(panel, depth * DEPTH + start, end - start);
        }
    }

    /// Prefetches the rows that this worker is likely to copy next.
    #[inline(always)]
    fn prefetch_rows(&self, part: &Part, group: usize, groups: usize) {
        let next = self.block + self.threads;
        if next >= self.plan.row_blocks {
            return;
        }
        let gemm = self.gemm;
        let first_row = part_start(gemm.count, self.plan.row_blocks, next);
        let rows = even_part(gemm.count, self.plan.row_blocks, next);
        let stripes = even_part(self.plan.stripes, self.plan.ranges, self.range);
        let stripe = part.stripe - part_start(self.plan.stripes, self.plan.ranges, self.range);
        let (count, i) =
            (stripes * part.depths * groups, (stripe * part.depths + part.depth) * groups + group);
        for row in part_start(rows, count, i)..part_start(rows, count, i + 1) {
            gemm.rows.prefetch(first_row + row);
        }
    }

    /// Prefetches the cache lines that [`Job::finish`] will write, and for those of the residual, while
    /// a tile is computed: they may come from memory.
    #[inline(always)]
    fn prefetch_outputs(&self, stripe: usize, row: usize, count: usize) {
        let gemm = self.gemm;
        let outputs = gemm.weights.outputs();
        let width = if gemm.weights.is_gated() { PANEL } else { STRIPE };
        for r in row..row + count {
            for lane in (0..width).step_by(16) {
                let at = r * outputs + stripe * width + lane;
                prefetch_write(self.y.address(at));
                if let Some(residual) = gemm.epilogue.residual {
                    prefetch(residual.as_ptr().wrapping_add(at));
                }
            }
        }
    }

    /// Sends one row of a stripe through the epilogue.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, s: S, stripe: usize, row: usize, sums: *const f32) {
        let gemm = self.gemm;
        let outputs = gemm.weights.outputs();
        let picture = row / gemm.picture_rows.max(1);
        let (gated, width) = if gemm.weights.is_gated() { (true, PANEL) } else { (false, STRIPE) };
        let mut lane = 0;
        while lane < width && stripe * width + lane < outputs {
            let column = stripe * width + lane;
            let place = Place { row, picture, column, count: outputs - column, outputs, stream: false };
            // SAFETY: the epilogue was checked against the result; this job alone writes these outputs.
            unsafe {
                let sum = s.load(sums.add(lane));
                if gated {
                    let gate = s.load(sums.add(PANEL + lane));
                    gemm.epilogue.finish_gated(s, sum, gate, place, self.y.at(0));
                } else {
                    gemm.epilogue.finish(s, sum, place, self.y.at(0));
                }
            }
            lane += S::LANES;
        }
    }
}
