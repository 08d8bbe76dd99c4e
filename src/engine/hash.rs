//! `ModelHash`: the short SHA-256 of a model's file, computed on a thread of its own that yields to the inference
//! thread.
//!
//! Invariant: a hash that is known is kept by the file's path, size and time of change, so a file is read for
//! it once. Hashing pauses while a [`Busy`] is held: whoever waits for a hash must hold none.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::hashes::{KeptHash, short};
use crate::ops::StopFlag;

/// How often a waiting or paused thread reads its stop flag.
const LOOK: Duration = Duration::from_millis(20);

/// Counts who keeps the hashing thread paused.
#[derive(Clone, Debug, Default)]
pub struct Busyness(Arc<AtomicUsize>);

/// While one stands, hashing rests.
#[must_use = "hashing goes on once it is dropped"]
pub struct Busy(Arc<AtomicUsize>);

impl Busyness {
    /// Pauses hashing until the guard is dropped.
    pub fn begin(&self) -> Busy {
        self.0.fetch_add(1, Ordering::Relaxed);
        Busy(self.0.clone())
    }

    /// Waits until nobody is busy, or `stop` is raised.
    fn rest(&self, stop: &StopFlag) {
        while self.0.load(Ordering::Relaxed) > 0 && !stop.is_raised() {
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A hash that is known, being computed, or unavailable.
pub struct ModelHash {
    state: Arc<(Mutex<Option<String>>, Condvar)>,
    /// Ends the thread when the model is dropped.
    stop: StopFlag,
}

/// Computes a SHA-256 in full: reads the file in pieces, calling its argument before each; `None` if it was stopped or
/// the file cannot be read.
pub type FindHash = Box<dyn FnOnce(&mut dyn FnMut() -> bool) -> Option<String> + Send>;

impl ModelHash {
    /// Starts to hash the file at `path`, or takes the hash kept in `cache`. Calls `on_ready` on the thread
    /// that has it.
    pub fn begin(
        path: &Path,
        cache: Option<&Path>,
        busyness: Busyness,
        find: FindHash,
        on_ready: impl FnOnce(&str) + Send + 'static,
    ) -> Self {
        let hash = Self { state: Arc::default(), stop: StopFlag::default() };
        let kept = cache.and_then(|cache| KeptHash::of(path, cache));
        if let Some(found) = kept.as_ref().and_then(KeptHash::find) {
            hash.set(short(&found).to_owned());
            return hash;
        }
        let (state, stop) = (hash.state.clone(), hash.stop.clone());
        let work = move || {
            let mut go_on = || {
                busyness.rest(&stop);
                !stop.is_raised()
            };
            let found = if go_on() { find(&mut go_on) } else { None };
            if let (Some(kept), Some(found)) = (&kept, &found) {
                kept.keep(found);
            }
            let found = found.map(|found| short(&found).to_owned()).unwrap_or_default();
            *state.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
            state.1.notify_all();
            if !found.is_empty() {
                on_ready(&found);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("model hash".to_owned()).spawn(work) {
            log::warn!("the model's hash is not known: no thread for it ({error})");
            hash.set(String::new());
        }
        hash
    }

    /// A hash that is known from the start.
    pub fn known(hash: &str) -> Self {
        let known = Self { state: Arc::default(), stop: StopFlag::default() };
        known.set(hash.to_owned());
        known
    }

    fn set(&self, found: String) {
        *self.state.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    /// The hash, if it is known by now.
    pub fn if_ready(&self) -> Option<String> {
        let found = self.state.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        found.filter(|hash| !hash.is_empty())
    }

    /// Waits for the hash until `stop` is raised; empty if there is none.
    pub fn wait(&self, stop: &StopFlag) -> String {
        let mut found = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(hash) = &*found {
                return hash.clone();
            }
            if stop.is_raised() {
                return String::new();
            }
            found = self.state.1.wait_timeout(found, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for ModelHash {
    fn drop(&mut self) {
        self.stop.raise();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_bytes(path: &Path, cache: &Path, readings: &Arc<AtomicUsize>) -> ModelHash {
        let (file, readings) = (path.to_owned(), readings.clone());
        let find: FindHash = Box::new(move |go_on| {
            readings.fetch_add(1, Ordering::Relaxed);
            go_on().then(|| format!("{:064x}", std::fs::read(file).unwrap().len()))
        });
        ModelHash::begin(path, Some(cache), Busyness::default(), find, |_| {})
    }

    #[test]
    fn a_file_is_read_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, cache) = (folder.path().join("m"), folder.path().join("cache"));
        let (readings, stop) = (Arc::default(), StopFlag::default());
        for (length, expected_readings) in [(3, 1), (3, 1), (4, 2)] {
            if std::fs::metadata(&file).map_or(0, |found| found.len()) != length {
                std::fs::write(&file, vec![0; length as usize]).unwrap();
            }
            let hash = of_bytes(&file, &cache, &readings);
            assert_eq!(hash.wait(&stop), "0000000000");
            assert_eq!(readings.load(Ordering::Relaxed), expected_readings);
        }
    }

    #[test]
    fn hashing_rests_while_others_work_and_goes_on_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m");
        std::fs::write(&file, [0; 5]).unwrap();
        let find: FindHash = Box::new(|go_on| go_on().then(|| "0123456789".to_owned()));
        let busyness = Busyness::default();
        let busy = busyness.begin();
        let hash = ModelHash::begin(&file, None, busyness, find, |_| {});
        std::thread::sleep(3 * LOOK);
        assert_eq!(hash.if_ready(), None);
        let given_up = StopFlag::default();
        given_up.raise();
        assert_eq!(hash.wait(&given_up), "");
        drop(busy);
        assert_eq!(hash.wait(&StopFlag::default()), "0123456789");
        assert_eq!(hash.if_ready().as_deref(), Some("0123456789"));
    }
}
