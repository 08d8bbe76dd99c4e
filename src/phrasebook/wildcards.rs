//! Lists in a folder: every `.txt` file there and below is one, called by its path without the ending.
//!
//! Everything is bounded, so that a folder of something else costs little: what is beyond is left out, and logged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::grammar::dynamic::Lists;

/// Folders in folders, at most.
const DEPTH_MAX: usize = 8;
/// Files, at most.
const FILES_MAX: usize = 20_000;
/// Bytes of all files, at most.
const BYTES_MAX: u64 = 64 << 20;

/// A file by its path, size and time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Found {
    /// A file, if there is one.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Self { path: path.to_owned(), bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// The files of lists in a folder, in the order of their paths.
pub(super) fn found(folder: &Path) -> Vec<Found> {
    let (mut files, mut folders) = (Vec::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            if hidden || files.len() == FILES_MAX {
                continue;
            }
            if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("txt")) {
                files.extend(Found::of(&path));
            } else if depth < DEPTH_MAX && path.is_dir() {
                folders.push((path, depth + 1));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Reads the lists of a folder.
pub fn read_lists(folder: &Path) -> Lists {
    read_found(folder, &found(folder))
}

pub(super) fn read_found(folder: &Path, files: &[Found]) -> Lists {
    let mut lists = Lists::new(folder.display().to_string());
    let mut bytes = 0;
    for file in files {
        bytes += file.bytes;
        if bytes > BYTES_MAX {
            log::warn!(
                "the lists in {} are larger than {BYTES_MAX} bytes; the rest is left out",
                lists.folder
            );
            break;
        }
        let name = file.path.strip_prefix(folder).unwrap_or(&file.path).with_extension("");
        match fs::read(&file.path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                lists.add(&name.to_string_lossy(), text.strip_prefix('\u{feff}').unwrap_or(&text));
            }
            Err(error) => log::warn!("the list {} cannot be read: {error}", file.path.display()),
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_the_texts_of_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("animal.txt", "\u{feff}fox\nowl\n".as_bytes());
        write("colors/warm.TXT", b"red\xff\n");
        write("notes.md", b"no");
        write(".git/x.txt", b"no");
        let lists = read_lists(home.path());
        assert_eq!(lists.names().collect::<Vec<_>>(), ["animal", "colors/warm"]);
        assert_eq!(lists.entries("animal").unwrap()[0].text, "fox");
        assert_eq!(lists.folder, home.path().display().to_string());
        assert_eq!(read_lists(Path::new("/nowhere/at/all")).names().count(), 0);
    }
}
