//! The folders of the library: the program's own, those that the user added, and the hub's cache.

use std::path::PathBuf;

use super::hub::Hub;
use crate::places::Places;

/// Why a folder belongs to the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderOrigin {
    /// The program's own, where downloaded models go.
    Own,
    /// The user added it.
    Added,
    /// The cache that programs of the Hugging Face hub share.
    HubCache,
}

/// A folder of the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Why it belongs here.
    pub origin: FolderOrigin,
}

/// The folders in the order in which they are looked at.
pub fn folders(places: &Places, added: &[PathBuf], hub: &Hub) -> Vec<Folder> {
    let own = places.models.iter().map(|path| (path.clone(), FolderOrigin::Own));
    let added = added.iter().map(|path| (path.clone(), FolderOrigin::Added));
    let cache = hub.cache.iter().map(|path| (path.clone(), FolderOrigin::HubCache));
    let mut folders: Vec<Folder> = Vec::new();
    for (path, origin) in own.chain(added).chain(cache) {
        if folders.iter().all(|known| known.path != path) {
            folders.push(Folder { path, origin });
        }
    }
    folders
}
