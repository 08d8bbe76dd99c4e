//! The user's library on the command line: its folders, its entries, and names in place of paths.

use std::path::{Path, PathBuf};

use crate::library::{self, Entry, Folder, Hub, Index, Scan, Sort};
use crate::places::Places;
use crate::preferences::{self, Memory};

use super::Failure;

/// The user's library.
pub struct Library {
    /// Where its parts are.
    pub places: Places,
    /// Its folders.
    pub folders: Vec<Folder>,
    /// What is remembered of it.
    pub memory: Memory,
}

impl Library {
    /// As it is remembered.
    ///
    /// # Errors
    /// If what is remembered cannot be read.
    pub fn of_user() -> Result<Self, Failure> {
        let places = Places::of_user();
        let memory = places.memory.as_deref().map(preferences::read_memory).transpose();
        let memory = memory.map_err(Failure::Input)?.unwrap_or_default();
        let added: Vec<PathBuf> = memory.models_folders.iter().map(PathBuf::from).collect();
        let folders = library::folders(&places, &added, &Hub::of_user());
        Ok(Self { places, folders, memory })
    }

    /// Everything in it.
    pub fn entries(&self) -> Vec<Entry> {
        let forgotten: Vec<PathBuf> = self.memory.models_forgotten.iter().map(PathBuf::from).collect();
        let asked =
            Scan { folders: &self.folders, forgotten: &forgotten, hashes: self.places.previews.as_deref() };
        let mut index = Index::read(self.places.models_index.clone());
        library::scan(&asked, &mut index, &mut || true).unwrap_or_default()
    }
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
    let library = Library::of_user()?;
    let entries = library.entries();
    match library::find(&entries, name, wanted) {
        Ok(entry) => Ok(entry.path.clone()),
        Err(error) => Err(Failure::Input(error.to_string())),
    }
}

/// The library's folders, where LoRAs and embeddings may lie; none where what is remembered cannot be read.
pub fn model_folders() -> Vec<PathBuf> {
    let folders = Library::of_user().map(|library| library.folders).unwrap_or_default();
    folders.into_iter().map(|folder| folder.path).collect()
}

/// The same of an option that may be absent.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_option(path: Option<&PathBuf>, wanted: &[Sort]) -> Result<Option<PathBuf>, Failure> {
    path.map(|path| resolve(path, wanted)).transpose()
}
