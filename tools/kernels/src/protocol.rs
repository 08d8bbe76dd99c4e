//! Models of the pool's protocol: loom runs them in every order of events that the memory model allows,
//! with at most so many switches of threads as `LOOM_MAX_PREEMPTIONS` says.
#![expect(unsafe_code, reason = "sections live on the caller's side, as in the pool")]

use std::sync::Arc as Plain;
use std::sync::atomic::{AtomicUsize as Count, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{self, JoinHandle};

use crate::gate::Gate;

/// A section: its items, and a cell that workers read and that the caller writes when it has ended. loom
/// refuses an order in which both happen at once.
struct Section {
    next: AtomicUsize,
    done: AtomicUsize,
    has_ended: UnsafeCell<bool>,
}

const ITEMS: usize = 2;

#[derive(Clone, Copy)]
struct Job(*const Section);

// SAFETY: the gate says when the address may be followed.
unsafe impl Send for Job {}

impl Section {
    fn new() -> Self {
        let zero = || AtomicUsize::new(0);
        Self { next: zero(), done: zero(), has_ended: UnsafeCell::new(false) }
    }

    /// Takes items until there are none.
    fn share(&self) {
        loop {
            // SAFETY: loom checks that nobody writes meanwhile.
            assert!(!self.has_ended.with(|ended| unsafe { *ended }), "inside a section that has ended");
            if self.next.fetch_add(1, Ordering::Relaxed) >= ITEMS {
                break;
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A worker as the pool has it, without its patience.
fn worker(gate: &Arc<Gate<Job>>) -> JoinHandle<()> {
    let gate = gate.clone();
    thread::spawn(move || {
        let mut seen = 0;
        while let Some(epoch) = gate.wait(seen, |_| false) {
            seen = epoch;
            // SAFETY: within the gate, the section is there.
            gate.enter(|job| unsafe { &*job.0 }.share());
        }
    })
}

/// So many sections in a row on so many workers; `orders` counts how often it ran.
fn sections(workers: usize, count: usize, orders: &Count) {
    orders.fetch_add(1, Relaxed);
    let gate = Arc::new(Gate::new());
    let workers: Vec<_> = (0..workers).map(|_| worker(&gate)).collect();
    for _ in 0..count {
        let section = Section::new();
        // SAFETY: this thread alone opens and closes, and the section stays until the gate is closed.
        unsafe { gate.open(Job(&raw const section)) };
        section.share();
        gate.close();
        // SAFETY: loom checks that nobody reads any more.
        section.has_ended.with_mut(|ended| unsafe { *ended = true });
        assert_eq!(section.done.load(Ordering::Relaxed), ITEMS, "each item once");
    }
    gate.quit();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// Tries every order, and says how many there were.
fn explore(name: &str, workers: usize, count: usize) {
    let orders = Plain::new(Count::new(0));
    let counted = orders.clone();
    loom::model(move || sections(workers, count, &counted));
    println!("{name}: {} orders of events", orders.load(Relaxed));
}

#[test]
fn one_worker_and_two_sections() {
    explore("one worker, two sections", 1, 2);
}

#[test]
fn two_workers_and_one_section() {
    explore("two workers, one section", 2, 1);
}

#[test]
fn a_pool_that_ends_without_a_section() {
    explore("two workers, no section", 2, 0);
}
