//! `UserLibrary`: the user's folders of models as they are remembered, and the one place that changes the list.
//!
//! Invariant: a change is made in the file in one step, so that neither a window nor the command line loses what
//! the other has written; whoever holds a `UserLibrary` reads it again afterwards.

use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::folders::{Folder, folders};
use super::hub::Hub;
use super::index::Index;
use super::scan::{Scan, scan};
use crate::places::Places;
use crate::preferences::{self, Memory};
use crate::told::Told;

/// Why the list of folders was not read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// What is remembered cannot be read or written; the sentence says why.
    #[error("{0}")]
    Memory(String),
    /// There is no place for what is remembered.
    #[error("expected a folder for settings, found none; set SAFELIGHT_HOME to one")]
    NoPlace,
    /// It is no folder.
    #[error("expected a folder of models, found none; check the path: {}", .0.display())]
    NoFolder(PathBuf),
    /// Its path cannot be remembered.
    #[error("expected a name that is text, found other bytes; rename it: {}", .0.display())]
    NoText(PathBuf),
    /// It cannot be listed.
    #[error("the system refuses to list this folder ({cause}): {}", .path.display())]
    Refused {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
}

impl Told for ListError {
    fn key(&self) -> &'static str {
        match self {
            Self::Memory(_) | Self::NoPlace => "error-models-list",
            Self::NoFolder(_) => "error-models-no-folder",
            Self::NoText(_) => "error-models-no-text",
            Self::Refused { .. } => "error-models-refused",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Memory(_) | Self::NoPlace => Vec::new(),
            Self::NoFolder(path) | Self::NoText(path) | Self::Refused { path, .. } => {
                vec![("folder", path.display().to_string())]
            }
        }
    }
}

/// The user's library.
#[derive(Clone, Debug)]
pub struct UserLibrary {
    /// Where its parts are.
    pub places: Places,
    /// The hub.
    pub hub: Hub,
    /// Its folders.
    pub folders: Vec<Folder>,
    /// Files that the user does not want to see.
    pub forgotten: Vec<PathBuf>,
}

impl UserLibrary {
    /// The user's own.
    ///
    /// # Errors
    /// If what is remembered cannot be read.
    pub fn of_user() -> Result<Self, ListError> {
        Self::read(Places::of_user(), Hub::of_user())
    }

    /// As it is remembered.
    ///
    /// # Errors
    /// If what is remembered cannot be read.
    pub fn read(places: Places, hub: Hub) -> Result<Self, ListError> {
        let memory = places.memory.as_deref().map(preferences::read_memory).transpose();
        let memory = memory.map_err(ListError::Memory)?.unwrap_or_default();
        let paths = |texts: &[String]| texts.iter().map(PathBuf::from).collect::<Vec<_>>();
        let folders = folders(&places, &paths(&memory.models_folders), &hub);
        Ok(Self { places, hub, folders, forgotten: paths(&memory.models_forgotten) })
    }

    /// The folders that need not be remembered.
    pub fn without_memory(places: Places, hub: Hub) -> Self {
        let folders = folders(&places, &[], &hub);
        Self { places, hub, folders, forgotten: Vec::new() }
    }

    /// Everything in it; `None` if `go_on` ends it.
    pub fn scan(&self, index: &mut Index, go_on: &mut dyn FnMut() -> bool) -> Option<Vec<Entry>> {
        let hashes = self.places.previews.as_deref();
        scan(&Scan { folders: &self.folders, forgotten: &self.forgotten, hashes }, index, go_on)
    }

    /// Everything in it, for a program that lists it once.
    pub fn entries(&self) -> Vec<Entry> {
        let mut index = Index::read(self.places.models_index.clone());
        self.scan(&mut index, &mut || true).unwrap_or_default()
    }

    /// Adds a folder, if it is not here already; returns it as it is remembered.
    ///
    /// # Errors
    /// If it cannot be listed or remembered.
    pub fn add_folder(&self, path: &Path) -> Result<PathBuf, ListError> {
        let path = absolute(path);
        if !path.is_dir() {
            return Err(ListError::NoFolder(path));
        }
        if let Err(error) = std::fs::read_dir(&path) {
            return Err(ListError::Refused { path, cause: error.to_string() });
        }
        let text = text(&path)?;
        if self.folders.iter().all(|folder| folder.path != path) {
            self.change(|memory| {
                if !memory.models_folders.contains(&text) {
                    memory.models_folders.push(text);
                }
            })?;
        }
        Ok(path)
    }

    /// Takes a folder out of the list; its files stay where they are.
    ///
    /// # Errors
    /// If the list cannot be written.
    pub fn remove_folder(&self, path: &Path) -> Result<(), ListError> {
        self.change(|memory| memory.models_folders.retain(|known| Path::new(known) != path))
    }

    /// Leaves a file out of the library.
    ///
    /// # Errors
    /// If its path is no text, or the list cannot be written.
    pub fn forget(&self, path: &Path) -> Result<(), ListError> {
        let text = text(path)?;
        self.change(|memory| memory.models_forgotten.push(text))
    }

    /// A file that was left out belongs to the library again; whether it was left out.
    ///
    /// # Errors
    /// If the list cannot be written.
    pub fn show_again(&self, path: &Path) -> Result<bool, ListError> {
        let is_forgotten = self.forgotten.iter().any(|known| known == path);
        if is_forgotten {
            self.change(|memory| memory.models_forgotten.retain(|known| Path::new(known) != path))?;
        }
        Ok(is_forgotten)
    }

    fn change(&self, change: impl FnOnce(&mut Memory)) -> Result<(), ListError> {
        let file = self.places.memory.as_deref().ok_or(ListError::NoPlace)?;
        preferences::change_memory(file, change).map_err(ListError::Memory)
    }
}

fn text(path: &Path) -> Result<String, ListError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ListError::NoText(path.to_owned()))
}

/// A path as it is remembered and compared.
pub fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Without a slash at the end.
    path.components().collect()
}

#[cfg(test)]
mod tests {
    use super::super::folders::FolderOrigin;
    use super::*;

    #[test]
    fn folders_are_added_once_and_taken_away() {
        let root = tempfile::tempdir().unwrap();
        let library = || UserLibrary::read(Places::within(root.path()), Hub::default()).unwrap();
        let added = root.path().join("more");
        std::fs::create_dir(&added).unwrap();
        // Two that were read before either wrote.
        let (first, second) = (library(), library());
        assert_eq!(first.add_folder(&added.join("")).unwrap(), added);
        second.add_folder(&added).unwrap();
        let folders: Vec<FolderOrigin> = library().folders.iter().map(|folder| folder.origin).collect();
        assert_eq!(folders, [FolderOrigin::Own, FolderOrigin::Added]);
        library().remove_folder(&added).unwrap();
        assert_eq!(library().folders.len(), 1);
        let file = root.path().join("a.txt");
        std::fs::write(&file, "").unwrap();
        assert_eq!(library().add_folder(&file), Err(ListError::NoFolder(file.clone())));
        library().forget(&file).unwrap();
        assert_eq!(library().forgotten, std::slice::from_ref(&file));
        assert_eq!((library().show_again(&file), library().show_again(&file)), (Ok(true), Ok(false)));
    }
}
