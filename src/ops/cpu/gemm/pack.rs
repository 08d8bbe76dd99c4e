//! Weights on their way into panels: rows of any float type, from memory or piece by piece from a file.
//!
//! A job takes the rows of some panels, 256 KB or more at a time, into its worker's scratch, unless they
//! lie in memory, converts them and transposes them in registers. So no matrix has a second copy while
//! it is packed, and what was read is packed while it is still in the cache. Trap: numbers pass through
//! vectors of f32 as bits, so nothing here may compute with them as such.
#![expect(unsafe_code, reason = "threads write disjoint panels")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::ops::cpu::context::Context;
use crate::ops::cpu::gemm::groups::{GROUP, Group, Groups, Rounding};
use crate::ops::cpu::gemm::panel::{Kept, PAIR_BLOCK, PANEL};
use crate::ops::cpu::gemm::weight_rows::{WeightRows, WeightSlice};
use crate::ops::cpu::isa::Task;
use crate::ops::cpu::isa::simd::Simd;
use crate::ops::cpu::memory::shared::Shared;
use crate::ops::cpu::stop::{KernelError, Stop};

/// Rows that are read at once have at least so many bytes, if the matrix has enough for all threads.
const PIECE: usize = 256 << 10;

/// A matrix to pack: `outputs` rows, or twice as many if it is gated, values first.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub outputs: usize,
    pub columns: usize,
    pub gated: bool,
    pub kept: Kept,
}

impl Form {
    /// Bytes of a packed panel.
    pub fn panel_bytes(&self) -> usize {
        self.kept.panel_bytes(self.columns)
    }

    /// The groups in which these rows are kept as they are stored, if they are.
    fn groups_of<R: WeightRows + ?Sized>(&self, rows: &R) -> Option<Groups> {
        let Kept::Groups(kept) = self.kept else { return None };
        rows.groups().filter(|stored| *stored == kept && self.columns.is_multiple_of(GROUP))
    }

    /// Packs `rows` into `to`, which has the bytes of all panels, all zero. Returns what rounding to groups changed.
    ///
    /// # Errors
    /// If the rows cannot be read, or stopped.
    pub fn pack<R: WeightRows + ?Sized>(
        self,
        context: &Context,
        rows: &R,
        to: &mut [u8],
    ) -> Result<Rounding, R::Error> {
        let panels = self.outputs.div_ceil(PANEL);
        let row_bytes = self.columns * rows.element().size();
        let parts = if self.gated { 2 } else { 1 };
        // Panels of a piece: enough bytes to be read at once, and at least two pieces a thread.
        let most = (parts * panels).div_ceil(2 * context.threads());
        let group = PIECE.div_ceil((PANEL * row_bytes).max(1)).clamp(1, most.max(1));
        let groups = panels.div_ceil(group);
        // In numbers of the buffer, and a whole number of cache lines for each worker.
        let room = if rows.in_memory().is_some() { 0 } else { group * PANEL * row_bytes };
        let room = room.div_ceil(4).next_multiple_of(16);
        let mut scratch = context.arena().take(room * context.threads()).map_err(KernelError::from)?;
        let (scratch, to) = (Shared::new(&mut scratch), Shared::new(to));
        let stop = context.stop();
        let halt = Halt { stop: &*stop, failed: AtomicBool::new(false) };
        let result: Mutex<Result<Rounding, R::Error>> = Mutex::new(Ok(Rounding::default()));
        let done = context.section_under(&halt, parts * groups, |worker, job| {
            let piece = Piece { form: self, part: job / groups, first: job % groups * group, panels: group };
            // SAFETY: a worker's number belongs to one thread, which is done with its room by the next job.
            let room = unsafe { scratch.claim(worker * room..(worker + 1) * room) };
            let packed = piece.pack(context, rows, room, to);
            halt.failed.fetch_or(packed.is_err(), Ordering::Relaxed);
            let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(all) = &mut *result {
                match packed {
                    Ok(rounding) => all.add(rounding),
                    Err(error) => *result = Err(error),
                }
            }
        });
        let rounding = result.into_inner().unwrap_or_else(PoisonError::into_inner)?;
        done?;
        Ok(rounding)
    }
}

/// Ends a packing when a person does, or when a piece could not be read.
struct Halt<'a> {
    stop: &'a dyn Stop,
    failed: AtomicBool,
}

impl Stop for Halt<'_> {
    fn is_raised(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.stop.is_raised()
    }
}

/// Some panels' rows: they follow one another in the matrix.
struct Piece {
    form: Form,
    /// 0, or 1 for the gates.
    part: usize,
    /// The first panel of the part.
    first: usize,
    /// How many, if there are so many.
    panels: usize,
}

impl Piece {
    fn pack<R: WeightRows + ?Sized>(
        &self,
        context: &Context,
        rows: &R,
        room: &mut [f32],
        to: Shared<'_, u8>,
    ) -> Result<Rounding, R::Error> {
        let Form { outputs, columns, gated, .. } = self.form;
        let start = self.first * PANEL;
        let count = (self.panels * PANEL).min(outputs - start);
        let first = (self.part * outputs + start) * columns;
        let panel = |start: usize| {
            let panel = (self.first + start / PANEL) * if gated { 2 } else { 1 } + self.part;
            let bytes = self.form.panel_bytes();
            // SAFETY: parts and pieces share no panel, and each panel of a piece is packed once.
            unsafe { to.claim(panel * bytes..(panel + 1) * bytes) }
        };
        if let Some(kept) = self.form.groups_of(rows) {
            let groups = count * columns / GROUP;
            let room = &mut room[..groups * size_of::<Group>() / size_of::<f32>()];
            let groups: &mut [Group] = bytemuck::cast_slice_mut(room);
            rows.read_groups(first, groups)?;
            for (i, groups) in groups.chunks(PANEL * columns / GROUP).enumerate() {
                put(kept, groups, columns, panel(i * PANEL));
            }
            return Ok(Rounding::default());
        }
        let numbers = match rows.in_memory() {
            Some(all) => all.part(first, count * columns),
            None => {
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(room);
                let bytes = &mut bytes[..count * columns * rows.element().size()];
                rows.read(first, bytes)?;
                WeightSlice::of_bytes(rows.element(), bytes)
            }
        };
        let mut rounding = Rounding::default();
        for start in (0..count).step_by(PANEL) {
            let rows = PANEL.min(count - start);
            let numbers = numbers.part(start * columns, rows * columns);
            let rounding = &mut rounding;
            context.level().run(Panel { form: self.form, numbers, rows, to: panel(start), rounding });
        }
        Ok(rounding)
    }
}

/// Puts the groups of up to 16 rows into a panel.
fn put(kept: Groups, groups: &[Group], columns: usize, to: &mut [u8]) {
    for (lane, row) in groups.chunks(columns / GROUP).enumerate() {
        for (group, to) in row.iter().zip(to.chunks_exact_mut(kept.bytes())) {
            kept.put(group, lane, to);
        }
    }
}

/// Words of each row that are staged at once. Blocks of pairs are a multiple of it.
const STAGED: usize = 64;

type Stage = [[f32; STAGED]; PANEL];

/// One panel: up to 16 rows become columns.
struct Panel<'a> {
    form: Form,
    numbers: WeightSlice<'a>,
    rows: usize,
    to: &'a mut [u8],
    rounding: &'a mut Rounding,
}

impl Task for Panel<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let mut stage: Stage = [[0.0; STAGED]; PANEL];
        let words = self.form.kept.words(self.form.columns);
        for first in (0..words).step_by(STAGED) {
            let count = STAGED.min(words - first);
            for (row, staged) in stage.iter_mut().enumerate().take(self.rows) {
                self.stage_row(s, row, first, &mut staged[..count]);
            }
            self.write(s, &stage, first, count);
        }
    }
}

impl Panel<'_> {
    /// Puts a row's words from word `first` on into `staged`.
    #[inline(always)]
    fn stage_row<S: Simd>(&self, s: S, row: usize, first: usize, staged: &mut [f32]) {
        let Form { columns, kept, .. } = self.form;
        let start = row * columns;
        match kept {
            Kept::F32 | Kept::Groups(_) => self.numbers.widen(s, start + first, staged),
            Kept::F16 => {
                let count = (2 * staged.len()).min(columns - 2 * first);
                let halves: &mut [f16] = &mut bytemuck::cast_slice_mut(staged)[..count];
                if let WeightSlice::F16(w) = self.numbers {
                    halves.copy_from_slice(&w[start + 2 * first..][..count]);
                } else {
                    let mut wide = [0.0; 2 * STAGED];
                    self.numbers.widen(s, start + 2 * first, &mut wide[..count]);
                    halves.convert_from_f32_slice(&wide[..count]);
                }
            }
            Kept::Pairs => {
                // A block's first half is paired with its second, which may be one shorter.
                let (block, within) = (first / (PAIR_BLOCK / 2) * PAIR_BLOCK, first % (PAIR_BLOCK / 2));
                let end = columns.min(block + PAIR_BLOCK);
                let half = (end - block).div_ceil(2);
                let (low, high) = (block + within, block + half + within);
                let (mut lows, mut highs) = ([0.0; STAGED], [0.0; STAGED]);
                let paired = staged.len().min(end - high);
                self.numbers.widen(s, start + low, &mut lows[..staged.len()]);
                self.numbers.widen(s, start + high, &mut highs[..paired]);
                for (low, high) in lows.chunks_exact_mut(S::LANES).zip(highs.chunks_exact(S::LANES)) {
                    let pairs = s.pack_pairs(s.read(low), s.read(high));
                    s.write(low, pairs);
                }
                staged.copy_from_slice(&lows[..staged.len()]);
            }
        }
    }

    /// Writes `count` staged words of all rows, words from `first` on, as columns of the panel.
    #[inline(always)]
    fn write<S: Simd>(&mut self, s: S, stage: &Stage, first: usize, count: usize) {
        if let Kept::Groups(kept) = self.form.kept {
            for start in (0..count).step_by(GROUP) {
                let end = count.min(start + GROUP);
                let to = &mut self.to[(first + start) / GROUP * kept.bytes()..][..kept.bytes()];
                for (lane, row) in stage.iter().enumerate().take(self.rows) {
                    let row = &row[start..end];
                    let group = kept.round(row);
                    self.rounding.add_group(row, &group);
                    kept.put(&group, lane, to);
                }
            }
            return;
        }
        let mut turned = [[0.0f32; PANEL]; 16];
        for k in (0..count).step_by(S::LANES) {
            for half in (0..PANEL).step_by(S::LANES) {
                let mut rows = [s.splat(0.0); 16];
                for (row, staged) in rows.iter_mut().zip(&stage[half..half + S::LANES]) {
                    *row = s.read(&staged[k..]);
                }
                s.transpose(&mut rows);
                for (row, turned) in rows.iter().zip(&mut turned).take(S::LANES) {
                    s.write(&mut turned[half..], *row);
                }
            }
            let turned = &turned[..S::LANES.min(count - k)];
            if self.form.kept != Kept::F16 {
                let columns: &mut [[f32; PANEL]] = bytemuck::cast_slice_mut(self.to);
                columns[first + k..][..turned.len()].copy_from_slice(turned);
                continue;
            }
            // The last of an odd number of columns has no second.
            let columns: &mut [[u16; PANEL]] = bytemuck::cast_slice_mut(self.to);
            for (columns, pairs) in columns[2 * (first + k)..].chunks_mut(2).zip(turned) {
                columns[0] = pairs.map(|pair| pair.to_bits() as u16);
                if let Some(column) = columns.get_mut(1) {
                    *column = pairs.map(|pair| (pair.to_bits() >> 16) as u16);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::ops::cpu::gemm::groups::Bits;
    use crate::ops::cpu::gemm::matrix::PackedMatrix;
    use crate::ops::cpu::gemm::weight_rows::Element;
    use crate::ops::cpu::isa::Level;
    use crate::ops::cpu::memory::refusal::OutOfMemory;
    use crate::ops::cpu::testing::{FORMS, Grouped, noise};

    /// Numbers that are read, some of which cannot be.
    struct Stored<'a> {
        numbers: WeightSlice<'a>,
        unreadable: Option<usize>,
    }

    impl WeightRows for Stored<'_> {
        type Error = KernelError;

        fn count(&self) -> usize {
            self.numbers.count()
        }

        fn element(&self) -> Element {
            self.numbers.element()
        }

        fn in_memory(&self) -> Option<WeightSlice<'_>> {
            None
        }

        fn read(&self, first: usize, to: &mut [u8]) -> Result<(), KernelError> {
            let count = to.len() / self.element().size();
            if self.unreadable.is_some_and(|number| (first..first + count).contains(&number)) {
                return Err(OutOfMemory { bytes: 42 }.into());
            }
            match self.numbers.part(first, count) {
                WeightSlice::F16(w) => to.copy_from_slice(bytemuck::cast_slice(w)),
                WeightSlice::Bf16(w) => to.copy_from_slice(bytemuck::cast_slice(w)),
                WeightSlice::F32(w) => to.copy_from_slice(bytemuck::cast_slice(w)),
            }
            Ok(())
        }

        fn groups(&self) -> Option<Groups> {
            None
        }

        fn read_groups(&self, _first: usize, _to: &mut [Group]) -> Result<(), KernelError> {
            Ok(())
        }
    }

    /// What a panel's column should hold for row `row`, as bits.
    fn wanted(form: Form, row: &[f32], k: usize) -> u32 {
        let pair = |low: f32, high: f32| {
            u32::from(bf16::from_f32(low).to_bits()) | u32::from(bf16::from_f32(high).to_bits()) << 16
        };
        match form.kept {
            Kept::F32 => row[k].to_bits(),
            Kept::F16 => u32::from(f16::from_f32(row[k]).to_bits()),
            Kept::Pairs => {
                let (block, within) = (k / (PAIR_BLOCK / 2) * PAIR_BLOCK, k % (PAIR_BLOCK / 2));
                let half = (row.len().min(block + PAIR_BLOCK) - block).div_ceil(2);
                let high = block + half + within;
                let high = if high < row.len().min(block + PAIR_BLOCK) { row[high] } else { 0.0 };
                pair(row[block + within], high)
            }
            Kept::Groups(_) => unreachable!("groups have a test of their own"),
        }
    }

    fn check(form: Form, numbers: WeightSlice<'_>, wide: &[f32], context: &Context) {
        let parts = if form.gated { 2 } else { 1 };
        let panels = parts * form.outputs.div_ceil(PANEL);
        let mut words = vec![0u32; panels * form.panel_bytes() / 4];
        let to: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        form.pack(context, &Stored { numbers, unreadable: None }, to).unwrap();
        let from_file = to.to_vec();
        to.fill(0);
        form.pack(context, &numbers, to).unwrap();
        assert!(*to == *from_file, "memory and file differ");
        let size = if form.kept == Kept::F16 { 2 } else { 4 };
        for panel in 0..panels {
            for lane in 0..PANEL {
                let output = panel / parts * PANEL + lane;
                let row = (output < form.outputs)
                    .then(|| &wide[(panel % parts * form.outputs + output) * form.columns..][..form.columns]);
                for k in 0..form.panel_bytes() / PANEL / size {
                    let at = (panel * form.panel_bytes() / size + k * PANEL + lane) * size;
                    let mut found = [0; 4];
                    found[..size].copy_from_slice(&to[at..at + size]);
                    let wanted = row.map_or(0, |row| wanted(form, row, k));
                    assert_eq!(u32::from_le_bytes(found), wanted, "{form:?} {panel} {lane} {k}");
                }
            }
        }
    }

    impl std::fmt::Debug for Form {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}×{} {} {:?}", self.outputs, self.columns, self.gated, self.kept)
        }
    }

    #[test]
    fn every_type_becomes_every_kept_type_from_memory_and_from_a_file() {
        for level in Level::available() {
            let context = Context::new(2).with_level(level);
            for (outputs, columns, gated) in
                [(1, 1, false), (33, 129, false), (20, 700, true), (70, 1283, false)]
            {
                let rows = if gated { 2 * outputs } else { outputs };
                let wide = noise(1, rows * columns);
                let halves: Vec<f16> = wide.iter().map(|x| f16::from_f32(*x)).collect();
                let brains: Vec<bf16> = wide.iter().map(|x| bf16::from_f32(*x)).collect();
                for kept in [Kept::F16, Kept::F32, Kept::Pairs] {
                    let form = Form { outputs, columns, gated, kept };
                    check(form, WeightSlice::F32(&wide), &wide, &context);
                    let of_halves: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
                    check(form, WeightSlice::F16(&halves), &of_halves, &context);
                    let of_brains: Vec<f32> = brains.iter().map(|x| x.to_f32()).collect();
                    check(form, WeightSlice::Bf16(&brains), &of_brains, &context);
                }
            }
        }
    }

    #[test]
    fn numbers_in_groups_come_back_as_they_were() {
        use crate::ops::cpu::{Epilogue, Source, linear};
        for level in Level::available() {
            let context = Context::new(2).with_level(level);
            for form in FORMS {
                for (outputs, columns, gated) in [(33, 96, false), (70, 1280, false), (24, 352, true)] {
                    let rows = Grouped::new(form, if gated { 2 * outputs } else { outputs }, columns);
                    let numbers = rows.numbers();
                    let x = noise(3, 5 * columns);
                    let product = |packed: &PackedMatrix| {
                        let mut y = vec![0.0; 5 * outputs];
                        let source = Source::one(&x, columns);
                        linear(&context, source, (5, 1), packed, Epilogue::default(), &mut y).unwrap();
                        y
                    };
                    let kept = Kept::as_grouped(form, columns);
                    let packed =
                        PackedMatrix::pack_as(&context, &rows, outputs, columns, gated, kept).unwrap();
                    let wide = WeightSlice::F32(&numbers);
                    let wide =
                        PackedMatrix::pack_as(&context, &wide, outputs, columns, gated, Kept::F32).unwrap();
                    assert_eq!(product(&packed), product(&wide), "{form:?} {outputs} {}", level.name());
                    assert_eq!(packed.rounding(), Rounding::default());
                    let (least, most) = if form.bits == Bits::Eight { (3.1, 3.8) } else { (5.3, 7.2) };
                    let share = wide.bytes() as f64 / packed.bytes() as f64;
                    assert!(least < share && share < most, "{form:?}: {share}");
                }
            }
        }
    }

    #[test]
    fn rounding_to_groups_says_what_it_changed() {
        let context = Context::new(2);
        let numbers = noise(4, 40 * 128);
        let share = |groups, numbers: &[f32]| {
            let rows = WeightSlice::F32(numbers);
            let kept = Kept::Groups(groups);
            let packed = PackedMatrix::pack_as(&context, &rows, 40, 128, false, kept).unwrap();
            packed.rounding().share().unwrap()
        };
        let (eight, four) = (share(Groups::Q8, &numbers), share(Groups::Q4, &numbers));
        // Steps of an even distance d differ by d/√12: normal numbers reach 2.1 deviations among 32.
        assert!((0.003..0.008).contains(&eight), "{eight}");
        assert!((0.05..0.12).contains(&four), "{four}");
        let whole: Vec<f32> = numbers.iter().enumerate().map(|(i, _)| (i % 8) as f32 - 8.0).collect();
        assert_eq!(share(Groups::Q4, &whole), 0.0);
    }

    #[test]
    fn what_cannot_be_read_is_the_error_whichever_thread_meets_it() {
        let context = Context::new(2);
        let numbers = noise(2, 400 * 300);
        let form = Form { outputs: 400, columns: 300, gated: false, kept: Kept::F32 };
        for unreadable in [0, 60_000, 119_999] {
            let rows = Stored { numbers: WeightSlice::F32(&numbers), unreadable: Some(unreadable) };
            let mut to = vec![0; 25 * form.panel_bytes()];
            let refused = form.pack(&context, &rows, &mut to).unwrap_err();
            assert_eq!(refused, KernelError::OutOfMemory(OutOfMemory { bytes: 42 }));
        }
        let stopped = context.with_stop(std::sync::Arc::new(AtomicBool::new(true)));
        let rows = Stored { numbers: WeightSlice::F32(&numbers), unreadable: None };
        let mut to = vec![0; 25 * form.panel_bytes()];
        assert_eq!(form.pack(&stopped, &rows, &mut to).unwrap_err(), KernelError::Stopped);
    }
}
