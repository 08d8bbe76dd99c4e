//! `Meter`: what operations compute and how long each takes, while it is started.
//!
//! Invariant: while off, as in every normal run, it costs one relaxed load an operation. Trap: while it
//! counts, each operation is waited for, so that a GPU's times are of computing and not of submitting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What one operation is: its kind and its shape as the table of `bench` shows them.
pub(super) struct Described {
    pub kind: &'static str,
    pub shape: String,
    /// Additions and multiplications of the direct method, two for each multiply-add.
    pub operations: f64,
}

/// All operations of one kind and shape together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metered {
    /// "convolution 3×3", "linear", …
    pub kind: &'static str,
    /// Sizes as text: "320 → 640 @ 64×64, batch 2".
    pub shape: String,
    /// How many were counted.
    pub count: usize,
    /// Additions and multiplications of the direct method.
    pub operations: f64,
    /// Time they took, one after another.
    pub seconds: f64,
}

/// How fast a device can be with nothing in its way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peak {
    /// Additions and multiplications a second in f32.
    pub operations: f64,
    /// Bytes a second from and to its memory.
    pub bytes: f64,
}

#[derive(Debug, Default)]
struct Inner {
    on: AtomicBool,
    sums: Mutex<BTreeMap<(&'static str, String), Metered>>,
}

/// A counter that belongs to a device; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Inner>);

impl Meter {
    fn sums(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Metered>> {
        self.0.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was counted and counts from now on.
    pub fn start(&self) {
        self.sums().clear();
        self.0.on.store(true, Ordering::Relaxed);
    }

    /// Ends counting and returns every kind and shape, the longest time first.
    pub fn finish(&self) -> Vec<Metered> {
        self.0.on.store(false, Ordering::Relaxed);
        let mut list: Vec<Metered> = std::mem::take(&mut *self.sums()).into_values().collect();
        list.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        list
    }

    /// Whether it counts now.
    pub(super) fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// Runs `work`; if counting, records what `describe` returns.
    pub(super) fn measure<T>(
        &self,
        work: impl FnOnce() -> super::Result<T>,
        describe: impl FnOnce(&T) -> Described,
    ) -> super::Result<T> {
        if !self.is_on() {
            return work();
        }
        let began = Instant::now();
        let result = work()?;
        let seconds = began.elapsed().as_secs_f64();
        let Described { kind, shape, operations } = describe(&result);
        let mut sums = self.sums();
        let sum = sums.entry((kind, shape.clone())).or_insert_with(|| Metered {
            kind,
            shape,
            ..Metered::default()
        });
        sum.count += 1;
        sum.operations += operations;
        sum.seconds += seconds;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(meter: &Meter, n: f64) {
        let describe = |_: &()| Described { kind: "sum", shape: "1".to_owned(), operations: n };
        meter.measure(|| Ok(()), describe).unwrap();
    }

    #[test]
    fn counts_only_between_start_and_finish() {
        let meter = Meter::default();
        count(&meter, 1.0);
        meter.start();
        count(&meter, 2.0);
        count(&meter.clone(), 3.0);
        let list = meter.finish();
        count(&meter, 4.0);
        assert_eq!((list.len(), list[0].count, list[0].operations), (1, 2, 5.0));
        meter.start();
        assert!(meter.finish().is_empty());
    }
}
