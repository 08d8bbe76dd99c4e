//! Where pictures go: checked before the run, and never lost after it.
//!
//! Invariant: what was computed is on the disk when [`Output::save`] returns, if any of three places can
//! be written.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::picture::{self, Carried, Format, Frame, Made};

use super::Failure;

/// Where pictures go.
pub struct Output {
    path: PathBuf,
    is_folder: bool,
    force: bool,
}

/// A picture on the disk.
pub struct Saved {
    /// The file that holds it.
    pub path: PathBuf,
    /// Why it is not where it was to be.
    pub elsewhere: Option<Failure>,
}

impl Output {
    /// A folder if it is one or ends in a separator, else a file with an ending that says its format.
    ///
    /// # Errors
    /// If nothing can be written there.
    pub fn new(path: &Path, force: bool) -> Result<Self, Failure> {
        let text = path.to_string_lossy();
        let is_folder = path.is_dir() || text.ends_with(['/', std::path::MAIN_SEPARATOR]);
        check_name(path)?;
        if is_folder {
            check_writable(path)?;
        } else {
            Format::of(path)?;
            check_writable(folder_of(path))?;
        }
        Ok(Self { path: path.to_owned(), is_folder, force })
    }

    /// Whether files of the same name are replaced.
    pub fn forces(&self) -> bool {
        self.force
    }

    /// The kind of its files.
    pub fn format(&self) -> Format {
        if self.is_folder { Format::Png } else { Format::of(&self.path).unwrap_or_default() }
    }

    /// Saves a picture; where that fails, in the present folder or the system's for temporary files.
    ///
    /// # Errors
    /// If it can be written nowhere.
    pub fn save(&self, stem: &str, frame: &Frame, made: &Made) -> Result<Saved, Failure> {
        self.save_carried(stem, frame, &Carried::Ours(Box::new(made.clone())))
    }

    /// The same with what another picture's file told.
    ///
    /// # Errors
    /// As [`Output::save`].
    pub fn save_carried(&self, stem: &str, frame: &Frame, told: &Carried) -> Result<Saved, Failure> {
        let name = format!("{stem}.png");
        let path = if self.is_folder { self.path.join(&name) } else { self.path.clone() };
        let save = || {
            make_folder(folder_of(&path))?;
            Ok(picture::write_carried(&path, self.force, frame, told)?)
        };
        let failure = match save() {
            Ok(path) => return Ok(Saved { path, elsewhere: None }),
            Err(failure) => failure,
        };
        for folder in [PathBuf::from("."), std::env::temp_dir()] {
            if let Ok(path) = picture::write_carried(&folder.join(&name), false, frame, told) {
                let path = std::path::absolute(&path).unwrap_or(path);
                return Ok(Saved { path, elsewhere: Some(failure) });
            }
        }
        Err(failure)
    }
}

/// Checks that a trace, which is of one picture, can be written.
///
/// # Errors
/// If it cannot.
pub fn check_trace(path: &Path, count: u32) -> Result<(), Failure> {
    let refuse = |sentence: String| Err(Failure::Input(sentence));
    if count > 1 {
        return refuse("expected --count 1 with --trace, found more; trace one picture at a time".to_owned());
    }
    if path.is_dir() {
        return refuse(format!(
            "expected a file for --trace, found the folder {}; add a name",
            path.display()
        ));
    }
    check_name(path)?;
    check_writable(folder_of(path))
}

/// The folder that a file lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks in the nearest existing folder whether the file system accepts such a name.
fn check_name(path: &Path) -> Result<(), Failure> {
    let there = existing(path);
    let names = path.components().map(|component| there.join(component.as_os_str()));
    let too_long = |path: &PathBuf| {
        path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::InvalidFilename)
    };
    let Some(name) = names.chain([path.to_owned()]).find(too_long) else { return Ok(()) };
    let bytes = name.file_name().unwrap_or_default().len();
    Err(Failure::Input(format!(
        "expected a name that the file system takes (most take 255 bytes), found one of {bytes} bytes; shorten {}",
        crate::told::quoted(&name.file_name().unwrap_or_default().to_string_lossy())
    )))
}

/// Checks that the folder can be written before anything is computed. A missing one is made when there is
/// something to write, so the folder above it is checked.
///
/// # Errors
/// If it cannot.
pub fn check_writable(folder: &Path) -> Result<(), Failure> {
    // Without a slash at the end, with which a file in the way would seem missing.
    let folder: PathBuf = folder.components().collect();
    let there = existing(&folder);
    let writable = if there.is_dir() {
        tempfile::tempfile_in(there).map(drop)
    } else {
        Err(ErrorKind::NotADirectory.into())
    };
    writable.map_err(|error| not_writable(&folder, &error))
}

/// The path itself or its nearest ancestor that exists.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."))
}

/// Makes the folder that a file is about to be written into.
///
/// # Errors
/// If it cannot be made.
pub fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| not_writable(folder, &error))
}

fn not_writable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!(
        "expected a folder that can be written, found that it cannot ({error}); choose another: {}",
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_whose_place_vanished_is_kept_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        std::fs::create_dir(&place).unwrap();
        let output = Output::new(&place.join("a.jpg"), false).unwrap();
        std::fs::remove_dir(&place).unwrap();
        std::fs::write(&place, "in the way").unwrap();
        let frame = Frame { width: 2, height: 1, rgb: vec![9; 6].into() };
        let made = crate::picture::made_for_tests();
        let saved = output.save("kept-elsewhere-of-a-test", &frame, &made).unwrap();
        assert!(saved.path.is_absolute() && saved.elsewhere.is_some());
        assert_eq!(picture::open::open(&saved.path).unwrap(), frame);
        std::fs::remove_file(saved.path).unwrap();
    }
}
