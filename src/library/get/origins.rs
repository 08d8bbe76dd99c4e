//! What was got from addresses whose content no hash names, so that it is not got twice.
//!
//! Invariant: a row counts for one state on the server: its address, length, and validator or commit. Where a
//! server names none there is no row, and the file is got again.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::files::write_atomically;
use crate::hashes;
use crate::transfer::Source;

/// A longer list is not this program's.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// States that are kept; the oldest goes first.
const KEPT_MAX: usize = 1000;

/// A digest of the state, and the SHA-256 of what was got.
type Row = (String, String);

fn list(cache: &Path) -> PathBuf {
    cache.join("origins.json")
}

/// What tells one state on a server from another, if the server does.
fn key(source: &Source) -> Option<String> {
    let known = &source.known;
    let version = known.validator.as_ref().or(known.commit.as_ref())?;
    let state = format!("{} {version} {:?}", source.address, known.bytes);
    Some(hashes::digits(Sha256::new_with_prefix(state)))
}

fn rows(cache: &Path) -> Vec<Row> {
    let list = list(cache);
    let short = fs::metadata(&list).is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
    let text = short.then(|| fs::read_to_string(&list).ok()).flatten();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The SHA-256 of what was got from there before.
pub(super) fn find(cache: &Path, source: &Source) -> Option<String> {
    let key = key(source)?;
    rows(cache).into_iter().find(|(known, _)| *known == key).map(|(_, sha256)| sha256)
}

/// Keeps what was got; without a list that can be written it is got again next time.
pub(super) fn keep(cache: &Path, source: &Source, sha256: &str) {
    let Some(key) = key(source).filter(|_| source.known.sha256.is_none()) else { return };
    let mut rows = rows(cache);
    rows.retain(|(known, _)| *known != key);
    rows.push((key, sha256.to_owned()));
    rows.drain(..rows.len().saturating_sub(KEPT_MAX));
    let written = serde_json::to_vec(&rows).map_err(std::io::Error::other).and_then(|text| {
        fs::create_dir_all(cache)?;
        write_atomically(&list(cache), &text, true)
    });
    if let Err(error) = written {
        log::warn!("where a model came from is not kept: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Remote;

    #[test]
    fn a_row_counts_for_one_state_of_one_address() {
        let cache = tempfile::tempdir().unwrap();
        let source = |address: &str, validator: Option<&str>, bytes: u64| Source {
            address: address.to_owned(),
            known: Remote {
                bytes: Some(bytes),
                validator: validator.map(str::to_owned),
                ..Remote::default()
            },
        };
        keep(cache.path(), &source("http://h/a", Some("v1"), 5), "abc");
        // A server that names no state.
        keep(cache.path(), &source("http://h/b", None, 5), "def");
        let found = |address, validator, bytes| find(cache.path(), &source(address, validator, bytes));
        assert_eq!(found("http://h/a", Some("v1"), 5).as_deref(), Some("abc"));
        for other in [
            ("http://h/b", Some("v1"), 5),
            ("http://h/a", Some("v2"), 5),
            ("http://h/a", Some("v1"), 6),
            ("http://h/a", None, 5),
            ("http://h/b", None, 5),
        ] {
            assert_eq!(found(other.0, other.1, other.2), None, "{other:?}");
        }
    }
}
