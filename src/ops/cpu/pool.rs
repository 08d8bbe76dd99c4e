//! The kernels' threads: they wait spinning between operations, and park when there is no work.
//!
//! Waking a parked thread costs up to a millisecond, a spinning one a microsecond, and a UNet call
//! is some thousand parallel sections. Traps: a call from inside a call runs on its own thread (no
//! nested parallelism, no deadlock), and the job lives on the caller's stack, so [`Pool::run`] never
//! returns, nor unwinds, while a worker is inside it.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::denormal::FlushDenormals;
use super::stop::{Stop, Stopped};

/// How long a worker spins for the next job before it parks.
const SPIN: Duration = Duration::from_micros(300);

thread_local! {
    /// Whether this thread is inside a parallel section.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// One parallel section: `count` items, handed out by an atomic counter.
struct Job {
    work: *const (dyn Fn(usize, usize) + Sync),
    stop: *const dyn Stop,
    count: usize,
}

/// What the workers share.
struct Shared {
    /// Rises with each job; workers watch it.
    epoch: AtomicUsize,
    /// Whether the job may be entered.
    open: AtomicBool,
    /// How many workers are inside the job (or looking whether it is open).
    inside: AtomicUsize,
    /// The next item to be taken.
    next: AtomicUsize,
    /// Whether the stop flag was seen.
    stopped: AtomicBool,
    /// The job; written while closed and empty, read while open and inside.
    job: UnsafeCell<Option<Job>>,
    /// The first panic of a worker.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// How many workers are parked or about to be.
    sleepers: AtomicUsize,
    park: Mutex<()>,
    wake: Condvar,
    quit: AtomicBool,
}

#[expect(unsafe_code, reason = "the job cell has a protocol")]
// SAFETY: `job` is only written while no worker is inside and only read by workers inside (see
// `Pool::run` and `enter`); all else is atomic or locked.
unsafe impl Sync for Shared {}
#[expect(unsafe_code, reason = "the job cell has a protocol")]
// SAFETY: the pointers in `job` are only followed while `Pool::run` keeps their targets alive.
unsafe impl Send for Shared {}

/// A set of threads that share the items of parallel sections.
pub struct Pool {
    shared: Arc<Shared>,
    /// Also the turn: whoever holds it runs a section.
    workers: Mutex<Vec<JoinHandle<()>>>,
    threads: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool that computes on `threads` threads, the caller's being one; at least 1.
    pub fn new(threads: usize) -> Pool {
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            park: Mutex::new(()),
            wake: Condvar::new(),
            quit: AtomicBool::new(false),
        });
        let pool = Pool { shared, workers: Mutex::new(Vec::new()), threads: AtomicUsize::new(1) };
        pool.set_threads(threads);
        pool
    }

    /// How many threads compute; worker numbers are below it.
    pub fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    /// Changes the number of threads, after the section that is running. If the system refuses a
    /// thread, the pool goes on with fewer.
    pub fn set_threads(&self, threads: usize) {
        let mut workers = lock(&self.workers);
        self.end(&mut workers);
        for worker in 1..threads.max(1) {
            let shared = Arc::clone(&self.shared);
            let name = format!("kernel-{worker}");
            let epoch = shared.epoch.load(Ordering::SeqCst);
            match std::thread::Builder::new().name(name).spawn(move || work(&shared, worker, epoch)) {
                Ok(handle) => workers.push(handle),
                Err(_) => break,
            }
        }
        self.threads.store(workers.len() + 1, Ordering::Relaxed);
    }

    /// Ends the workers and waits for them.
    fn end(&self, workers: &mut Vec<JoinHandle<()>>) {
        self.shared.quit.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.park));
        self.shared.wake.notify_all();
        for handle in workers.drain(..) {
            // A worker catches the panics of its jobs, so joining cannot fail.
            drop(handle.join());
        }
        self.shared.quit.store(false, Ordering::SeqCst);
    }

    /// Calls `work(worker, item)` once for each item below `count`, on all threads. `stop` is read
    /// before each item.
    ///
    /// # Errors
    /// [`Stopped`] if the flag was raised: some items were not done.
    ///
    /// # Panics
    /// With the panic of `work`, once all threads have left it.
    #[expect(unsafe_code, reason = "lends the job to the workers for the length of the call")]
    pub fn run(
        &self,
        count: usize,
        stop: &dyn Stop,
        work: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(), Stopped> {
        if INSIDE.get() || self.threads() == 1 || count <= 1 {
            return run_inline(count, stop, work);
        }
        let turn = lock(&self.workers);
        let shared = &*self.shared;
        shared.next.store(0, Ordering::Relaxed);
        shared.stopped.store(false, Ordering::Relaxed);
        // SAFETY: lifetimes are widened only for the time until `inside` is 0 again below; the cell
        // is free because the last section was closed and emptied.
        let (work, stop) = unsafe {
            let job = Job {
                work: std::mem::transmute::<
                    *const (dyn Fn(usize, usize) + Sync),
                    *const (dyn Fn(usize, usize) + Sync),
                >(work),
                stop: std::mem::transmute::<*const dyn Stop, *const dyn Stop>(stop),
                count,
            };
            *shared.job.get() = Some(job);
            (work, stop)
        };
        shared.open.store(true, Ordering::SeqCst);
        shared.epoch.fetch_add(1, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            drop(lock(&shared.park));
            shared.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(|| take_items(shared, count, stop, work, 0)));
        if own.is_err() {
            shared.next.store(count, Ordering::SeqCst);
        }
        shared.open.store(false, Ordering::SeqCst);
        let mut spins = 0u32;
        while shared.inside.load(Ordering::SeqCst) != 0 {
            pause(&mut spins);
        }
        let theirs = lock(&shared.panic).take();
        let stopped = shared.stopped.load(Ordering::Relaxed);
        drop(turn);
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        if let Some(panic) = theirs {
            resume_unwind(panic);
        }
        if stopped { Err(Stopped) } else { Ok(()) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut workers = std::mem::take(&mut *lock(&self.workers));
        self.end(&mut workers);
    }
}

/// Spins politely: gives the core away after some thousand turns.
fn pause(spins: &mut u32) {
    *spins = spins.saturating_add(1);
    if *spins > 4000 {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

/// The whole section on this thread.
fn run_inline(count: usize, stop: &dyn Stop, work: &(dyn Fn(usize, usize) + Sync)) -> Result<(), Stopped> {
    let _flush = FlushDenormals::new();
    for item in 0..count {
        if stop.is_raised() {
            return Err(Stopped);
        }
        work(0, item);
    }
    Ok(())
}

/// Takes items until there are none.
fn take_items(
    shared: &Shared,
    count: usize,
    stop: &dyn Stop,
    work: &(dyn Fn(usize, usize) + Sync),
    worker: usize,
) {
    let _flush = FlushDenormals::new();
    INSIDE.set(true);
    let leave = Leave;
    loop {
        let item = shared.next.fetch_add(1, Ordering::Relaxed);
        if item >= count {
            break;
        }
        if stop.is_raised() {
            shared.stopped.store(true, Ordering::Relaxed);
            break;
        }
        work(worker, item);
    }
    drop(leave);
}

/// Marks the thread as outside again, panic or not.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// A worker's life.
fn work(shared: &Shared, worker: usize, mut seen: usize) {
    while let Some(epoch) = wait(shared, seen) {
        seen = epoch;
        shared.inside.fetch_add(1, Ordering::SeqCst);
        if shared.open.load(Ordering::SeqCst) {
            enter(shared, worker);
        }
        shared.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Does a worker's share of the open job.
#[expect(unsafe_code, reason = "follows the job's pointers")]
fn enter(shared: &Shared, worker: usize) {
    // SAFETY: `inside` was raised before `open` was seen, so `Pool::run` waits for this worker
    // before the job's targets end and before the cell is written again.
    let Some((work, stop, count)) =
        (unsafe { (*shared.job.get()).as_ref().map(|job| (&*job.work, &*job.stop, job.count)) })
    else {
        return;
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| take_items(shared, count, stop, work, worker))) {
        shared.next.store(count, Ordering::SeqCst);
        lock(&shared.panic).get_or_insert(panic);
    }
}

/// Waits for a job later than `seen`: spinning first, then parked. `None` means quit.
fn wait(shared: &Shared, seen: usize) -> Option<usize> {
    let start = Instant::now();
    let mut spins = 0u32;
    loop {
        if shared.quit.load(Ordering::Relaxed) {
            return None;
        }
        let epoch = shared.epoch.load(Ordering::SeqCst);
        if epoch != seen {
            return Some(epoch);
        }
        pause(&mut spins);
        if spins.is_multiple_of(256) && start.elapsed() > SPIN {
            break;
        }
    }
    shared.sleepers.fetch_add(1, Ordering::SeqCst);
    let mut guard = lock(&shared.park);
    while shared.epoch.load(Ordering::SeqCst) == seen && !shared.quit.load(Ordering::SeqCst) {
        guard = shared.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
    drop(guard);
    shared.sleepers.fetch_sub(1, Ordering::SeqCst);
    Some(shared.epoch.load(Ordering::SeqCst)).filter(|_| !shared.quit.load(Ordering::SeqCst))
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
            std::thread::sleep(Duration::from_millis(2));
            pool.set_threads(threads + 1);
            assert_eq!(pool.threads(), threads + 1);
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
