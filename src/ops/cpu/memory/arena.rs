//! Buffers that outlive their use: what a step needs is kept for the next, so that nothing is
//! mapped, faulted in and given back while a picture is computed.
//!
//! Memory comes in segments, and buffers are cut out of them: the smallest free range that fits, put
//! together with its free neighbors when it comes back. So what is held stays close to the most that
//! was in use at once, whatever the sizes. Invariants: a buffer's numbers are always initialized (fresh
//! memory is zero, reused memory holds old numbers), 64-byte aligned, and on Linux in huge pages, where
//! a page fault costs an eighth as much per byte. A segment lives as long as a buffer is in it.
#![expect(unsafe_code, reason = "buffers are disjoint pieces of shared segments")]

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ops::cpu::memory::block::Block;
use crate::ops::cpu::memory::refusal::OutOfMemory;

/// Least size of a segment. Pages that no buffer has touched take no memory.
const SEGMENT: usize = 32 << 20;
/// Buffers start at multiples of it.
const ALIGNMENT: usize = 64;

/// Whether each buffer is a piece of the heap by itself, so that a sanitizer sees where it ends: in tests, if
/// `KERNELS_APART` is set.
fn apart() -> bool {
    cfg!(test) && std::env::var_os("KERNELS_APART").is_some()
}

/// Memory that buffers are cut out of.
struct Segment {
    block: Block,
    /// Free ranges, start → bytes, never side by side.
    free: BTreeMap<usize, usize>,
}

impl Segment {
    fn is_empty(&self) -> bool {
        self.free.get(&0) == Some(&self.block.bytes())
    }

    /// The smallest free range of at least `bytes`: its length and start.
    fn fitting(&self, bytes: usize) -> Option<(usize, usize)> {
        self.free.iter().map(|(&start, &length)| (length, start)).filter(|range| range.0 >= bytes).min()
    }

    /// Takes the first `bytes` of the free range at `start`, and returns their address.
    fn cut(&mut self, start: usize, bytes: usize) -> NonNull<f32> {
        let length = self.free.remove(&start);
        assert!(length.is_some_and(|length| length >= bytes), "buffers are cut out of free ranges");
        if let Some(left) = length.and_then(|length| length.checked_sub(bytes)).filter(|left| *left > 0) {
            self.free.insert(start + bytes, left);
        }
        // SAFETY: free ranges lie within the block.
        unsafe { self.block.start().add(start) }.cast()
    }

    /// Puts a range back, joined with its free neighbors.
    fn give_back(&mut self, mut start: usize, mut bytes: usize) {
        if let Some(after) = self.free.remove(&(start + bytes)) {
            bytes += after;
        }
        if let Some((&before, &length)) = self.free.range(..start).next_back()
            && before + length == start
        {
            self.free.remove(&before);
            (start, bytes) = (before, length + bytes);
        }
        self.free.insert(start, bytes);
    }
}

/// What an arena holds.
#[derive(Default)]
struct State {
    /// Slots keep their numbers while others go.
    segments: Vec<Option<Segment>>,
    /// Bytes in buffers that are in use.
    used: usize,
    /// Bytes in all segments.
    held: usize,
    /// The most that `used` has been.
    peak: usize,
}

impl State {
    /// The smallest free range of at least `bytes`: its segment, that segment's slot, and its start.
    fn find(&mut self, bytes: usize) -> Option<(&mut Segment, usize, usize)> {
        let segments = self.segments.iter_mut().enumerate();
        let ranges = segments.filter_map(|(slot, segment)| {
            let segment = segment.as_mut()?;
            let (length, start) = segment.fitting(bytes)?;
            Some((length, slot, start, segment))
        });
        let best = ranges.min_by_key(|(length, slot, start, _)| (*length, *slot, *start));
        best.map(|(_, slot, start, segment)| (segment, slot, start))
    }

    /// A new segment of at least `bytes`, its slot and 0; those that are free and were too small go first.
    fn grow(&mut self, bytes: usize) -> Result<(&mut Segment, usize, usize), OutOfMemory> {
        self.trim();
        let block = if apart() {
            Block::on_heap(bytes)?
        } else {
            let size = bytes.max(SEGMENT).checked_next_multiple_of(2 << 20);
            Block::new(size.ok_or(OutOfMemory { bytes })?)?
        };
        self.held += block.bytes();
        let segment = Segment { free: BTreeMap::from([(0, block.bytes())]), block };
        let slot = self.segments.iter().position(Option::is_none).unwrap_or(self.segments.len());
        if slot == self.segments.len() {
            self.segments.push(None);
        }
        Ok((self.segments[slot].insert(segment), slot, 0))
    }

    fn trim(&mut self) {
        for slot in &mut self.segments {
            if let Some(segment) = slot.take_if(|segment| segment.is_empty()) {
                self.held -= segment.block.bytes();
            }
        }
    }
}

/// A store of reusable buffers. Cloning it gives another handle on the same store.
#[derive(Clone, Default)]
pub struct Arena(Arc<Mutex<State>>);

/// Numbers borrowed from an [`Arena`]; they go back when dropped.
pub struct Buffer {
    numbers: NonNull<f32>,
    len: usize,
    /// The segment's slot, and the range in it.
    place: (usize, usize, usize),
    arena: Arena,
}

// SAFETY: a buffer's range belongs to it alone; access follows Rust's borrows of it.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

/// How much memory an [`Arena`] has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// In buffers that are in use.
    pub used: usize,
    /// In all, used and free.
    pub held: usize,
    /// The most that was ever in use.
    pub peak: usize,
}

impl Arena {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `len` numbers of any value.
    ///
    /// # Errors
    /// If the system gives no memory for it.
    pub fn take(&self, len: usize) -> Result<Buffer, OutOfMemory> {
        let bytes = len.max(1).checked_mul(size_of::<f32>());
        let bytes = bytes.and_then(|bytes| bytes.checked_next_multiple_of(ALIGNMENT));
        let bytes = bytes.ok_or(OutOfMemory { bytes: usize::MAX })?;
        let mut guard = self.state();
        let state = &mut *guard;
        let found = if apart() { None } else { state.find(bytes) };
        let (segment, slot, start) = match found {
            Some(found) => found,
            None => state.grow(bytes)?,
        };
        let numbers = segment.cut(start, bytes);
        state.used += bytes;
        state.peak = state.peak.max(state.used);
        drop(guard);
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests poison it"))]
        let mut buffer = Buffer { numbers, len, place: (slot, start, bytes), arena: self.clone() };
        // A kernel that reads scratch it has not written fails its test.
        #[cfg(test)]
        buffer.fill(f32::NAN);
        Ok(buffer)
    }

    /// Gives the segments in which no buffer is back to the system.
    pub fn trim(&self) {
        self.state().trim();
    }

    /// How much memory is held.
    pub fn usage(&self) -> Usage {
        let state = self.state();
        Usage { used: state.used, held: state.held, peak: state.peak }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let (slot, start, bytes) = self.place;
        let mut state = self.arena.state();
        state.used -= bytes;
        if let Some(segment) = &mut state.segments[slot] {
            segment.give_back(start, bytes);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: the range is this buffer's alone, initialized, aligned to 64, and lives until the
        // buffer gives it back; any bits are a valid f32.
        unsafe { std::slice::from_raw_parts(self.numbers.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and borrowed for change.
        unsafe { std::slice::from_raw_parts_mut(self.numbers.as_ptr(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_are_aligned() {
        let arena = Arena::default();
        let first = arena.take(1000).unwrap();
        let address = first.as_ptr();
        assert_eq!(address as usize % 64, 0);
        drop(first);
        let mut again = arena.take(990).unwrap();
        assert_eq!(again.as_ptr(), address);
        assert_eq!(again.len(), 990);
        again[989] = 1.0;
        let big = arena.take(3 << 20).unwrap();
        assert_eq!(big.as_ptr() as usize % 64, 0);
        assert_eq!(big.len(), 3 << 20);
        let usage = arena.usage();
        assert_eq!((usage.used, usage.held), (3968 + (12 << 20), SEGMENT));
        drop((again, big));
        arena.trim();
        assert_eq!(arena.usage(), Usage { used: 0, held: 0, peak: usage.peak });
        assert!(usage.peak >= 12 << 20);
    }

    #[test]
    fn pieces_join_again_and_segments_are_kept_small() {
        let arena = Arena::default();
        let mega = |count: usize| arena.take(count << 18).unwrap();
        let (a, b, c) = (mega(10), mega(10), mega(10));
        assert_eq!(arena.usage().held, SEGMENT);
        let address = a.as_ptr();
        drop((a, c, b));
        // All in one piece again, however it came back.
        let whole = mega(32);
        assert_eq!((whole.as_ptr(), arena.usage().held), (address, SEGMENT));
        drop(whole);
        // Too small for this one, and free: it goes.
        let big = mega(40);
        assert_eq!(arena.usage().held, 40 << 20);
        // A free range is the smallest that fits.
        let small = arena.take(100).unwrap();
        assert_eq!(arena.usage().held, (40 << 20) + SEGMENT);
        drop(big);
        let next = arena.take(1000).unwrap();
        assert_eq!(next.as_ptr() as usize, small.as_ptr() as usize + 448);
    }

    #[test]
    fn a_refused_buffer_leaves_the_arena_as_it_was() {
        let arena = Arena::default();
        let held = arena.take(1000).unwrap();
        let usage = arena.usage();
        for len in [1 << 60, usize::MAX / 4, usize::MAX] {
            assert!(arena.take(len).is_err());
        }
        assert_eq!(arena.usage(), usage);
        drop(held);
        assert_eq!(arena.take(1000).unwrap().len(), 1000);
    }

    #[test]
    fn a_warm_step_allocates_nothing() {
        let arena = Arena::default();
        let step = |arena: &Arena| {
            let a = arena.take(5000).unwrap();
            let b = arena.take(70_000).unwrap();
            drop(a);
            drop((arena.take(5000).unwrap(), b));
        };
        step(&arena);
        let warm = arena.usage();
        for _ in 0..10 {
            step(&arena);
        }
        assert_eq!(arena.usage(), warm);
    }
}
