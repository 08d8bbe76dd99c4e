//! `Allocator`: memory of the device, and of rehearsals, in which nothing is computed and no memory is taken, to
//! learn how much a piece of work needs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::CardError;
use super::memory::{Bytes, Memory, Piece, Store};

type Result<T> = std::result::Result<T, CardError>;

/// What gives memory of a device.
pub struct Allocator {
    device: wgpu::Device,
    limits: wgpu::Limits,
    memory: Memory,
    /// The store of a rehearsal, while there is one.
    imagined: Mutex<Option<Memory>>,
    /// What stands for imagined memory.
    filler: wgpu::Buffer,
}

/// Memory that a piece of work takes, as a rehearsal has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Segments of activations, in order.
    pub segments: Vec<u64>,
    /// All of it; what was there already in buffers of their own is counted in.
    pub bytes: Bytes,
}

/// Puts an imagined store in place until it is dropped.
struct Rehearsal<'a>(&'a Allocator);

impl Drop for Rehearsal<'_> {
    fn drop(&mut self) {
        self.0.imagined().take();
    }
}

impl Allocator {
    pub(super) fn new(device: wgpu::Device, filler: wgpu::Buffer) -> Self {
        let limits = device.limits();
        Self { device, limits, memory: Memory::default(), imagined: Mutex::default(), filler }
    }

    fn imagined(&self) -> MutexGuard<'_, Option<Memory>> {
        self.imagined.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The card's memory; in a rehearsal the one that is imagined.
    pub fn memory(&self) -> Memory {
        self.imagined().clone().unwrap_or_else(|| self.memory.clone())
    }

    pub(super) fn take(&self, bytes: u64) -> Result<Piece> {
        self.memory().take(bytes, |size| self.segment(size))
    }

    pub(super) fn weights(&self, bytes: u64) -> Result<Store> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        self.memory().store(bytes.max(16), |size| self.buffer(size, usage))
    }

    /// A buffer to read back through.
    pub(super) fn staging(&self, bytes: u64) -> Result<Store> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        self.memory().store(bytes, |size| self.buffer(size, usage))
    }

    /// Runs `work` without computing anything, to learn how much memory it takes: what it makes has no content,
    /// and what it reads back is zero. Trap: nothing that it makes may be used afterwards.
    ///
    /// # Errors
    /// As `work`.
    pub fn rehearse<T, E>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<(T, Need), E> {
        let own = self.memory.bytes().own;
        let memory = Memory::imagined(self.filler.clone(), self.limits.max_buffer_size, own);
        *self.imagined() = Some(memory.clone());
        let _until_dropped = Rehearsal(self);
        let done = work()?;
        Ok((done, Need { segments: memory.segments(), bytes: memory.bytes() }))
    }

    /// Whether nothing is computed now.
    pub fn is_rehearsing(&self) -> bool {
        self.imagined().is_some()
    }

    /// Takes the memory for activations that a rehearsal has told.
    ///
    /// # Errors
    /// If it would hold more than its budget, or the device gives none.
    pub fn reserve(&self, need: &Need) -> Result<()> {
        self.memory.reserve(&need.segments, |size| self.segment(size))
    }

    fn segment(&self, size: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.buffer(size, usage)
    }

    fn buffer(&self, size: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        if size > self.limits.max_buffer_size {
            return Err(CardError::OutOfMemory { bytes: size });
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("safelight"),
            size,
            usage,
            mapped_at_creation: false,
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(made),
            Some(_) => Err(CardError::OutOfMemory { bytes: size }),
        }
    }
}
