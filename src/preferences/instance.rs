//! `Instance`: the one window that remembers, for a folder of data; a later start hands over to it.
//!
//! The first holds a lock, which goes with its process. A later one puts a file with its call beside it; the
//! first reads and removes it, which is its answer. A first that does not answer is busy or on another
//! machine, and the later one opens a window of its own.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::RememberedModel;
use crate::files::write_atomically;

/// How long the first window has for its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A longer call comes from another program.
const CALL_BYTES_MAX: u64 = 1 << 20;

/// What a later start asks of the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// A model to open, where one was named.
    pub model: Option<RememberedModel>,
}

/// The first window of a folder of data.
#[derive(Debug)]
pub struct Instance {
    calls: PathBuf,
    /// Held, never read.
    _lock: File,
}

impl Instance {
    /// Becomes the first of a folder (made if missing); none if another is.
    ///
    /// # Errors
    /// If the folder cannot be written, or its file system knows no locks.
    pub fn claim(data: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(data)?;
        let lock = File::create(data.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let first = Self { calls: calls(data), _lock: lock };
        fs::create_dir_all(&first.calls)?;
        // Calls of long ago.
        first.calls();
        Ok(Some(first))
    }

    /// What later starts have asked for since the last look; reading them is the answer.
    pub fn calls(&self) -> Vec<Call> {
        let entries = fs::read_dir(&self.calls).into_iter().flatten().filter_map(Result::ok);
        let whole = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
        entries.map(|entry| entry.path()).filter(whole).filter_map(|path| take(&path)).collect()
    }
}

/// Asks the first window of a folder to come to the front; whether it has answered.
pub fn call(data: &Path, call: &Call) -> bool {
    call_within(data, call, PATIENCE)
}

fn call_within(data: &Path, call: &Call, patience: Duration) -> bool {
    let path = calls(data).join(format!("{}.json", std::process::id()));
    let written = serde_json::to_vec(call)
        .map_err(io::Error::other)
        .and_then(|text| write_atomically(&path, &text, true));
    if let Err(error) = written {
        log::info!("the first window cannot be called: {error}");
        return false;
    }
    let until = Instant::now() + patience;
    while path.exists() {
        if Instant::now() > until {
            // The first may have read it just now.
            return fs::remove_file(path).is_err();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

fn calls(data: &Path) -> PathBuf {
    data.join("calls")
}

fn take(path: &Path) -> Option<Call> {
    let small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= CALL_BYTES_MAX);
    let text = if small { fs::read(path).ok() } else { None };
    fs::remove_file(path).ok()?;
    serde_json::from_slice(&text?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_start_hands_over_to_the_first() {
        let data = tempfile::tempdir().unwrap();
        let first = Instance::claim(data.path()).unwrap().unwrap();
        assert!(Instance::claim(data.path()).unwrap().is_none());
        let model = RememberedModel::Path {
            path: "/m/v1.ckpt".into(),
            config: None,
            vae: None,
            text_encoder: None,
            prediction: None,
        };
        let asked = Call { model: Some(model) };
        let answered = std::thread::scope(|scope| {
            let later = scope.spawn(|| call(data.path(), &asked));
            let until = Instant::now() + Duration::from_secs(20);
            let mut heard = Vec::new();
            while heard.is_empty() && Instant::now() < until {
                heard = first.calls();
            }
            assert_eq!(heard, std::slice::from_ref(&asked));
            later.join().unwrap()
        });
        assert!(answered);
        assert_eq!(first.calls(), []);
        drop(first);
        assert!(Instance::claim(data.path()).unwrap().is_some(), "the lock goes with its holder");
    }

    #[test]
    fn a_first_that_does_not_answer_is_given_up_and_its_call_withdrawn() {
        let data = tempfile::tempdir().unwrap();
        let first = Instance::claim(data.path()).unwrap().unwrap();
        assert!(!call_within(data.path(), &Call::default(), Duration::from_millis(50)));
        assert_eq!(first.calls(), []);
        assert!(!call(&data.path().join("missing"), &Call::default()));
    }
}
