//! `models remove`: forgets a folder or a file, or moves a file to the trash.
//!
//! Trap: what lies in the hub's cache is shared with other programs, so it is never deleted here, nor where
//! the cache or a part of it was added as a folder or lies behind a link.

use std::path::Path;

use serde_json::json;

use super::{Remove, failure, say};
use crate::cli::Failure;
use crate::cli::develop::say_json;
use crate::cli::library::user_library;
use crate::library::{Entry, FolderOrigin, Hub, Sort, UserLibrary, absolute, find};

/// The beginning of a repository's folder in a cache of the hub.
const REPOSITORY: &str = "models--";

/// Removes what is named.
pub(super) fn run(asked: &Remove) -> Result<(), Failure> {
    let library = user_library()?;
    let path = absolute(&asked.name);
    let is_folder = library.folders.iter().any(|it| it.path == path && it.origin == FolderOrigin::Added);
    let removed = match (is_folder, asked.delete) {
        (true, true) => {
            return Err(Failure::Input(format!(
                "expected a model with --delete, found a folder of the library; leave --delete out to forget it: {}",
                path.display()
            )));
        }
        (true, false) => {
            library.remove_folder(&path).map_err(failure)?;
            path
        }
        (false, delete) => {
            let entry = entry(&library, &asked.name, &path)?;
            if delete {
                self::delete(&entry)?
            } else {
                library.forget(&entry.path).map_err(failure)?
            }
            entry.path
        }
    };
    let text = removed.display().to_string();
    if asked.json.json {
        say_json(&json!({ "removed": text, "deleted": asked.delete }));
    } else {
        say(&text);
    }
    Ok(())
}

/// The entry of this path or name.
fn entry(library: &UserLibrary, name: &Path, path: &Path) -> Result<Entry, Failure> {
    let entries = library.entries();
    if let Some(entry) = entries.iter().find(|entry| entry.path == path) {
        return Ok(entry.clone());
    }
    let found = find(&entries, &name.to_string_lossy(), &Sort::ALL);
    found.cloned().map_err(|error| Failure::Input(error.to_string()))
}

/// Whether other programs share it: it lies in the hub's cache, or in a repository as a cache holds it.
fn is_shared(entry: &Entry) -> bool {
    let cache = Hub::of_user().cache;
    let is_cached = |path: &Path| {
        let mut parts = path.components();
        parts.any(|part| part.as_os_str().to_string_lossy().starts_with(REPOSITORY))
            || cache.as_ref().is_some_and(|cache| path.starts_with(cache))
    };
    // The folder where a link leads; a file that is itself a link is the user's own.
    let real = entry.path.parent().and_then(|folder| folder.canonicalize().ok());
    entry.repository.is_some() || is_cached(&entry.path) || real.is_some_and(|folder| is_cached(&folder))
}

fn delete(entry: &Entry) -> Result<(), Failure> {
    if is_shared(entry) {
        return Err(Failure::Input(format!(
            "expected a file of your own with --delete, found one of the Hugging Face cache, which other programs \
             share; delete it there, or leave --delete out to forget it: {}",
            entry.path.display()
        )));
    }
    trash(&entry.path).map_err(|cause| {
        Failure::Input(format!(
            "expected a file that can be moved to the trash, found that it cannot ({cause}); see to {}",
            entry.path.display()
        ))
    })
}

#[cfg(feature = "window")]
fn trash(path: &Path) -> Result<(), String> {
    crate::gallery::system_trash()(path)
}

#[cfg(not(feature = "window"))]
fn trash(_: &Path) -> Result<(), String> {
    Err("this build knows no trash".to_owned())
}
