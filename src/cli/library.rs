//! The user's library on the command line: its folders, its entries, and names in place of paths.

use std::path::{Path, PathBuf};

use crate::library::{self, Sort, UserLibrary};

use super::Failure;

/// The user's library.
///
/// # Errors
/// If what is remembered of it cannot be read.
pub fn user_library() -> Result<UserLibrary, Failure> {
    UserLibrary::of_user().map_err(|error| Failure::Input(error.to_string()))
}

/// The path itself where there is something or it is plainly one; else that of the library's file of this name.
///
/// # Errors
/// If nothing, or more than one file, has this name.
pub fn resolve(path: &Path, wanted: &[Sort]) -> Result<PathBuf, Failure> {
    let is_plainly_one = path.is_absolute() || path.starts_with(".") || path.starts_with("..");
    if is_plainly_one || path.symlink_metadata().is_ok() {
        return Ok(path.to_owned());
    }
    let Some(name) = path.to_str() else { return Ok(path.to_owned()) };
    let entries = user_library()?.entries();
    match library::find(&entries, name, wanted) {
        Ok(entry) => Ok(entry.path.clone()),
        Err(error) => Err(Failure::Input(error.to_string())),
    }
}

/// The library's folders, where LoRAs and embeddings may lie; none where what is remembered cannot be read.
pub fn model_folders() -> Vec<PathBuf> {
    let folders = user_library().map(|library| library.folders).unwrap_or_default();
    folders.into_iter().map(|folder| folder.path).collect()
}

/// The same of an option that may be absent.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_option(path: Option<&PathBuf>, wanted: &[Sort]) -> Result<Option<PathBuf>, Failure> {
    path.map(|path| resolve(path, wanted)).transpose()
}
