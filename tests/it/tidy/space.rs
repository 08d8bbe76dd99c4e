//! Space: what a clone of the project costs. Every folder has a budget, and so has their sum.
//!
//! Trap: history keeps what was ever committed; a large file that changes costs its size each time.

use std::fs;
use std::path::Path;

use super::{refuse, root};

/// What all tracked files beside the starter may take, in KiB.
const ALL: u64 = 20 << 10;
/// The starter's folder, in KiB; CONTRIBUTING.md says how another model would come in.
const STARTER: (&str, u64) = ("assets/starter", 44 << 10);

/// Folders and what they may take, in KiB. Further folders of `assets` and `tests` are refused.
const FOLDERS: &[(&str, u64)] = &[
    (".ci", 64),
    ("assets/cases", 1232),
    ("assets/config", 16),
    ("assets/fonts", 448),
    ("assets/icons", 96),
    ("assets/models", 8),
    ("assets/readme", 1952),
    ("assets/tokenizer", 544),
    ("assets/words", 128),
    ("benches", 64),
    ("src", 4288),
    ("tests/golden", 2304),
    ("tests/it", 832),
    ("tests/snapshots", 7680),
    ("tools", 224),
];

/// Files at the top (`Cargo.lock` is the largest), in KiB.
const TOP: u64 = 512;

/// Single files and what they may take, in KiB.
const FILES: &[(&str, u64)] = &[("assets/readme/window.gif", 1 << 10)];

/// Endings of files that lie beside tracked ones and are not tracked (`.gitignore`, Python).
const UNTRACKED: &[&str] = &[".new.png", ".diff.png", ".old.png", ".pyc"];

/// Bytes of a file, or of all files below a folder.
fn bytes(path: &Path) -> u64 {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().map(|entry| bytes(&entry.unwrap().path())).sum();
    }
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    if UNTRACKED.iter().any(|ending| name.ends_with(ending)) { 0 } else { fs::metadata(path).unwrap().len() }
}

/// What is larger than it may be.
fn faults<'a>(root: &Path, budgets: impl IntoIterator<Item = &'a (&'a str, u64)>) -> Vec<String> {
    let over = |(name, most): &(&str, u64)| {
        let found = bytes(&root.join(name));
        (found > most << 10).then(|| format!("{name} takes {found} bytes, more than {most} KiB"))
    };
    budgets.into_iter().filter_map(over).collect()
}

#[test]
fn every_folder_keeps_its_budget() {
    let planned: u64 = FOLDERS.iter().map(|(_, most)| most).sum::<u64>() + TOP;
    assert!(planned <= ALL, "the budgets add up to {planned} KiB");
    let mut found = faults(&root(), FOLDERS.iter().chain(FILES).chain([&STARTER]));
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let top: u64 = top.filter(|path| path.is_file()).map(|path| bytes(&path)).sum();
    found.extend((top > TOP << 10).then(|| format!("the files at the top take {top} bytes")));
    refuse(&found);
}

#[test]
fn no_folder_is_without_a_budget() {
    let mut found = Vec::new();
    for parent in ["assets", "tests"] {
        for entry in fs::read_dir(root().join(parent)).unwrap() {
            let name = format!("{parent}/{}", entry.unwrap().file_name().to_string_lossy());
            let known = FOLDERS.iter().chain([&STARTER]).any(|(folder, _)| *folder == name);
            found.extend((!known).then(|| format!("{name} has no budget")));
        }
    }
    refuse(&found);
}

#[test]
fn a_folder_that_has_grown_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("assets/readme");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("a.png"), vec![0; 1000]).unwrap();
    fs::write(inner.join("a.new.png"), vec![0; 9000]).unwrap();
    assert_eq!(faults(folder.path(), &[("assets/readme", 1)]), Vec::<String>::new());
    fs::write(inner.join("b.png"), vec![0; 25]).unwrap();
    assert_eq!(
        faults(folder.path(), &[("assets/readme", 1)]),
        ["assets/readme takes 1025 bytes, more than 1 KiB"]
    );
}
