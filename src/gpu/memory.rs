//! The card's memory: activations are pieces of a few large buffers, so that nothing is allocated on the
//! device once a step has run; weights have buffers of their own; and both count against one budget.
//!
//! The first free range that fits is taken, by place, and ranges join again when they come back. So the same
//! run asks for the same places each time, and a store that is [`Memory::imagined`] tells beforehand how large a
//! buffer it needs. Invariant: a piece that was given back may be taken at once, since work runs in the order in
//! which it was recorded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::CardError;

/// Least size of a segment.
const SEGMENT: u64 = 32 << 20;
/// Segments are made in multiples of it.
const GRAIN: u64 = 1 << 20;
/// Pieces begin at multiples of it: no device asks for more.
pub const ALIGNMENT: u64 = 256;

struct Segment {
    buffer: wgpu::Buffer,
    size: u64,
    /// Free ranges, start → bytes, never side by side.
    free: BTreeMap<u64, u64>,
}

impl Segment {
    fn is_empty(&self) -> bool {
        self.free.get(&0) == Some(&self.size)
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

    /// Makes it `bytes` longer, where nothing is behind it: in imagination.
    fn lengthen(&mut self, bytes: u64) {
        let end = self.size;
        self.size += bytes;
        self.give_back(end, bytes);
    }

    /// Free bytes at its end.
    fn tail(&self) -> u64 {
        self.free
            .last_key_value()
            .filter(|(start, length)| *start + *length == self.size)
            .map_or(0, |last| *last.1)
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
    /// Buffers of their own: weights, what is read back.
    own: u64,
    /// The most that was held at once, buffers of their own among it.
    most: u64,
    /// Most bytes to hold.
    budget: Option<u64>,
    /// The longest buffer to read back through that was imagined.
    read_back: u64,
    /// What stands for the memory of a store that is imagined, and the longest segment of it.
    imagined: Option<(wgpu::Buffer, u64)>,
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

/// A buffer of its own, counted until it is dropped.
pub struct Store {
    buffer: wgpu::Buffer,
    bytes: u64,
    memory: Memory,
}

/// Bytes of a card's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// In pieces.
    pub used: u64,
    /// In segments.
    pub held: u64,
    /// The most that was in pieces at once.
    pub peak: u64,
    /// How often a segment was made.
    pub grown: u64,
    /// In buffers of their own: weights, and what is read back.
    pub own: u64,
    /// The most that was held at once, in segments and in buffers of their own.
    pub most: u64,
}

impl Memory {
    /// A store without memory: `filler` stands for all of it, in segments of at most `longest` bytes, each as long
    /// as it has to be; `own` bytes are there already in buffers of their own.
    pub fn imagined(filler: wgpu::Buffer, longest: u64, own: u64) -> Self {
        let state =
            State { imagined: Some((filler, longest / GRAIN * GRAIN)), own, most: own, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Most bytes to hold from now on.
    pub fn set_budget(&self, bytes: Option<u64>) {
        self.state().budget = bytes;
    }

    /// Most bytes to hold, where that is known.
    pub fn budget(&self) -> Option<u64> {
        self.state().budget
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
            None => state.grow(bytes, make)?,
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

    /// A buffer of its own of `bytes`, from `make`.
    ///
    /// # Errors
    /// If it would hold more than its budget, or the device gives none.
    pub fn store(
        &self,
        bytes: u64,
        make: impl FnOnce(u64) -> Result<wgpu::Buffer, CardError>,
    ) -> Result<Store, CardError> {
        let mut state = self.state();
        if !state.has_room(bytes) {
            // Weights come before buffers that are kept for later.
            state.trim();
        }
        if !state.has_room(bytes) {
            return Err(CardError::OutOfMemory { bytes });
        }
        let buffer = match &state.imagined {
            Some((filler, _)) => filler.clone(),
            None => make(bytes)?,
        };
        state.own += bytes;
        state.note_most();
        Ok(Store { buffer, bytes, memory: self.clone() })
    }

    /// Counts a buffer to read back through of `bytes`, which is kept, where one of `present` bytes is there: in
    /// imagination.
    pub fn imagine_read_back(&self, bytes: u64, present: u64) {
        let mut state = self.state();
        let known = state.read_back.max(present);
        if bytes > known {
            state.own += bytes - known;
            state.read_back = bytes;
            state.note_most();
        }
    }

    /// Makes sure that there are segments as long as `segments` say, in this order: what
    /// [`Memory::segments`] of an imagined store told.
    ///
    /// # Errors
    /// If it would hold more than its budget, or the device gives none.
    pub fn reserve(
        &self,
        segments: &[u64],
        mut make: impl FnMut(u64) -> Result<wgpu::Buffer, CardError>,
    ) -> Result<(), CardError> {
        let mut state = self.state();
        let mut present = state.segments.iter().flatten().map(|segment| segment.size);
        if segments.iter().all(|wanted| present.next().is_some_and(|size| size >= *wanted)) {
            return Ok(());
        }
        state.trim();
        for bytes in segments {
            state.add(*bytes, &mut make)?;
        }
        Ok(())
    }

    /// How long each segment is.
    pub fn segments(&self) -> Vec<u64> {
        self.state().segments.iter().flatten().map(|segment| segment.size).collect()
    }

    /// Frees segments in which no piece is.
    pub fn trim(&self) {
        self.state().trim();
    }

    /// Begins a new count of the most that is held at once.
    pub fn forget_most(&self) {
        let mut state = self.state();
        state.most = 0;
        state.note_most();
    }

    /// How much there is.
    pub fn bytes(&self) -> Bytes {
        let State { used, held, peak, grown, own, most, .. } = *self.state();
        Bytes { used, held, peak, grown, own, most }
    }
}

impl State {
    fn find(&self, bytes: u64) -> Option<(usize, u64)> {
        let slots = self.segments.iter().enumerate();
        let mut ranges = slots.flat_map(|(slot, segment)| {
            let free = segment.iter().flat_map(|segment| &segment.free);
            free.map(move |(&start, &length)| (length, slot, start))
        });
        ranges.find(|range| range.0 >= bytes).map(|(_, slot, start)| (slot, start))
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.budget.is_none_or(|budget| self.held + self.own + bytes <= budget)
    }

    fn note_most(&mut self) {
        self.most = self.most.max(self.held + self.own);
    }

    /// Room for `bytes` where there was none: its place.
    fn grow(
        &mut self,
        bytes: u64,
        make: impl FnOnce(u64) -> Result<wgpu::Buffer, CardError>,
    ) -> Result<(usize, u64), CardError> {
        if let Some(place) = self.imagine(bytes) {
            return Ok(place);
        }
        self.trim();
        let size = bytes.max(SEGMENT).next_multiple_of(GRAIN);
        let size = if self.has_room(size) { size } else { bytes };
        self.add(size, make).map(|slot| (slot, 0))
    }

    /// A new segment of `size` bytes: its slot.
    fn add(
        &mut self,
        size: u64,
        make: impl FnOnce(u64) -> Result<wgpu::Buffer, CardError>,
    ) -> Result<usize, CardError> {
        if !self.has_room(size) {
            return Err(CardError::OutOfMemory { bytes: size });
        }
        let buffer = make(size)?;
        self.held += size;
        self.grown += 1;
        self.note_most();
        let slot = self.segments.iter().position(Option::is_none).unwrap_or(self.segments.len());
        if slot == self.segments.len() {
            self.segments.push(None);
        }
        self.segments[slot] = Some(Segment { free: BTreeMap::from([(0, size)]), buffer, size });
        Ok(slot)
    }

    /// Room in an imagined store: its last segment becomes as long as it must, or another begins.
    fn imagine(&mut self, bytes: u64) -> Option<(usize, u64)> {
        let (filler, longest) = self.imagined.clone()?;
        let last = self.segments.len().checked_sub(1);
        if let Some(slot) = last
            && let Some(Some(segment)) = self.segments.get_mut(slot)
        {
            let (start, missing) = (segment.size - segment.tail(), bytes - segment.tail());
            let missing = missing.next_multiple_of(GRAIN);
            if segment.size + missing <= longest {
                segment.lengthen(missing);
                self.held += missing;
                self.note_most();
                return Some((slot, start));
            }
        }
        let size = bytes.next_multiple_of(GRAIN);
        self.segments.push(Some(Segment { free: BTreeMap::from([(0, size)]), buffer: filler, size }));
        self.held += size;
        self.note_most();
        Some((self.segments.len() - 1, 0))
    }

    fn trim(&mut self) {
        if self.imagined.is_some() {
            return;
        }
        for slot in &mut self.segments {
            if let Some(segment) = slot.take_if(|segment| segment.is_empty()) {
                self.held -= segment.size;
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

impl Store {
    /// All of it, as it is bound.
    pub fn bound(&self) -> Bound<'_> {
        Bound { buffer: &self.buffer, start: 0, bytes: self.bytes }
    }

    /// Its bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The buffer.
    pub(super) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.memory.state().own -= self.bytes;
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({} bytes)", self.bytes)
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
