//! What every kernel is given: threads, buffers, the instruction set and the stop flag.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::pool::Pool;
use super::stop::{KernelError, Stop, StopSlot};
use crate::ops::cpu::isa::{Level, Task};
use crate::ops::cpu::memory::arena::Arena;

/// The kernels' surroundings. Cloning it gives another handle on the same pool and arena.
#[derive(Clone)]
pub struct Context {
    /// The threads.
    pub pool: Arc<Pool>,
    /// The buffers.
    pub arena: Arena,
    /// Buffers that outlast a step; apart, so that they hold no segment of the others back.
    pub kept: Arena,
    /// The instruction set.
    pub level: Level,
    /// Whose flag is read once for each block of work.
    pub stop: StopSlot,
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
    pub fn with_stop(mut self, stop: Arc<dyn Stop>) -> Context {
        self.stop = StopSlot::new(stop);
        self
    }

    /// The same for products of pairs of bf16 numbers: a CPU with AVX-512 but not its bf16 instructions
    /// takes the next level down.
    pub(super) fn for_pairs(&self, pairs: bool) -> Context {
        let lower = pairs && self.level == Level::Avx512 && !self.level.has_bf16();
        self.clone().with_level(if lower { Level::Avx2 } else { self.level })
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Runs a parallel section, each item a [`Task`] that `make(worker, item)` builds.
    pub(super) fn each<T: Task>(
        &self,
        count: usize,
        make: impl Fn(usize, usize) -> T + Sync,
    ) -> Result<(), KernelError> {
        let level = self.level;
        let stop = self.stop.present();
        Ok(self.pool.run(count, &*stop, &|worker, item| level.run(make(worker, item)))?)
    }
}
