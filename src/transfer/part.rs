//! `Part`: the half-written file, and how it becomes whole.
//!
//! Its name carries a digest of what the server says of the file, so another version never goes on in it, and
//! one lock keeps two programs from writing it at once. Trap: on Windows the lock keeps this program's other
//! handles out too, so it is given up before the whole file is looked at.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::TransferError;
use super::http::Remote;
use crate::files::take_free_name;
use crate::hashes;

/// Digits that tell one version from another.
const KEY: usize = 8;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// A half-written file.
pub struct Part {
    file: File,
    path: PathBuf,
    done: u64,
    hash: Sha256,
}

impl Part {
    /// The name of the half-written copy of `target`: what the server says of it is in the name. The same
    /// content from elsewhere goes on in it where its hash is known, since that is checked at the end.
    pub fn path(target: &Path, address: &str, remote: &Remote) -> PathBuf {
        let Remote { bytes, sha256, tag, validator, .. } = remote;
        let version = match sha256 {
            Some(sha256) => format!("{sha256} {bytes:?}"),
            None => format!("{address} {tag:?} {validator:?} {bytes:?}"),
        };
        let key = hashes::digits(Sha256::new_with_prefix(version));
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", &key[..KEY]));
        target.with_file_name(name)
    }

    /// Opens the half-written file, or begins one; what is there is hashed.
    pub(super) fn open(path: PathBuf) -> Result<Self, TransferError> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let refused = |error: io::Error| written(&error, &folder);
        std::fs::create_dir_all(&folder).map_err(refused)?;
        // Not to append: a file that is only appended to cannot be shortened everywhere.
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(refused)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(TransferError::Twice { part: path }),
            // Some file systems know no locks.
            Err(TryLockError::Error(error)) => log::debug!("{} is not locked: {error}", path.display()),
            Ok(()) => {}
        }
        let (mut hash, mut done, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
        loop {
            match file.read(&mut piece).map_err(refused)? {
                0 => break,
                read => {
                    hash.update(&piece[..read]);
                    done += read as u64;
                }
            }
        }
        Ok(Self { file, path, done, hash })
    }

    /// Bytes that are here.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Adds bytes to its end.
    pub(super) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.done += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.done, self.hash) = (0, Sha256::new());
        Ok(())
    }

    /// Removes it.
    pub(super) fn remove(self) {
        let Self { file, path, .. } = self;
        drop(file);
        if let Err(error) = std::fs::remove_file(&path) {
            log::warn!("a half-written file was left at {}: {error}", path.display());
        }
    }

    /// Flushes it to the disk, lets others read it and returns its hash.
    pub(super) fn whole(&self) -> io::Result<String> {
        self.file.sync_all()?;
        // What is whole may be looked at; where there are no locks, there is nothing to give up.
        if let Err(error) = self.file.unlock() {
            log::debug!("{} is not unlocked: {error}", self.path.display());
        }
        Ok(hashes::digits(self.hash.clone()))
    }

    /// Gives it the name of `target`, or a free one like it.
    pub(super) fn take_name(self, target: &Path) -> io::Result<PathBuf> {
        let Self { file, path, .. } = self;
        // An open file keeps its name on some systems.
        drop(file);
        take_free_name(&path, target)
    }

    /// Where it lies.
    pub(super) fn at(&self) -> &Path {
        &self.path
    }

    /// Removes all half-written copies of `target`, of whatever state, but not what another run is writing.
    ///
    /// # Errors
    /// What the file system says.
    pub fn discard(target: &Path) -> io::Result<()> {
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Ok(entries) = target.parent().unwrap_or(Path::new(".")).read_dir() else { return Ok(()) };
        for entry in entries.flatten() {
            let own = entry.file_name().to_string_lossy().into_owned();
            let key = own.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".part"));
            if !key.is_some_and(|key| key.len() == KEY && key.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                continue;
            }
            let file = OpenOptions::new().write(true).open(entry.path())?;
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                continue;
            }
            drop(file);
            std::fs::remove_file(entry.path())?;
        }
        Ok(())
    }
}

/// What the system says of writing, as an error.
pub(super) fn written(error: &io::Error, folder: &Path) -> TransferError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            TransferError::DiskFull { folder: folder.to_owned() }
        }
        _ => TransferError::NotWritable { folder: folder.to_owned(), cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_half_written_copies_of_the_file_that_nobody_writes_are_discarded() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("m.ckpt");
        let names =
            ["m.ckpt.0123abcd.part", "m.ckpt", "m.ckpt.part", "m.ckpt.x123abcd.part", "n.ckpt.0123abcd.part"];
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let written = Part::open(folder.path().join("m.ckpt.89abcdef.part")).unwrap();
        Part::discard(&target).unwrap();
        let left = |name: &str| folder.path().join(name).exists();
        assert!(!left(names[0]) && names[1..].iter().all(|name| left(name)));
        assert!(left("m.ckpt.89abcdef.part"));
        drop(written);
        Part::discard(&target).unwrap();
        assert!(!left("m.ckpt.89abcdef.part"));
        // Nothing is there, and nothing is wrong with that.
        Part::discard(&folder.path().join("none/m.ckpt")).unwrap();
    }
}
