//! Files that are either whole or absent, and replace another only on request.
//!
//! Bytes go to a temporary file in the same folder, are flushed to the disk, and take their name in one step.
//! The step itself refuses an existing name, so two programs saving at once cannot overwrite each other.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

/// How many numbers are tried after a taken name.
const MOST_NUMBERS: usize = 100_000;
/// The longest name that the usual file systems take, in bytes (some count letters, which are fewer).
const LONGEST_NAME: usize = 255;

/// Writes a file as a whole and says under which name.
///
/// With `force` an existing file is replaced; else `name.png` becomes `name-2.png` and so on.
///
/// # Errors
/// What the file system says; nothing partial is left.
pub fn write_atomically(path: &Path, bytes: &[u8], force: bool) -> io::Result<PathBuf> {
    write_atomically_by(path, force, |file| file.write_all(bytes))
}

/// The same where `write` fills the file.
///
/// # Errors
/// What `write` or the file system says; nothing partial is left.
pub fn write_atomically_by(
    path: &Path,
    force: bool,
    write: impl FnOnce(&mut NamedTempFile) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = temporary(folder)?;
    write(&mut file)?;
    file.as_file().sync_all()?;
    if force {
        file.persist(path)?;
        sync_folder(folder);
        return Ok(path.to_owned());
    }
    for number in 1..=MOST_NUMBERS {
        let name = numbered(path, number);
        // A cheap check first, for file systems whose rename cannot refuse.
        if name.symlink_metadata().is_ok() {
            continue;
        }
        match take_name(file, &name) {
            Ok(()) => {
                sync_folder(folder);
                return Ok(name);
            }
            Err((again, error)) if error.kind() == ErrorKind::AlreadyExists => file = again,
            Err((_, error)) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, "every number after this name is taken"))
}

/// Gives a whole file that lies in the same folder its name, or the next free number after it.
///
/// # Errors
/// What the file system says; the file then keeps the name that it had.
pub fn take_free_name(file: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut file = TempPath::try_from_path(file)?;
    for number in 1..=MOST_NUMBERS {
        let name = numbered(path, number);
        if name.symlink_metadata().is_ok() {
            continue;
        }
        match file.persist_noclobber(&name) {
            Ok(()) => {
                sync_folder(path.parent().unwrap_or(Path::new(".")));
                return Ok(name);
            }
            Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => file = refused.path,
            // File systems that know no such renaming.
            Err(refused) => {
                let from = refused.path.keep().map_err(|kept| kept.error)?;
                std::fs::rename(from, &name)?;
                return Ok(name);
            }
        }
    }
    file.keep().map_err(|kept| kept.error)?;
    Err(io::Error::new(ErrorKind::AlreadyExists, "every number after this name is taken"))
}

/// A hidden temporary file beside its target, readable as any new file is.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".safelight-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The process's umask still applies.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Gives the file a name that nobody has.
fn take_name(file: NamedTempFile, name: &Path) -> Result<(), (NamedTempFile, io::Error)> {
    let refused = match file.persist_noclobber(name) {
        Ok(_) => return Ok(()),
        Err(refused) => refused,
    };
    if refused.error.kind() == ErrorKind::AlreadyExists {
        return Err((refused.file, refused.error));
    }
    // Some file systems (FAT, network drives) know no such renaming: reserve the name, then replace.
    if let Err(error) = OpenOptions::new().write(true).create_new(true).open(name) {
        return Err((refused.file, error));
    }
    refused.file.persist(name).map(drop).map_err(|refused| {
        // Only the empty file that was reserved a moment ago.
        if let Err(error) = std::fs::remove_file(name) {
            log::warn!("an empty file was left at {}: {error}", name.display());
        }
        (refused.file, refused.error)
    })
}

/// Flushes the new name to the disk, on systems that can.
fn sync_folder(folder: &Path) {
    if cfg!(unix)
        && let Err(error) = File::open(folder).and_then(|folder| folder.sync_all())
    {
        log::debug!("{} was not synced: {error}", folder.display());
    }
}

/// `name.png`, `name-2.png`, `name-3.png`, …; the number takes the place of the last letters where
/// the name would become too long.
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    let mut added = std::ffi::OsString::from(format!("-{number}"));
    if let Some(ending) = path.extension() {
        added.push(".");
        added.push(ending);
    }
    let room = LONGEST_NAME.saturating_sub(added.len());
    if name.len() > room
        && let Some(text) = name.to_str()
    {
        name = text[..text.floor_char_boundary(room)].into();
    }
    name.push(added);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_next_free_number_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.b.png");
        for expected in ["a.b.png", "a.b-2.png", "a.b-3.png"] {
            let written = write_atomically(&path, expected.as_bytes(), false).unwrap();
            assert_eq!(written, folder.path().join(expected));
            assert_eq!(std::fs::read_to_string(written).unwrap(), expected);
        }
        assert_eq!(write_atomically(&path, b"new", true).unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.b-2.png", "a.b-3.png", "a.b.png"]);
    }

    #[test]
    fn a_whole_file_takes_a_free_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.ckpt");
        for expected in ["m.ckpt", "m-2.ckpt"] {
            let part = folder.path().join("m.part");
            std::fs::write(&part, expected).unwrap();
            assert_eq!(take_free_name(&part, &path).unwrap(), folder.path().join(expected));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"m.ckpt");
        assert_eq!(names(folder.path()), ["m-2.ckpt", "m.ckpt"]);
    }

    #[test]
    fn a_taken_name_of_full_length_loses_letters_to_its_number() {
        let folder = tempfile::tempdir().unwrap();
        // Two bytes a letter, so that the cut must find a boundary.
        let path = folder.path().join(format!("{}a.png", "é".repeat(125)));
        for (number, expected) in [(1, "éa.png"), (2, "é-2.png"), (3, "é-3.png")] {
            let written = write_atomically(&path, b"1", false).unwrap();
            let name = written.file_name().unwrap().to_str().unwrap();
            assert!(name.ends_with(expected) && name.len() <= LONGEST_NAME, "{number}: {name}");
        }
        assert_eq!(names(folder.path()).len(), 3);
    }

    #[test]
    fn many_writers_never_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        std::thread::scope(|scope| {
            for writer in 0..4_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..10 {
                        write_atomically(path, &[writer], false).unwrap();
                    }
                });
            }
        });
        assert_eq!(names(folder.path()).len(), 40);
    }

    #[test]
    fn a_missing_folder_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        assert!(write_atomically(&missing.join("x.png"), b"1", false).is_err());
        assert!(!missing.exists());
        assert!(names(folder.path()).is_empty());
    }
}
