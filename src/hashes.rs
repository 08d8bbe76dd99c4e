//! Hashes of files, kept in a list on the disk, so that a file is read once for its hash.
//!
//! Invariant: a hash counts for one state of a file: its path, size and time of change. A row is made before
//! the file is read, so that what changes meanwhile is hashed again.

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
        let path = std::fs::canonicalize(path).ok()?;
        let metadata = std::fs::metadata(&path).ok().filter(Metadata::is_file)?;
        let row = Row { path, bytes: metadata.len(), modified: modified(&metadata)?, hash: String::new() };
        Some(Self { list: cache.join("hashes.json"), row })
    }

    fn rows(&self) -> Vec<Row> {
        let short = std::fs::metadata(&self.list).is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
        let text = short.then(|| std::fs::read_to_string(&self.list).ok()).flatten();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// The file's SHA-256, if it is kept.
    pub fn find(&self) -> Option<String> {
        let same = |row: &Row| Row { hash: String::new(), ..row.clone() } == self.row;
        let found = self.rows().into_iter().find(same)?.hash;
        (found.len() == DIGITS && found.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(found)
    }

    /// Adds the file's row; without a list that can be written the file is hashed again next time.
    pub fn keep(&self, hash: &str) {
        let mut rows = self.rows();
        rows.retain(|row| row.path != self.row.path);
        rows.push(Row { hash: hash.to_owned(), ..self.row.clone() });
        rows.drain(..rows.len().saturating_sub(KEPT_MAX));
        let Ok(text) = serde_json::to_string(&rows) else { return };
        let written = self.list.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = written.map_err(|error| error.to_string()).and_then(|()| {
            write_atomically(&self.list, text.as_bytes(), true).map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            log::warn!("the hash of {} is not kept: {error}", self.row.path.display());
        }
    }
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
    }
}
