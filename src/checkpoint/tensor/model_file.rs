//! `ModelFile`: a file that is read by position, or one that is part of the program.
//!
//! Invariant: bytes that a read returns were in the file while it had the length and the time of change
//! that it had when it was opened; else the read is [`Problem::Changed`]. Nothing is mapped: a mapping
//! of a file that is cut short ends the process, and what the system maps around it counts as memory.

use std::borrow::Cow;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::checkpoint::error::{CheckpointError, Problem};
use crate::ops::cpu::zeros;

/// A read-only file and where it lies.
#[derive(Debug)]
pub(crate) struct ModelFile {
    bytes: Bytes,
    path: PathBuf,
}

#[derive(Debug)]
enum Bytes {
    Opened { file: File, length: usize, modified: Option<SystemTime> },
    Embedded(&'static [u8]),
}

impl ModelFile {
    /// Opens a file of at least one byte.
    pub(crate) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let fails = |error: io::Error| unreadable(error).at(path);
        let file = File::open(path).map_err(fails)?;
        let metadata = file.metadata().map_err(fails)?;
        if metadata.len() == 0 {
            return Err(Problem::Empty.at(path));
        }
        let length =
            usize::try_from(metadata.len()).map_err(|_| fails(io::ErrorKind::FileTooLarge.into()))?;
        let modified = metadata.modified().ok();
        Ok(Self { bytes: Bytes::Opened { file, length, modified }, path: path.to_path_buf() })
    }

    /// A file within the program, under the name that messages give it.
    pub(crate) fn embedded(name: &str, bytes: &'static [u8]) -> Self {
        Self { bytes: Bytes::Embedded(bytes), path: PathBuf::from(name) }
    }

    /// Where the file lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Opened { length, .. } => *length,
            Bytes::Embedded(bytes) => bytes.len(),
        }
    }

    /// The bytes of a file within the program.
    pub(crate) fn in_memory(&self) -> Option<&'static [u8]> {
        match &self.bytes {
            Bytes::Opened { .. } => None,
            Bytes::Embedded(bytes) => Some(bytes),
        }
    }

    /// Fills `to` with the bytes from `start` on.
    pub(crate) fn read_at(&self, start: usize, to: &mut [u8]) -> Result<(), Problem> {
        match &self.bytes {
            Bytes::Embedded(bytes) => {
                let from = start.checked_add(to.len()).and_then(|end| bytes.get(start..end));
                to.copy_from_slice(from.ok_or(Problem::Changed)?);
                Ok(())
            }
            Bytes::Opened { file, length, modified } => {
                let read = read_exact_at(file, to, start as u64);
                // Looked at after the read: what came before a change is what was opened.
                let now = file.metadata().map_err(unreadable)?;
                if !is_as_opened(&now, *length, *modified) {
                    return Err(Problem::Changed);
                }
                read.map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => Problem::Changed,
                    _ => unreadable(error),
                })
            }
        }
    }

    /// The bytes of a range, borrowed from the program or read.
    pub(crate) fn read(&self, range: Range<usize>) -> Result<Cow<'static, [u8]>, Problem> {
        if let Some(bytes) = self.in_memory() {
            return bytes.get(range).map(Cow::Borrowed).ok_or(Problem::Changed);
        }
        let mut bytes = zeros(range.len())?;
        self.read_at(range.start, &mut bytes)?;
        Ok(bytes.into())
    }

    /// The first bytes, at most `most` of them.
    pub(crate) fn head(&self, most: usize) -> Result<Cow<'static, [u8]>, Problem> {
        self.read(0..most.min(self.len()))
    }

    /// Reads from the beginning, forwards and back.
    pub(crate) fn reader(&self) -> FileReader<'_> {
        FileReader { file: self, at: 0 }
    }
}

fn is_as_opened(now: &Metadata, length: usize, modified: Option<SystemTime>) -> bool {
    now.len() == length as u64 && now.modified().ok() == modified
}

#[cfg(unix)]
fn read_exact_at(file: &File, to: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut to: &mut [u8], mut start: u64) -> io::Result<()> {
    while !to.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, to, start) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                to = &mut to[count..];
                start += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn unreadable(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => Problem::Missing,
        _ => Problem::Unreadable(error.to_string()),
    }
}

/// A [`ModelFile`] as the zip reader wants it; several do not disturb each other.
pub(crate) struct FileReader<'a> {
    file: &'a ModelFile,
    at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.at).unwrap_or(usize::MAX);
        let count = to.len().min(self.file.len().saturating_sub(at));
        self.file.read_at(at, &mut to[..count]).map_err(io::Error::other)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for FileReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => (self.file.len() as u64).checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Reads a small text file whole; refuses one larger than `limit` bytes unread.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<String, CheckpointError> {
    let fails = |error: io::Error| unreadable(error).at(path);
    let size = fs::metadata(path).map_err(fails)?.len();
    if size > limit {
        return Err(Problem::damaged("JSON", format!("{size} bytes where {limit} are the most")).at(path));
    }
    fs::read_to_string(path).map_err(fails)
}
