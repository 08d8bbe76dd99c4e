//! What every kernel is given: threads, buffers, the instruction set and the stop flag.
//!
//! Invariant: plans, scratch and packed forms are cut by a context's threads and level, so neither
//! changes once it is made; [`Context::with_level`] makes another one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::cut::Pieces;
use super::pool::Pool;
use super::stop::{KernelError, Stop, StopSlot};
use crate::ops::cpu::isa::{Level, Task};
use crate::ops::cpu::memory::arena::Arena;
use crate::ops::cpu::memory::shared::Shared;

/// The kernels' surroundings. Cloning it gives another handle on the same pool and arena.
#[derive(Clone)]
pub struct Context {
    pool: Arc<Pool>,
    arena: Arena,
    kept: Arena,
    level: Level,
    stop: StopSlot,
}

impl Context {
    /// The best instruction set of this CPU on `threads` threads, never stopped.
    pub fn new(threads: usize) -> Context {
        Context {
            pool: Arc::new(Pool::new(threads)),
            arena: Arena::default(),
            kept: Arena::default(),
            level: Level::detect(),
            stop: StopSlot::new(Arc::new(AtomicBool::new(false))),
        }
    }

    /// The same with another instruction set: for tests and comparisons.
    pub fn with_level(mut self, level: Level) -> Context {
        self.level = level;
        self
    }

    /// The same with a stop flag of its own.
    pub fn with_stop(self, stop: Arc<dyn Stop>) -> Context {
        self.with_stop_slot(StopSlot::new(stop))
    }

    /// The same under the flags that `stop` holds.
    pub fn with_stop_slot(mut self, stop: StopSlot) -> Context {
        self.stop = stop;
        self
    }

    /// The same for products of pairs of bf16 numbers ([`Level::for_pairs`]).
    pub(super) fn for_pairs(&self, pairs: bool) -> Context {
        let level = if pairs { self.level.for_pairs() } else { self.level };
        self.clone().with_level(level)
    }

    /// The instruction set.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The buffers.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Buffers that outlast a step; apart, so that they hold no segment of the others back.
    pub(super) fn kept(&self) -> &Arena {
        &self.kept
    }

    /// The flag that is up for the present piece of work, or down.
    pub(super) fn stop(&self) -> Arc<dyn Stop> {
        self.stop.present()
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Calls `work(worker, item)` once for each item below `count`, on all threads.
    pub(super) fn section(
        &self,
        count: usize,
        work: impl Fn(usize, usize) + Sync,
    ) -> Result<(), KernelError> {
        self.section_under(&*self.stop(), count, work)
    }

    /// The same under another flag than the context's.
    pub(super) fn section_under(
        &self,
        stop: &dyn Stop,
        count: usize,
        work: impl Fn(usize, usize) + Sync,
    ) -> Result<(), KernelError> {
        Ok(self.pool.run(count, stop, &work)?)
    }

    /// Runs a parallel section, each item a [`Task`] that `make(worker, item)` builds. A worker's number
    /// belongs to one thread for the whole section, and no task of it outlives the next one's making.
    pub(super) fn each<T: Task>(
        &self,
        count: usize,
        make: impl Fn(usize, usize) -> T + Sync,
    ) -> Result<(), KernelError> {
        let level = self.level;
        self.section(count, |worker, item| level.run(make(worker, item)))
    }

    /// Runs a parallel section over the pieces of `y`, each item a [`Task`] that `make(start, piece)`
    /// builds from where its piece starts and the piece.
    #[expect(unsafe_code, reason = "hands each piece out once")]
    pub(super) fn each_piece<'a, T: Task>(
        &self,
        y: &'a mut [f32],
        pieces: Pieces,
        make: impl Fn(usize, &'a mut [f32]) -> T + Sync,
    ) -> Result<(), KernelError> {
        let y = Shared::new(y);
        self.each(pieces.count(), |_, item| {
            let range = pieces.range(item);
            // SAFETY: the pool gives each item once, and pieces do not overlap.
            make(range.start, unsafe { y.claim(range) })
        })
    }
}
