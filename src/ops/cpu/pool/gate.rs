//! The pool's protocol: how workers come to a job on the caller's stack, and are out before it ends.
//!
//! The caller puts a job in, opens, works itself, closes, and waits until nobody is inside. A worker
//! first says that it is inside and then looks whether the gate is open; the caller first closes and
//! then looks whether somebody is inside. A fence stands between the two steps on both sides, so at
//! least one sees the other: a late worker finds the gate closed, or the caller waits for it. The same
//! holds for parking: a worker counts itself as a sleeper before it looks at the epoch once more, the
//! caller raises the epoch before it looks for sleepers. `tools/kernels` tries every order of it.
#![expect(unsafe_code, reason = "the job's cell has a protocol")]

use std::sync::PoisonError;

use super::sync::{
    AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, UnsafeCell, fence, spin_loop, yield_now,
};

/// Where workers meet a job of type `J`, some pointers.
pub struct Gate<J> {
    /// Rises with each job; workers watch it.
    epoch: AtomicUsize,
    /// Whether the job may be entered.
    open: AtomicBool,
    /// How many workers are inside the job, or looking whether it is open.
    inside: AtomicUsize,
    /// The job; written while closed and empty, read while open and inside.
    job: UnsafeCell<Option<J>>,
    /// How many workers are parked or about to be.
    sleepers: AtomicUsize,
    park: Mutex<()>,
    wake: Condvar,
    quit: AtomicBool,
}

// SAFETY: `job` is written while no worker is inside and read by workers inside; all else is atomic or
// locked.
unsafe impl<J: Send> Sync for Gate<J> {}

impl<J: Copy> Gate<J> {
    /// A closed gate.
    pub fn new() -> Self {
        Self {
            epoch: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            sleepers: AtomicUsize::new(0),
            park: Mutex::new(()),
            wake: Condvar::new(),
            quit: AtomicBool::new(false),
        }
    }

    /// Puts a job in, lets workers enter, and wakes those that are parked.
    ///
    /// # Safety
    /// One thread at a time opens and closes. The gate is closed, and what `job` points to stays until
    /// [`Gate::close`] has returned.
    pub unsafe fn open(&self, job: J) {
        // SAFETY: the gate is closed and empty, so nobody reads the cell.
        self.job.with_mut(|cell| unsafe { *cell = Some(job) });
        self.open.store(true, Ordering::Release);
        self.epoch.fetch_add(1, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            drop(self.lock());
            self.wake.notify_all();
        }
    }

    /// Lets nobody in any more, and waits until nobody is inside.
    pub fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let mut spins = 0;
        while self.inside.load(Ordering::Acquire) != 0 {
            pause(&mut spins);
        }
    }

    /// Calls `work` with the job, if the gate is open. `work` does not unwind.
    pub fn enter(&self, work: impl FnOnce(J)) {
        self.inside.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.open.load(Ordering::Acquire) {
            // SAFETY: this worker was inside before it saw the gate open, so the caller waits for it
            // before the cell is written again.
            if let Some(job) = self.job.with(|cell| unsafe { *cell }) {
                work(job);
            }
        }
        self.inside.fetch_sub(1, Ordering::Release);
    }

    /// The number of the last job.
    pub fn epoch(&self) -> usize {
        self.epoch.load(Ordering::Acquire)
    }

    /// Waits for a job later than `seen`: spinning while `patient` says so, then parked. `None` means
    /// that the pool ends.
    pub fn wait(&self, seen: usize, mut patient: impl FnMut(u32) -> bool) -> Option<usize> {
        let mut spins = 0;
        loop {
            if self.quit.load(Ordering::Relaxed) {
                return None;
            }
            let epoch = self.epoch();
            if epoch != seen {
                return Some(epoch);
            }
            if !patient(spins) {
                break;
            }
            pause(&mut spins);
        }
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let mut guard = self.lock();
        while self.epoch() == seen && !self.quit.load(Ordering::Relaxed) {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
        Some(self.epoch()).filter(|_| !self.quit.load(Ordering::Relaxed))
    }

    /// Ends the waiting of all workers, for good.
    pub fn quit(&self) {
        self.quit.store(true, Ordering::Relaxed);
        drop(self.lock());
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.park.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spins politely: gives the core away after some thousand turns.
fn pause(spins: &mut u32) {
    *spins = spins.saturating_add(1);
    if *spins > 4000 {
        yield_now();
    } else {
        spin_loop();
    }
}
