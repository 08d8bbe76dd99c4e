//! Hashes of files, kept in a list on the disk, so that a file is read once for its hash.
//!
//! Invariant: a hash counts for one state of a file: its path, size and time of change. A row is made before
//! the file is read, so that what changes meanwhile is hashed again.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::write_atomically;

/// A list of kept hashes may not be longer.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Files whose hashes are kept; the oldest goes first.
const KEPT_MAX: usize = 2000;
/// Hexadecimal digits of a SHA-256.
pub const DIGITS: usize = 64;
/// How many of them other programs show.
pub const SHORT: usize = 10;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// The first ten digits of a hash, as A1111 shows them.
pub fn short(hash: &str) -> &str {
    hash.get(..SHORT).unwrap_or(hash)
}

/// One file's place in the list of kept hashes.
pub struct KeptHash {
    list: PathBuf,
    row: Row,
}

/// What tells one state of a file from another, and its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    path: PathBuf,
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    hash: String,
}

/// When a file was last changed, in nanoseconds since 1970.
pub fn modified(metadata: &Metadata) -> Option<u64> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

impl KeptHash {
    /// Where the file at `path` would stand in the list in the folder `cache`; folders have no row.
    pub fn of(path: &Path, cache: &Path) -> Option<Self> {
        Some(Self { list: list(cache), row: Row::of(path)? })
    }

    /// The file's SHA-256, if it is kept.
    pub fn find(&self) -> Option<String> {
        rows(&self.list).iter().find(|row| row.path == self.row.path)?.hash_of(&self.row)
    }

    /// Adds the file's row; without a list that can be written the file is hashed again next time.
    pub fn keep(&self, hash: &str) {
        let mut rows = rows(&self.list);
        rows.retain(|row| row.path != self.row.path);
        rows.push(Row { hash: hash.to_owned(), ..self.row.clone() });
        let Some(text) = listed(&rows) else { return };
        let written = self.list.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = written.map_err(|error| error.to_string()).and_then(|()| {
            write_atomically(&self.list, text.as_bytes(), true).map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            log::warn!("the hash of {} is not kept: {error}", self.row.path.display());
        }
    }
}

/// The whole list, read once for many files.
pub struct KeptHashes(HashMap<PathBuf, Row>);

impl KeptHashes {
    /// Reads the list in the folder `cache`.
    pub fn read(cache: &Path) -> Self {
        Self(rows(&list(cache)).into_iter().map(|row| (row.path.clone(), row)).collect())
    }

    /// A file's SHA-256, if it is kept.
    pub fn find(&self, path: &Path) -> Option<String> {
        let now = Row::of(path)?;
        self.0.get(&now.path)?.hash_of(&now)
    }
}

impl Row {
    /// The state of a file as it is now.
    fn of(path: &Path) -> Option<Self> {
        let path = std::fs::canonicalize(path).ok()?;
        let metadata = std::fs::metadata(&path).ok().filter(Metadata::is_file)?;
        Some(Self { path, bytes: metadata.len(), modified: modified(&metadata)?, hash: String::new() })
    }

    /// The kept hash, if the file is still in this state.
    fn hash_of(&self, now: &Self) -> Option<String> {
        let same = (self.bytes, self.modified) == (now.bytes, now.modified);
        let is_hash = self.hash.len() == DIGITS && self.hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        (same && is_hash).then(|| self.hash.clone())
    }
}

fn list(cache: &Path) -> PathBuf {
    cache.join("hashes.json")
}

fn rows(list: &Path) -> Vec<Row> {
    let short = std::fs::metadata(list).is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
    let text = short.then(|| std::fs::read_to_string(list).ok()).flatten();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The text of the newest rows that the list has room for.
fn listed(rows: &[Row]) -> Option<String> {
    let mut texts = Vec::new();
    let mut bytes = 2;
    for row in rows.iter().rev().take(KEPT_MAX) {
        let text = serde_json::to_string(row).ok()?;
        bytes += text.len() as u64 + 1;
        if bytes > FILE_BYTES_MAX {
            break;
        }
        texts.push(text);
    }
    texts.reverse();
    Some(format!("[{}]", texts.join(",")))
}

/// The digits of a hash that was computed.
pub fn digits(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a file: the kept one, else it is read in pieces, each after a call of `go_on`. `None` if
/// `go_on` returns false.
///
/// # Errors
/// What the system says of the file.
pub fn sha256(
    path: &Path,
    cache: Option<&Path>,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<Option<String>> {
    let kept = cache.and_then(|cache| KeptHash::of(path, cache));
    if let Some(found) = kept.as_ref().and_then(KeptHash::find) {
        return Ok(Some(found));
    }
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        if !go_on() {
            return Ok(None);
        }
        match file.read(&mut piece)? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    let hash = digits(hash);
    if let Some(kept) = kept {
        kept.keep(&hash);
    }
    Ok(Some(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_hash_counts_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, cache) = (folder.path().join("ü model"), folder.path().join("cache"));
        std::fs::write(&file, b"abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = |go_on: bool| sha256(&file, Some(&cache), &mut || go_on).unwrap();
        assert_eq!(hash(false), None);
        assert_eq!(hash(true).as_deref(), Some(abc));
        // Known, so not read again.
        assert_eq!(hash(false).as_deref(), Some(abc));
        assert_eq!(short(abc), "ba7816bf8f");
        std::fs::write(&file, b"abcd").unwrap();
        assert_eq!(hash(false), None);
        assert_ne!(hash(true).as_deref(), Some(abc));
        assert!(sha256(&folder.path().join("missing"), None, &mut || true).is_err());
        let kept = KeptHashes::read(&cache);
        assert_eq!(kept.find(&file), KeptHash::of(&file, &cache).unwrap().find());
        assert!(kept.find(&file).is_some() && kept.find(&cache).is_none());
    }

    #[test]
    fn a_list_that_becomes_too_long_loses_its_oldest_rows() {
        let row = |number: u64| Row {
            path: format!("/{number}/{}", "m".repeat(4000)).into(),
            bytes: number,
            modified: 0,
            hash: "0".repeat(DIGITS),
        };
        let all: Vec<Row> = (0..1000).map(row).collect();
        let text = listed(&all).unwrap();
        assert!(text.len() as u64 <= FILE_BYTES_MAX && text.len() as u64 > FILE_BYTES_MAX - 5000);
        let kept: Vec<Row> = serde_json::from_str(&text).unwrap();
        assert_eq!(kept, all[all.len() - kept.len()..]);
    }
}
