//! A repository in the hub's cache, in the layout that `hf-hub` and `huggingface_hub` share.
//!
//! `blobs` holds contents by their tags, `snapshots/COMMIT` the files of a commit as links to them, and
//! `refs/REVISION` the commit that a name means.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::Checkpoint;

/// A repository in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    folder: PathBuf,
    revision: String,
    commit: Option<String>,
}

impl Repository {
    /// The repository `owner/name` at a branch, tag or commit.
    pub fn new(cache: &Path, repository: &str, revision: &str) -> Self {
        let folder = cache.join(format!("models--{}", repository.replace('/', "--")));
        let told = fs::read_to_string(folder.join("refs").join(revision)).ok();
        let told = told.map(|commit| commit.trim().to_owned());
        let commit = told.or_else(|| Some(revision.to_owned())).filter(|commit| is_plain(commit));
        Self { folder, revision: revision.to_owned(), commit }
    }

    /// The same at a commit.
    #[must_use]
    pub fn at(self, commit: &str) -> Self {
        Self { commit: Some(commit.to_owned()).filter(|commit| is_plain(commit)), ..self }
    }

    /// The folder of its commit.
    pub fn snapshot(&self) -> Option<PathBuf> {
        self.commit.as_ref().map(|commit| self.folder.join("snapshots").join(commit))
    }

    /// A file that is here, or the whole as a diffusers folder.
    pub fn find(&self, file: Option<&str>) -> Option<PathBuf> {
        let snapshot = self.snapshot()?;
        match file {
            Some(file) => Some(snapshot.join(file)).filter(|path| path.is_file()),
            None => Some(snapshot)
                .filter(|path| path.join("model_index.json").is_file() && Checkpoint::open(path).is_ok()),
        }
    }

    /// Where the content of a tag lies; `None` for a tag that is no plain word.
    pub fn blob(&self, tag: &str) -> Option<PathBuf> {
        is_plain(tag).then(|| self.folder.join("blobs").join(tag))
    }

    /// Gives a content its name in the commit.
    ///
    /// # Errors
    /// What the file system says.
    pub fn link(&self, blob: &Path, file: &str) -> io::Result<PathBuf> {
        let snapshot = self.snapshot().ok_or(io::ErrorKind::InvalidInput)?;
        let path = snapshot.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&snapshot))?;
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path)?;
        }
        // From the snapshot's folder, and one further up for each folder in the file's path.
        let up = "../".repeat(2 + file.matches('/').count());
        let name = blob.file_name().unwrap_or_default().to_string_lossy();
        symlink(Path::new(&format!("{up}blobs/{name}")), &path)
            .or_else(|_| fs::hard_link(blob, &path))
            .or_else(|_| fs::copy(blob, &path).map(drop))?;
        Ok(path)
    }

    /// Notes which commit the revision means.
    ///
    /// # Errors
    /// What the file system says.
    pub fn note_commit(&self) -> io::Result<()> {
        let Some(commit) = self.commit.as_ref().filter(|commit| **commit != self.revision) else {
            return Ok(());
        };
        let path = self.folder.join("refs").join(&self.revision);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        fs::write(path, commit)
    }
}

/// A word that leads nowhere else.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with('.')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    // Links need a permission that few users have.
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_branch_and_written_as_others_expect_it() {
        let cache = tempfile::tempdir().unwrap();
        let empty = Repository::new(cache.path(), "o/n", "main");
        assert_eq!(empty.find(Some("a/b.ckpt")), None);
        let repository = empty.at("c0ffee");
        let blob = repository.blob("0123").unwrap();
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, b"content").unwrap();
        repository.link(&blob, "a/b.ckpt").unwrap();
        // A second time it takes the first one's place.
        let path = repository.link(&blob, "a/b.ckpt").unwrap();
        repository.note_commit().unwrap();
        let root = cache.path().join("models--o--n");
        assert_eq!(path, root.join("snapshots/c0ffee/a/b.ckpt"));
        assert_eq!(fs::read_to_string(root.join("refs/main")).unwrap(), "c0ffee");
        let found = Repository::new(cache.path(), "o/n", "main").find(Some("a/b.ckpt")).unwrap();
        assert_eq!(fs::read(&found).unwrap(), b"content");
        #[cfg(unix)]
        assert_eq!(fs::read_link(&found).unwrap(), Path::new("../../../blobs/0123"));
        assert_eq!(Repository::new(cache.path(), "o/n", "main").find(None), None);
        for word in ["", "..", "a/b", ".x"] {
            assert_eq!(repository.blob(word), None, "{word}");
        }
    }
}
