//! The arena: activations are pieces of a few large buffers, so that nothing is allocated on the device
//! once a step has run.
//!
//! The smallest free range that fits is taken, and ranges join again when they come back. Invariant: a
//! piece that was given back may be taken at once, since work runs in the order in which it was recorded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::CardError;

/// Least size of a segment.
const SEGMENT: u64 = 32 << 20;
/// Pieces begin at multiples of it: no device asks for more.
pub const ALIGNMENT: u64 = 256;

struct Segment {
    buffer: wgpu::Buffer,
    /// Free ranges, start → bytes, never side by side.
    free: BTreeMap<u64, u64>,
}

impl Segment {
    fn is_empty(&self) -> bool {
        self.free.get(&0) == Some(&self.buffer.size())
    }

    fn give_back(&mut self, mut start: u64, mut bytes: u64) {
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

#[derive(Default)]
struct State {
    segments: Vec<Option<Segment>>,
    used: u64,
    held: u64,
    peak: u64,
    /// How often a segment was made.
    grown: u64,
    /// Most bytes to hold.
    budget: Option<u64>,
}

/// A store of device memory; a clone is the same store.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

/// Device memory that goes back when it is dropped.
pub struct Piece {
    buffer: wgpu::Buffer,
    start: u64,
    bytes: u64,
    slot: usize,
    memory: Memory,
}

/// Bytes of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// In pieces.
    pub used: u64,
    /// In segments.
    pub held: u64,
    /// The most that was in pieces at once.
    pub peak: u64,
    /// How often a segment was made.
    pub grown: u64,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Most bytes to hold from now on.
    pub fn set_budget(&self, bytes: Option<u64>) {
        self.state().budget = bytes;
    }

    /// A piece of at least `bytes`; a new segment comes from `make`.
    ///
    /// # Errors
    /// If it would hold more than its budget, or the device gives none.
    pub fn take(
        &self,
        bytes: u64,
        make: impl FnOnce(u64) -> Result<wgpu::Buffer, CardError>,
    ) -> Result<Piece, CardError> {
        let bytes = bytes.max(1).next_multiple_of(ALIGNMENT);
        let mut state = self.state();
        let (slot, start) = match state.find(bytes) {
            Some(place) => place,
            None => (state.grow(bytes, make)?, 0),
        };
        let refused = CardError::OutOfMemory { bytes };
        let segment = state.segments.get_mut(slot).and_then(Option::as_mut).ok_or(refused)?;
        let length = segment.free.remove(&start).unwrap_or(bytes);
        if length > bytes {
            segment.free.insert(start + bytes, length - bytes);
        }
        let buffer = segment.buffer.clone();
        state.used += bytes;
        state.peak = state.peak.max(state.used);
        Ok(Piece { buffer, start, bytes, slot, memory: self.clone() })
    }

    /// Frees segments in which no piece is.
    pub fn trim(&self) {
        self.state().trim();
    }

    /// How much there is.
    pub fn bytes(&self) -> Bytes {
        let state = self.state();
        Bytes { used: state.used, held: state.held, peak: state.peak, grown: state.grown }
    }
}

impl State {
    fn find(&self, bytes: u64) -> Option<(usize, u64)> {
        let ranges = self.segments.iter().enumerate().flat_map(|(slot, segment)| {
            let free = segment.iter().flat_map(|segment| &segment.free);
            free.map(move |(&start, &length)| (length, slot, start))
        });
        ranges.filter(|range| range.0 >= bytes).min().map(|(_, slot, start)| (slot, start))
    }

    fn grow(
        &mut self,
        bytes: u64,
        make: impl FnOnce(u64) -> Result<wgpu::Buffer, CardError>,
    ) -> Result<usize, CardError> {
        self.trim();
        let size = bytes.max(SEGMENT).next_multiple_of(1 << 20);
        let size = match self.budget {
            Some(budget) if self.held + size > budget => bytes,
            _ => size,
        };
        if self.budget.is_some_and(|budget| self.held + size > budget) {
            return Err(CardError::OutOfMemory { bytes });
        }
        let buffer = make(size)?;
        self.held += size;
        self.grown += 1;
        let slot = self.segments.iter().position(Option::is_none).unwrap_or(self.segments.len());
        if slot == self.segments.len() {
            self.segments.push(None);
        }
        self.segments[slot] = Some(Segment { free: BTreeMap::from([(0, size)]), buffer });
        Ok(slot)
    }

    fn trim(&mut self) {
        for slot in &mut self.segments {
            if let Some(segment) = slot.take_if(|segment| segment.is_empty()) {
                self.held -= segment.buffer.size();
            }
        }
    }
}

impl Piece {
    /// The whole piece, or `bytes` of it from `start` on, as it is bound.
    pub fn bound(&self, start: u64, bytes: u64) -> Bound<'_> {
        Bound { buffer: &self.buffer, start: self.start + start, bytes }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut state = self.memory.state();
        state.used -= self.bytes;
        if let Some(segment) = state.segments.get_mut(self.slot).and_then(Option::as_mut) {
            segment.give_back(self.start, self.bytes);
        }
    }
}

/// A range of a buffer for one dispatch; it begins at a multiple of 256 bytes, which is enough for every device.
#[derive(Clone, Copy)]
pub struct Bound<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// Where it begins, in bytes.
    pub start: u64,
    /// Its length.
    pub bytes: u64,
}

impl<'a> Bound<'a> {
    /// A whole buffer.
    pub fn all(buffer: &'a wgpu::Buffer) -> Self {
        Self { buffer, start: 0, bytes: buffer.size() }
    }
}
