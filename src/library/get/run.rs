//! `carry_out`: fetches what a plan says, and lets it be seen when it is whole.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::hub_cache::Repository;
use super::origins;
use super::plan::{GetError, Getting, Place, Plan, Planned};
use crate::checkpoint::{Checkpoint, Problem, has_model_ending};
use crate::transfer::{Fetch, Part, Progress, TransferError, fetch, probe};

/// What was got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The file or folder.
    pub path: PathBuf,
    /// A single file's SHA-256.
    pub sha256: Option<String>,
}

/// Free bytes where a folder lies, or will lie.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|above| above.is_dir())?;
    fs4::available_space(there).ok()
}

/// Told the progress of the whole; what breaks it is paused and goes on with the next call.
pub type Tell<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Fetches what the plan says.
///
/// # Errors
/// As the transfer, and if the disk refuses. What is here stays for the next call.
pub fn carry_out(plan: &Plan, getting: &Getting<'_>, tell: Tell<'_>) -> Result<Got, GetError> {
    if let Some(path) = &plan.here {
        return Ok(Got { path: path.clone(), sha256: None });
    }
    let mut running = Running { getting, total: plan.bytes(), before: 0, tell };
    match &plan.place {
        Place::File(target) => {
            let [file] = plan.files.as_slice() else { return Err(GetError::NoFolder) };
            let (path, sha256) = running.fetch(file, target)?;
            if let Some(cache) = getting.hashes {
                origins::keep(cache, &file.source, &sha256);
            }
            Ok(Got { path, sha256: Some(sha256) })
        }
        Place::Folder(target) => running.folder(plan, target),
        Place::HubCache { repository, is_folder } => running.cache(plan, repository, *is_folder),
    }
}

struct Running<'a> {
    getting: &'a Getting<'a>,
    /// Bytes of all files, where that is known.
    total: Option<u64>,
    /// Bytes of the files that are done.
    before: u64,
    tell: Tell<'a>,
}

impl Running<'_> {
    fn fetch(&mut self, file: &Planned, target: &Path) -> Result<(PathBuf, String), GetError> {
        let (before, total) = (self.before, self.total);
        let tell = &mut self.tell;
        let mut of_all = |progress: Progress| {
            tell(Progress { done: before + progress.done, total: total.or(progress.total), ..progress })
        };
        let mut how = Fetch {
            http: self.getting.http,
            pace: self.getting.pace,
            free: &free_bytes,
            tell: &mut of_all,
            check: if has_model_ending(Path::new(&file.path)) { &has_headers } else { &|_| Ok(()) },
        };
        let found = fetch(&file.source, target, &mut how)?;
        self.before += fs::metadata(&found.0).map_or(0, |metadata| metadata.len());
        Ok(found)
    }

    /// A folder takes its name when all its files are there.
    fn folder(&mut self, plan: &Plan, target: &Path) -> Result<Got, GetError> {
        let commit = plan.files.first().and_then(|file| file.source.known.commit.as_deref());
        let hidden = hidden(plan, target);
        self.check_room(plan, target, |file| hidden.join(&file.path))?;
        for file in &plan.files {
            let inside = hidden.join(&file.path);
            let there = fs::metadata(&inside).ok().map(|metadata| metadata.len());
            match (there, file.source.known.bytes) {
                // Whole files have their names only once they are checked. Without a commit nothing proves that
                // they are of this state.
                (Some(there), known) if commit.is_some() && known.is_none_or(|known| known == there) => {
                    self.before += there;
                    continue;
                }
                (Some(_), _) => fs::remove_file(&inside).map_err(|error| not_writable(&inside, &error))?,
                (None, _) => {}
            }
            self.fetch(file, &inside)?;
        }
        if let Err(error) = has_headers(&hidden) {
            // Files that make no model together would be found whole the next time, and make none again.
            if matches!(error, TransferError::OtherFile { .. })
                && let Err(error) = fs::remove_dir_all(&hidden)
            {
                log::warn!("what is no model was left at {}: {error}", hidden.display());
            }
            return Err(error.into());
        }
        let path = free_folder(target);
        fs::rename(&hidden, &path).map_err(|error| not_writable(&path, &error))?;
        Ok(Got { path, sha256: None })
    }

    fn cache(&mut self, plan: &Plan, repository: &Repository, is_folder: bool) -> Result<Got, GetError> {
        let folder = repository.snapshot().ok_or(GetError::NoFolder)?;
        self.check_room(plan, &folder, |file| {
            // A large file's tag is its hash.
            let blob = || repository.blob(file.source.known.sha256.as_deref()?);
            repository.find(Some(&file.path)).or_else(blob).unwrap_or_else(|| folder.join(&file.path))
        })?;
        let mut last = None;
        for file in &plan.files {
            if let Some(there) = repository.find(Some(&file.path)) {
                self.before += fs::metadata(&there).map_or(0, |metadata| metadata.len());
                last = Some((there, None));
                continue;
            }
            let (before, total, tell) = (self.before, self.total, &mut self.tell);
            let mut go_on = || tell(Progress { done: before, total, speed: None });
            let remote = probe(self.getting.http, &file.source.address, self.getting.pace, &mut go_on)?;
            let tag = remote.tag.as_deref().or(remote.sha256.as_deref());
            let blob = tag.and_then(|tag| repository.blob(tag)).ok_or_else(|| TransferError::OtherFile {
                found: "an answer that does not tell the file's version".to_owned(),
            })?;
            let sha256 = match blob.is_file() {
                true => None,
                false => {
                    let (path, sha256) = self.fetch(file, &blob)?;
                    if path != blob {
                        // Another program was faster with the same content.
                        fs::remove_file(&path).map_err(|error| not_writable(&path, &error))?;
                    }
                    Some(sha256)
                }
            };
            let path = repository.link(&blob, &file.path).map_err(|error| not_writable(&blob, &error))?;
            last = Some((path, sha256));
        }
        repository.note_commit().map_err(|error| not_writable(Path::new("refs"), &error))?;
        let (path, sha256) = last.ok_or(GetError::NoFolder)?;
        match repository.snapshot().filter(|_| is_folder) {
            Some(path) => Ok(Got { path, sha256: None }),
            None => Ok(Got { path, sha256 }),
        }
    }

    /// Whether all that is still to come has room; each file is checked again when it begins.
    fn check_room(
        &self,
        plan: &Plan,
        folder: &Path,
        inside: impl Fn(&Planned) -> PathBuf,
    ) -> Result<(), GetError> {
        let to_come = plan.files.iter().filter(|file| !inside(file).is_file());
        let needed = to_come.filter_map(|file| {
            let Planned { source, .. } = file;
            let part = Part::path(&inside(file), &source.address, &source.known);
            let begun = fs::metadata(part).map_or(0, |metadata| metadata.len());
            Some(source.known.bytes?.saturating_sub(begun))
        });
        let needed: u64 = needed.sum();
        match free_bytes(folder) {
            Some(free) if free < needed => Err(TransferError::NoRoom {
                needed: format!("{:.0} MB", needed as f64 / 1e6),
                free: format!("{:.0} MB", free as f64 / 1e6),
                folder: folder.to_owned(),
            }
            .into()),
            _ => Ok(()),
        }
    }
}

/// Where a folder's files lie until all are there.
fn hidden(plan: &Plan, target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let commit = plan.files.first().and_then(|file| file.source.known.commit.as_deref());
    let short: String = commit.unwrap_or_default().chars().take(8).collect();
    target.with_file_name(format!(".{name}.{short}.part"))
}

impl Plan {
    /// Where what is half-written lies, for [`give_up`]: files without the ending that marks them, or the hidden
    /// folder.
    pub fn under_way(&self) -> Vec<PathBuf> {
        match &self.place {
            Place::File(target) => vec![target.clone()],
            Place::Folder(target) => vec![hidden(self, target)],
            Place::HubCache { repository, .. } => {
                let tags = self.files.iter().filter_map(|file| file.source.known.sha256.as_deref());
                tags.filter_map(|tag| repository.blob(tag)).collect()
            }
        }
    }
}

/// Removes what is half-written of a plan that will not be gone on with; whole files stay.
///
/// # Errors
/// If the disk refuses.
pub fn give_up(under_way: &[PathBuf]) -> Result<(), GetError> {
    for path in under_way {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_hidden = name.starts_with('.') && name.ends_with(".part");
        let removed = if is_hidden && path.is_dir() { fs::remove_dir_all(path) } else { Part::discard(path) };
        removed.map_err(|error| not_writable(path, &error))?;
    }
    Ok(())
}

/// Whether the file holds weights, by its headers; a web page or an archive is none. What the system does not
/// let us read says nothing of the file.
fn has_headers(path: &Path) -> Result<(), TransferError> {
    Checkpoint::open(path).map(drop).map_err(|error| {
        let cause = error.problem.to_string();
        match error.problem {
            Problem::Unreadable(_) | Problem::Missing | Problem::Changed | Problem::OutOfMemory(_) => {
                TransferError::Unread { part: path.to_owned(), cause }
            }
            _ => TransferError::OtherFile { found: cause },
        }
    })
}

/// The name itself, or with a number where something has it.
fn free_folder(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let numbered = (2..1000).map(|number| target.with_file_name(format!("{name}-{number}")));
    let mut names = std::iter::once(target.to_owned()).chain(numbered);
    names.find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| target.to_owned())
}

fn not_writable(path: &Path, error: &std::io::Error) -> GetError {
    GetError::NotWritable { path: path.to_owned(), cause: error.to_string() }
}
