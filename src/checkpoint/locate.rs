//! Which file or diffusers folder a path means.
//!
//! People name the folder above, a folder of the hub's cache, or the index file. What holds exactly
//! one model stands for it; for a part of a model, the error names the whole.

use std::fs;
use std::path::{Path, PathBuf};

use crate::note::{FileNote, Note};

use super::error::{CheckpointError, Problem};
use super::formats;
use super::kind::Kind;
use super::names::keys::UNET;
use super::tensor::model_file::ModelFile;

const INDEX: &str = "model_index.json";
/// An ending of files of any sort: such a file opens if it is named, but is not searched for.
const VAGUE: &str = "bin";
/// The most files of a folder that are opened.
const MOST_FILES: usize = 200;
/// The most names that an error lists.
const MOST_NAMES: usize = 6;
/// Levels searched: a folder of the hub's cache is three above its model.
const DEEPEST: usize = 4;

/// The file or diffusers folder, and a note if it is not the path that was given.
pub(super) fn locate(path: &Path) -> Result<(PathBuf, Option<Note>), CheckpointError> {
    let found = within(path, DEEPEST)?;
    let above = path.components().count();
    let inner: PathBuf = found.components().skip(above).collect();
    let note = (found.starts_with(path) && !inner.as_os_str().is_empty())
        .then(|| Note::File(FileNote::FoundWithin { found: inner.display().to_string() }));
    Ok((found, note))
}

/// The diffusers folder that a file or folder is a part of.
pub(super) fn whole_of(path: &Path) -> Option<Problem> {
    let part = if path.is_dir() { path } else { path.parent()? };
    let folder = part.parent().filter(|folder| folder.join(INDEX).is_file())?;
    let part = part.file_name()?.to_string_lossy().into_owned();
    Some(Problem::PartOfFolder { part, folder: folder.to_owned() })
}

fn within(path: &Path, depth: usize) -> Result<PathBuf, CheckpointError> {
    if !path.is_dir() {
        let is_index = path.file_name().is_some_and(|name| name == INDEX);
        return Ok(match path.parent() {
            Some(folder) if is_index && path.is_file() => folder.to_owned(),
            _ => path.to_owned(),
        });
    }
    if path.join(INDEX).is_file() {
        return Ok(path.to_owned());
    }
    if path.join("unet").is_dir() && (path.join("vae").is_dir() || path.join("text_encoder").is_dir()) {
        return Err(Problem::MissingFile(INDEX.to_owned()).at(path));
    }
    if let Some(part) = whole_of(path) {
        return Err(part.at(path));
    }
    if depth == 0 {
        return Err(Problem::NoModelInFolder.at(path));
    }
    if let Some(snapshot) = snapshot(path) {
        return within(&snapshot, depth - 1);
    }
    let (folders, files) = candidates(path)?;
    match (folders.as_slice(), files.as_slice()) {
        ([folder], []) => within(folder, depth - 1),
        ([], [file]) => Ok(file.clone()),
        ([], []) => Err(Problem::NoModelInFolder.at(path)),
        _ => {
            let models: Vec<PathBuf> =
                folders.into_iter().chain(files.into_iter().filter(|file| is_whole(file))).collect();
            match models.as_slice() {
                [] => Err(Problem::NoModelInFolder.at(path)),
                [model] => within(model, depth - 1),
                several => {
                    let names = several.iter().take(MOST_NAMES).filter_map(|path| path.file_name());
                    let names = names.map(|name| name.to_string_lossy().into_owned()).collect();
                    Err(Problem::SeveralModels(names).at(path))
                }
            }
        }
    }
}

/// The version in a repository's folder of the hub's cache: the one that `refs/main` names, or the
/// only one.
fn snapshot(repository: &Path) -> Option<PathBuf> {
    let snapshots = repository.join("snapshots");
    let named = fs::read_to_string(repository.join("refs/main")).ok();
    // A plain name, nothing that leads elsewhere.
    let named = named.filter(|name| name.trim().chars().all(|c| c.is_ascii_alphanumeric()));
    let named = named.map(|name| snapshots.join(name.trim())).filter(|folder| folder.is_dir());
    named.or_else(|| {
        let mut folders = fs::read_dir(&snapshots).ok()?.flatten().map(|entry| entry.path());
        let only = folders.find(|path| path.is_dir())?;
        folders.all(|path| !path.is_dir()).then_some(only)
    })
}

/// Folders and files in a folder that may be models, sorted.
fn candidates(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), CheckpointError> {
    let entries = fs::read_dir(folder).map_err(|error| Problem::Unreadable(error.to_string()).at(folder))?;
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_vague = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(VAGUE));
        if path.is_dir() {
            if path.join(INDEX).is_file() || path.join("snapshots").is_dir() {
                folders.push(path);
            }
        } else if formats::has_model_ending(&path) && !is_vague {
            files.push(path);
        }
    }
    folders.sort();
    files.sort();
    files.truncate(MOST_FILES);
    Ok((folders, files))
}

/// Whether a file holds a UNet of v1's kind.
fn is_whole(path: &Path) -> bool {
    let listed = ModelFile::open(path).and_then(|file| formats::list(&file, 0));
    listed.is_ok_and(|listed| {
        Kind::of(&listed.tensors).is_none() && listed.tensors.keys().any(|name| name.starts_with(UNET))
    })
}
