//! The kernels' threads: they wait spinning between operations, and park when there is no work.
//!
//! Waking a parked thread costs up to a millisecond, a spinning one a microsecond, and a UNet call
//! is some thousand parallel sections. Traps: a call from inside a call runs on its own thread (no
//! nested parallelism, no deadlock), and the section lives on the caller's stack, so [`Pool::run`] never
//! returns, nor unwinds, while a worker is inside it (`gate`). The number of threads is settled when the
//! pool is made: scratch is cut by it.

mod gate;
mod sync;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::gate::Gate;
use super::stop::{Stop, Stopped};

/// How long a worker spins for the next job before it parks.
const SPIN: Duration = Duration::from_micros(300);

thread_local! {
    /// Whether this thread is inside a parallel section.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// One parallel section: `count` items, handed out by an atomic counter. On cache lines of its own.
#[repr(align(128))]
struct Section<'a> {
    work: &'a (dyn Fn(usize, usize) + Sync),
    stop: &'a dyn Stop,
    count: usize,
    /// The next item to be taken.
    next: AtomicUsize,
    /// Whether the stop flag was seen.
    stopped: AtomicBool,
    /// The first panic.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// A section's address, without its lifetime.
#[derive(Clone, Copy)]
struct Job(*const Section<'static>);

#[expect(unsafe_code, reason = "an address that crosses threads")]
// SAFETY: a section may be used from several threads at once; the gate says when its address is valid.
unsafe impl Send for Job {}

/// A set of threads that share the items of parallel sections.
pub struct Pool {
    gate: Arc<Gate<Job>>,
    workers: Vec<JoinHandle<()>>,
    /// Whoever holds it runs a section.
    turn: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool that computes on `threads` threads, the caller's being one; at least 1. If the system
    /// refuses a thread, there are fewer.
    pub fn new(threads: usize) -> Pool {
        let gate = Arc::new(Gate::new());
        let start = |worker: usize| {
            let gate = Arc::clone(&gate);
            let thread = std::thread::Builder::new().name(format!("kernel-{worker}"));
            thread.spawn(move || live(&gate, worker)).ok()
        };
        let workers = (1..threads.max(1)).map_while(start).collect();
        Pool { gate, workers, turn: Mutex::new(()) }
    }

    /// How many threads compute; worker numbers are below it.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work(worker, item)` once for each item below `count`, on all threads. Two calls with the
    /// same worker number come from the same thread. `stop` is read before each item.
    ///
    /// # Errors
    /// [`Stopped`] if the flag was raised: some items were not done.
    ///
    /// # Panics
    /// With the panic of `work`, once all threads have left it.
    #[expect(unsafe_code, reason = "lends the section to the workers for the length of the call")]
    pub fn run(
        &self,
        count: usize,
        stop: &dyn Stop,
        work: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(), Stopped> {
        if INSIDE.get() || self.threads() == 1 || count <= 1 {
            return run_inline(count, stop, work);
        }
        let turn = lock(&self.turn);
        let section = Section {
            work,
            stop,
            count,
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            panic: Mutex::new(None),
        };
        // SAFETY: this thread has the turn, and nothing unwinds before the gate is closed, so the section
        // is there for as long as a worker may use it.
        unsafe { self.gate.open(Job((&raw const section).cast())) };
        section.share(0);
        self.gate.close();
        drop(turn);
        let panic = lock(&section.panic).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        if section.stopped.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.gate.quit();
        for handle in self.workers.drain(..) {
            // A worker catches the panics of its jobs, so joining cannot fail.
            drop(handle.join());
        }
    }
}

/// The whole section on this thread.
fn run_inline(count: usize, stop: &dyn Stop, work: &(dyn Fn(usize, usize) + Sync)) -> Result<(), Stopped> {
    for item in 0..count {
        if stop.is_raised() {
            return Err(Stopped);
        }
        work(0, item);
    }
    Ok(())
}

impl Section<'_> {
    /// Does a worker's share; a panic ends the section for all.
    fn share(&self, worker: usize) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_items(worker))) {
            self.next.store(self.count, Ordering::Relaxed);
            lock(&self.panic).get_or_insert(panic);
        }
    }

    /// Takes items until there are none.
    fn take_items(&self, worker: usize) {
        INSIDE.set(true);
        let _leave = Leave;
        loop {
            let item = self.next.fetch_add(1, Ordering::Relaxed);
            if item >= self.count {
                break;
            }
            if self.stop.is_raised() {
                self.stopped.store(true, Ordering::Relaxed);
                break;
            }
            (self.work)(worker, item);
        }
    }
}

/// Marks the thread as outside again, panic or not.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// A worker's life.
#[expect(unsafe_code, reason = "follows the section's address")]
fn live(gate: &Gate<Job>, worker: usize) {
    let mut seen = 0;
    loop {
        let start = Instant::now();
        let patient = |spins: u32| !spins.is_multiple_of(256) || start.elapsed() <= SPIN;
        let Some(epoch) = gate.wait(seen, patient) else { return };
        seen = epoch;
        // SAFETY: within the gate, the section is there.
        gate.enter(|job| unsafe { &*job.0 }.share(worker));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_once_on_any_number_of_threads() {
        let stop = AtomicBool::new(false);
        for threads in 1..=4 {
            let pool = Pool::new(threads);
            for count in [0, 1, 2, 100] {
                let done: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                let work = |worker: usize, item: usize| {
                    assert!(worker < threads);
                    done[item].fetch_add(1, Ordering::Relaxed);
                };
                pool.run(count, &stop, &work).unwrap();
                assert!(done.iter().all(|d| d.load(Ordering::Relaxed) == 1));
            }
            assert_eq!(pool.threads(), threads);
        }
    }

    #[test]
    fn many_sections_in_a_row_and_after_parking() {
        let (pool, stop) = (Pool::new(3), AtomicBool::new(false));
        let total = AtomicUsize::new(0);
        for round in 0..2000 {
            pool.run(7, &stop, &|_, item| {
                total.fetch_add(item, Ordering::Relaxed);
            })
            .unwrap();
            if round % 500 == 0 {
                std::thread::sleep(Duration::from_millis(3));
            }
        }
        assert_eq!(total.load(Ordering::Relaxed), 2000 * 21);
    }

    #[test]
    fn nested_sections_run_inline() {
        let (pool, stop) = (Pool::new(2), AtomicBool::new(false));
        let total = AtomicUsize::new(0);
        pool.run(4, &stop, &|_, _| {
            pool.run(5, &stop, &|worker, _| {
                assert_eq!(worker, 0);
                total.fetch_add(1, Ordering::Relaxed);
            })
            .unwrap();
        })
        .unwrap();
        assert_eq!(total.load(Ordering::Relaxed), 20);
    }

    #[test]
    fn a_raised_flag_ends_the_section() {
        let (pool, stop) = (Pool::new(2), AtomicBool::new(false));
        let done = AtomicUsize::new(0);
        let result = pool.run(1000, &stop, &|_, _| {
            if done.fetch_add(1, Ordering::Relaxed) == 10 {
                stop.store(true, Ordering::Relaxed);
            }
        });
        assert_eq!(result, Err(Stopped));
        assert!(done.load(Ordering::Relaxed) < 1000);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let (pool, stop) = (Pool::new(2), AtomicBool::new(false));
        for bad in [0, 50] {
            let result =
                catch_unwind(AssertUnwindSafe(|| pool.run(100, &stop, &|_, item| assert!(item != bad))));
            assert!(result.is_err());
            pool.run(10, &stop, &|_, _| ()).unwrap();
        }
    }
}
