//! `scan`: all entries of the library's folders.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::folders::Folder;
use super::index::{Index, Mark};
use super::look::look;
use super::walk::{Found, walk};
use crate::hashes::{self, KeptHashes};

/// How folders are scanned.
pub struct Scan<'a> {
    /// The folders.
    pub folders: &'a [Folder],
    /// Files that the user does not want to see.
    pub forgotten: &'a [PathBuf],
    /// The folder of kept hashes.
    pub hashes: Option<&'a Path>,
}

/// All entries, by sort and then name. Calls `go_on` before each file; `None` if it returns false.
pub fn scan(scan: &Scan<'_>, index: &mut Index, go_on: &mut dyn FnMut() -> bool) -> Option<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    // The same file, found twice through links, is one.
    let mut real: HashSet<PathBuf> = HashSet::new();
    let mut there: HashSet<PathBuf> = HashSet::new();
    let kept = scan.hashes.map(KeptHashes::read);
    for folder in scan.folders {
        for found in walk(&folder.path) {
            if !go_on() {
                return None;
            }
            let known = fs::canonicalize(&found.path).map_or(true, |path| !real.insert(path));
            if known || scan.forgotten.contains(&found.path) {
                continue;
            }
            there.insert(found.path.clone());
            entries.extend(entry(found, &folder.path, kept.as_ref(), index));
        }
    }
    index.write(|path| there.contains(path));
    entries.sort_by_cached_key(|entry| (entry.sort(), entry.name().to_lowercase(), entry.path.clone()));
    Some(entries)
}

fn entry(found: Found, folder: &Path, kept: Option<&KeptHashes>, index: &mut Index) -> Option<Entry> {
    let Found { path, repository } = found;
    let mark = mark(&path)?;
    let facts = match index.find(&path, mark) {
        Some(facts) => facts.clone(),
        None => {
            let facts = look(&path)?;
            index.keep(&path, mark, facts.clone());
            facts
        }
    };
    let sha256 = kept.and_then(|kept| kept.find(&facts.hashed_file));
    Some(Entry { path, folder: folder.to_owned(), repository, bytes: mark.bytes, facts, sha256 })
}

/// The state of a file, or of a folder's weights.
fn mark(path: &Path) -> Option<Mark> {
    let metadata = fs::metadata(path).ok()?;
    if metadata.is_file() {
        return Some(of_file(&metadata));
    }
    let parts = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
    let files = parts.flat_map(|part| match part.is_dir() {
        true => fs::read_dir(part).into_iter().flatten().flatten().map(|entry| entry.path()).collect(),
        false => vec![part],
    });
    let marks = files.filter_map(|file| Some(of_file(&fs::metadata(file).ok().filter(Metadata::is_file)?)));
    Some(marks.fold(Mark { bytes: 0, modified: 0 }, |sum, file| Mark {
        bytes: sum.bytes + file.bytes,
        modified: sum.modified.max(file.modified),
    }))
}

fn of_file(metadata: &Metadata) -> Mark {
    Mark { bytes: metadata.len(), modified: hashes::modified(metadata).unwrap_or_default() }
}

impl Entry {
    /// Finds out the entry's SHA-256, if it is not known; `None` if `go_on` ends it or the file is gone.
    pub fn find_hash(&mut self, cache: Option<&Path>, go_on: &mut dyn FnMut() -> bool) -> Option<&str> {
        if self.sha256.is_none() {
            self.sha256 = find_hash(&self.facts.hashed_file, cache, go_on);
        }
        self.sha256.as_deref()
    }
}

/// The SHA-256 of an entry's hashed file, kept in the folder `cache`; `None` if `go_on` ends it or the file is gone.
pub fn find_hash(file: &Path, cache: Option<&Path>, go_on: &mut dyn FnMut() -> bool) -> Option<String> {
    hashes::sha256(file, cache, go_on).ok()?
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::{Dtype, TensorView, serialize};

    use super::super::entry::Sort;
    use super::super::folders::FolderOrigin;
    use super::*;

    fn write(path: &Path, name: &str, metadata: &[(&str, &str)]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let tensor = TensorView::new(Dtype::F16, vec![1], &[0, 0]).unwrap();
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        fs::write(path, serialize([(name, tensor)], Some(metadata)).unwrap()).unwrap();
    }

    fn all(folder: &Path, index: &mut Index, hashes: Option<&Path>) -> Vec<Entry> {
        let folders = [Folder { path: folder.to_owned(), origin: FolderOrigin::Added }];
        scan(&Scan { folders: &folders, forgotten: &[], hashes }, index, &mut || true).unwrap()
    }

    #[test]
    fn headers_tell_what_files_are_and_are_read_once() {
        let root = tempfile::tempdir().unwrap();
        let (folder, cache) = (root.path().join("m"), root.path().join("cache/models.json"));
        write(&folder.join("a.safetensors"), "model.diffusion_model.out.2.weight", &[]);
        write(&folder.join("b.sft"), "lora_unet_x.alpha", &[("modelspec.license", "MIT")]);
        write(&folder.join("c.safetensors"), "first_stage_model.decoder.conv_in.weight", &[]);
        fs::write(folder.join("d.ckpt"), b"<html></html>").unwrap();
        fs::write(folder.join("README.md"), "---\nlicense: openrail\n---\n").unwrap();
        let mut index = Index::read(Some(cache.clone()));
        let entries = all(&folder, &mut index, Some(root.path()));
        let told: Vec<(Sort, String, Option<&str>)> =
            entries.iter().map(|it| (it.sort(), it.name(), it.facts.license.as_deref())).collect();
        let openrail = Some("openrail");
        assert_eq!(
            told,
            [
                (Sort::Model, "a".to_owned(), openrail),
                (Sort::Lora, "b".to_owned(), Some("MIT")),
                (Sort::Vae, "c".to_owned(), openrail),
                (Sort::Other, "d".to_owned(), None)
            ]
        );
        assert_eq!(entries[0].facts.dtype.as_deref(), Some("F16"));
        assert!(entries[3].facts.detail.contains("web page"), "{:?}", entries[3]);
        // What the list holds counts, until the file changes.
        let text = fs::read_to_string(&cache).unwrap();
        fs::write(&cache, text.replace("\"lora\"", "\"vae\"")).unwrap();
        let mut index = Index::read(Some(cache.clone()));
        assert_eq!(all(&folder, &mut index, None)[1].sort(), Sort::Vae);
        write(&folder.join("b.sft"), "lora_unet_longer_name.alpha", &[]);
        assert_eq!(all(&folder, &mut index, None)[1].sort(), Sort::Lora);
        fs::remove_file(folder.join("b.sft")).unwrap();
        assert_eq!(all(&folder, &mut index, None).len(), 3);
        assert!(!fs::read_to_string(&cache).unwrap().contains("b.sft"));
    }

    #[test]
    fn a_hash_is_kept_and_comes_back_with_the_next_scan() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("m");
        write(&folder.join("a.safetensors"), "lora_unet_x.alpha", &[]);
        let mut index = Index::default();
        let mut entry = all(&folder, &mut index, Some(root.path())).remove(0);
        assert_eq!(entry.hash(), None);
        assert_eq!(entry.find_hash(Some(root.path()), &mut || false), None);
        let found = entry.find_hash(Some(root.path()), &mut || true).unwrap().to_owned();
        let again = all(&folder, &mut index, Some(root.path())).remove(0);
        assert_eq!(again.sha256.as_deref(), Some(found.as_str()));
        assert_eq!(again.hash(), Some(&found[..10]));
    }

    #[test]
    fn a_stopped_scan_tells_nothing_and_a_forgotten_file_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("a.safetensors"), "lora_unet_x.alpha", &[]);
        let folders = [Folder { path: root.path().to_owned(), origin: FolderOrigin::Own }];
        let forgotten = [root.path().join("a.safetensors")];
        let mut index = Index::default();
        let asked = |forgotten| Scan { folders: &folders, forgotten, hashes: None };
        assert_eq!(scan(&asked(&[]), &mut index, &mut || false), None);
        assert_eq!(scan(&asked(&forgotten), &mut index, &mut || true), Some(vec![]));
    }
}
