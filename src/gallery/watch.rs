//! The thread that reads the folder and keeps looking: every two seconds a cheap comparison of
//! names, times and lengths, since network drives send no notices of change.
//!
//! While nobody looks at the window it does not look at the folder either.
//!
//! Trap: a file may be caught while another program writes it. It is read as it is, and again when
//! its time or length changes, so nothing needs to be waited for.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{Record, Wake};

/// How often the folder is looked at.
const PAUSE: Duration = Duration::from_secs(2);
/// While the newest file is younger than this, it may still be growing, which a folder's time does
/// not tell.
const RESTLESS: Duration = Duration::from_secs(10);
/// Even a folder whose time has not changed is listed every so many looks.
const LIST_EVERY: u32 = 15;
/// Names in a folder that are looked at, and pictures that are kept: the newest.
const MOST_NAMES: usize = 200_000;
const MOST_PICTURES: usize = 20_000;
/// Records in one message.
const BATCH: usize = 64;
/// Messages that may wait unread; then the thread waits.
const MESSAGES: usize = 64;
/// Questions that may wait.
const QUESTIONS: usize = 256;

/// What the thread saw.
#[derive(Debug)]
pub(super) enum Seen {
    /// New or changed pictures.
    Added(Vec<Arc<Record>>),
    /// Pictures that are there no more.
    Removed(Vec<PathBuf>),
    /// The folder has been read to its end for the first time.
    Scanned,
    /// A sentence for the person.
    Trouble(String),
}

/// What the thread is asked.
enum Question {
    /// Read this file now.
    File(PathBuf),
    /// Look for changes every so often, or rest.
    Watch(bool),
}

/// The front end's side of the thread; it ends when this is dropped.
pub(super) struct Watch {
    questions: Sender<Question>,
    seen: Receiver<Seen>,
}

impl Watch {
    pub(super) fn start(folder: PathBuf, wake: Wake) -> Self {
        let (questions, asked) = bounded(QUESTIONS);
        let (sender, seen) = bounded(MESSAGES);
        let watcher = Watcher {
            folder,
            asked,
            seen: sender,
            wake,
            known: HashMap::new(),
            folder_time: None,
            looks: 0,
            watched: true,
            trouble: false,
        };
        let started = thread::Builder::new().name("gallery".into()).spawn(move || watcher.run());
        if let Err(error) = started {
            log::error!("the gallery's thread could not start: {error}");
        }
        Self { questions, seen }
    }

    pub(super) fn next(&self) -> Option<Seen> {
        self.seen.try_recv().ok()
    }

    pub(super) fn look_at(&self, path: PathBuf) {
        // If too many wait already, the next look finds the file anyhow.
        self.questions.try_send(Question::File(path)).ok();
    }

    pub(super) fn set(&self, watched: bool) {
        // Full only if the thread hangs in a slow folder, and then it cannot rest anyhow.
        self.questions.try_send(Question::Watch(watched)).ok();
    }
}

/// A file's time and length: while both are the same, so is the file.
type Mark = (SystemTime, u64);

struct Watcher {
    folder: PathBuf,
    asked: Receiver<Question>,
    seen: Sender<Seen>,
    wake: Wake,
    /// Every file that was read, pictures or not.
    known: HashMap<PathBuf, Mark>,
    folder_time: Option<SystemTime>,
    looks: u32,
    watched: bool,
    /// Whether the person has been told that the folder cannot be read.
    trouble: bool,
}

/// The front end is gone.
struct Gone;

impl Watcher {
    fn run(mut self) {
        let Err(Gone) = self.run_until_gone();
    }

    fn run_until_gone(&mut self) -> Result<Infallible, Gone> {
        self.look()?;
        self.send(Seen::Scanned)?;
        loop {
            let question = match self.watched {
                true => self.asked.recv_timeout(PAUSE),
                false => self.asked.recv().map_err(Into::into),
            };
            match question {
                Ok(Question::File(path)) => self.look_at(path)?,
                Ok(Question::Watch(watched)) => {
                    let again = watched && !self.watched;
                    self.watched = watched;
                    if again {
                        self.look()?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.look_if_due()?,
                Err(RecvTimeoutError::Disconnected) => return Err(Gone),
            }
        }
    }

    fn send(&self, seen: Seen) -> Result<(), Gone> {
        self.seen.send(seen).map_err(|_| Gone)?;
        (self.wake)();
        Ok(())
    }

    /// Lists the folder unless its time says that nothing can have changed.
    fn look_if_due(&mut self) -> Result<(), Gone> {
        self.looks = self.looks.wrapping_add(1);
        let time = folder_time(&self.folder);
        let newest = self.known.values().map(|(modified, _)| *modified).max();
        let young = |time: SystemTime| time.elapsed().is_ok_and(|age| age < RESTLESS);
        let restless = newest.is_some_and(young) || time.is_some_and(young);
        if time != self.folder_time || restless || self.looks.is_multiple_of(LIST_EVERY) {
            self.look()?;
        }
        Ok(())
    }

    /// Lists the folder and reads what is new, newest first.
    fn look(&mut self) -> Result<(), Gone> {
        let time = folder_time(&self.folder);
        let found = match list(&self.folder) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                if !std::mem::replace(&mut self.trouble, true) {
                    let folder = self.folder.display();
                    self.send(Seen::Trouble(format!("the pictures in {folder} cannot be read: {error}")))?;
                }
                return Ok(());
            }
        };
        self.trouble = false;
        self.folder_time = time;
        let there: HashMap<&PathBuf, Mark> = found.iter().map(|(path, at)| (path, mark(at))).collect();
        let removed: Vec<PathBuf> =
            self.known.keys().filter(|path| !there.contains_key(path)).cloned().collect();
        if !removed.is_empty() {
            self.known.retain(|path, _| there.contains_key(path));
            self.send(Seen::Removed(removed))?;
        }
        let mut batch = Vec::new();
        for (path, metadata) in &found {
            batch.extend(self.read(path, metadata));
            if batch.len() == BATCH {
                self.send(Seen::Added(std::mem::take(&mut batch)))?;
            }
        }
        if batch.is_empty() { Ok(()) } else { self.send(Seen::Added(batch)) }
    }

    /// Looks at one file that was just saved.
    fn look_at(&mut self, path: PathBuf) -> Result<(), Gone> {
        if path.parent() != Some(&self.folder) {
            return Ok(());
        }
        let Ok(metadata) = path.metadata() else { return Ok(()) };
        match self.read(&path, &metadata) {
            Some(record) => self.send(Seen::Added(vec![record])),
            None => Ok(()),
        }
    }

    /// Reads a file that is new or has changed.
    fn read(&mut self, path: &Path, metadata: &Metadata) -> Option<Arc<Record>> {
        let mark = mark(metadata);
        if self.known.get(path) == Some(&mark) {
            return None;
        }
        self.known.insert(path.to_owned(), mark);
        Record::read(path, metadata).map(Arc::new)
    }
}

fn mark(metadata: &Metadata) -> Mark {
    (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len())
}

fn folder_time(folder: &Path) -> Option<SystemTime> {
    folder.metadata().ok()?.modified().ok()
}

/// The folder's pictures, newest first. Hidden files (our own unfinished ones too) are left out.
fn list(folder: &Path) -> std::io::Result<Vec<(PathBuf, Metadata)>> {
    let mut found: Vec<(PathBuf, Metadata)> = std::fs::read_dir(folder)?
        .take(MOST_NAMES)
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| is_picture(path))
        .filter_map(|path| path.metadata().ok().map(|metadata| (path, metadata)))
        .filter(|(_, metadata)| metadata.is_file())
        .collect();
    found.sort_by(|(a, ma), (b, mb)| mark(mb).0.cmp(&mark(ma).0).then_with(|| a.cmp(b)));
    found.truncate(MOST_PICTURES);
    Ok(found)
}

/// By its name alone.
fn is_picture(path: &Path) -> bool {
    let hidden = path.file_name().unwrap_or_default().as_encoded_bytes().starts_with(b".");
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    !hidden && matches!(ending.as_str(), "png" | "jpg" | "jpeg" | "webp")
}
