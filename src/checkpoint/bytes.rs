//! A file's bytes, mapped into memory, or a file that is part of the program.
//!
//! The trap: a mapped file that shrinks while it is used ends the program with SIGBUS. Model files
//! are written once, so the map is worth its speed; see the `SAFETY` line.

use std::fs::{self, File};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;

use super::error::{CheckpointError, Problem};

/// A read-only file and where it lies. Dereferences to its bytes.
#[derive(Debug)]
pub(crate) struct MappedFile {
    bytes: Bytes,
    path: PathBuf,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Embedded(&'static [u8]),
}

impl MappedFile {
    /// Maps a file of at least one byte.
    pub(crate) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let fails = |error: std::io::Error| {
            match error.kind() {
                std::io::ErrorKind::NotFound => Problem::Missing,
                _ => Problem::Unreadable(error.to_string()),
            }
            .at(path)
        };
        let file = File::open(path).map_err(fails)?;
        if file.metadata().map_err(fails)?.len() == 0 {
            return Err(Problem::Empty.at(path));
        }
        // SAFETY: the map is read-only and private to this value. Another program that shortens the
        // file meanwhile can end this process but not make it read what is not the file's.
        #[expect(unsafe_code, reason = "memory mapping has no safe form")]
        let map = unsafe { Mmap::map(&file) }.map_err(fails)?;
        Ok(Self { bytes: Bytes::Mapped(map), path: path.to_path_buf() })
    }

    /// A file within the program, under the name that messages give it.
    pub(crate) fn embedded(name: &str, bytes: &'static [u8]) -> Self {
        Self { bytes: Bytes::Embedded(bytes), path: PathBuf::from(name) }
    }

    /// Lets the memory of these bytes go; the system reads them again when they are looked at.
    pub(crate) fn forget(&self, bytes: Range<usize>) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = &self.bytes
            && bytes.end <= map.len()
            && !bytes.is_empty()
        {
            let forgotten = UncheckedAdvice::DontNeed;
            // SAFETY: pages of a read-only map of a file hold nothing but the file's bytes, so
            // references into them see the same bytes after they were read again.
            #[expect(unsafe_code, reason = "advice on mapped memory has no safe form")]
            // Only advice: a system that does not take it keeps the pages.
            unsafe { map.unchecked_advise_range(forgotten, bytes.start, bytes.len()) }.ok();
        }
    }

    /// Where the file lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Embedded(bytes) => bytes,
        }
    }
}

/// Reads a small text file whole; one larger than `limit` bytes is refused unread.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<String, CheckpointError> {
    let fails = |error: std::io::Error| {
        match error.kind() {
            std::io::ErrorKind::NotFound => Problem::Missing,
            _ => Problem::Unreadable(error.to_string()),
        }
        .at(path)
    };
    let size = fs::metadata(path).map_err(fails)?.len();
    if size > limit {
        return Err(Problem::damaged("JSON", format!("{size} bytes where {limit} are the most")).at(path));
    }
    fs::read_to_string(path).map_err(fails)
}
