//! Thumbnails: made on a thread of their own, kept in the user's cache folder.
//!
//! A cached file's name is a sum over the picture's path, time and length, so a changed picture has
//! another thumbnail and a stale one is never shown. The cache is bounded: at each start the oldest
//! go when there are too many. Latest wishes come first, which is what is in view while scrolling.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};

use super::{Record, Wake};
use crate::picture::{Format, Frame, encode, open};

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: usize = 256;
/// Wishes that may wait; older ones are forgotten.
const MOST_WISHES: usize = 256;
/// Thumbnails that may wait to be taken; then the thread waits.
const MOST_MADE: usize = 32;
/// Files in the cache, above which the oldest are removed.
const MOST_CACHED: usize = 8_000;
/// What a cached file's name ends in.
const ENDING: &str = ".thumbnail.png";

/// A small picture of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnail {
    /// The picture.
    pub path: PathBuf,
    /// When that picture was changed.
    pub modified: SystemTime,
    /// At most [`THUMBNAIL_SIDE`] pixels a side; `None` if the picture cannot be opened.
    pub frame: Option<Frame>,
}

/// The front end's side of the thread; it ends when this is dropped.
pub(super) struct Thumbnails {
    wishes: Arc<Wishes>,
    made: Receiver<Thumbnail>,
    /// What was asked for and is not yet made, and what cannot be made.
    asked: HashMap<PathBuf, SystemTime>,
}

impl Thumbnails {
    pub(super) fn start(cache: PathBuf, wake: Wake) -> Self {
        let wishes = Arc::new(Wishes::default());
        let (sender, made) = bounded(MOST_MADE);
        let (queue, its_wake) = (wishes.clone(), wake);
        let started = thread::Builder::new()
            .name("thumbnails".into())
            .spawn(move || run(&cache, &queue, &sender, &its_wake));
        if let Err(error) = started {
            log::error!("the thumbnails' thread could not start: {error}");
        }
        Self { wishes, made, asked: HashMap::new() }
    }

    pub(super) fn want(&mut self, record: &Arc<Record>) {
        let before = self.asked.insert(record.path.clone(), record.modified);
        if before == Some(record.modified) {
            return;
        }
        if let Some(forgotten) = self.wishes.push(record.clone()) {
            self.asked.remove(&forgotten.path);
        }
    }

    pub(super) fn made(&mut self) -> Vec<Thumbnail> {
        let made: Vec<Thumbnail> = self.made.try_iter().take(MOST_MADE).collect();
        for thumbnail in made.iter().filter(|thumbnail| thumbnail.frame.is_some()) {
            self.asked.remove(&thumbnail.path);
        }
        made
    }
}

impl Drop for Thumbnails {
    fn drop(&mut self) {
        self.wishes.end();
    }
}

/// Wishes, the latest at the back.
#[derive(Default)]
struct Wishes {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Record>>,
    ended: bool,
}

impl Wishes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a wish; answers with one that was forgotten for it.
    fn push(&self, record: Arc<Record>) -> Option<Arc<Record>> {
        let mut state = self.lock();
        state.queue.push_back(record);
        let forgotten = if state.queue.len() > MOST_WISHES { state.queue.pop_front() } else { None };
        self.changed.notify_one();
        forgotten
    }

    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_one();
    }

    /// The latest wish; waits for one, and `None` at the end.
    fn next(&self) -> Option<Arc<Record>> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            if let Some(record) = state.queue.pop_back() {
                return Some(record);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn run(cache: &Path, wishes: &Wishes, made: &Sender<Thumbnail>, wake: &Wake) {
    prune(cache);
    while let Some(record) = wishes.next() {
        let thumbnail = Thumbnail {
            path: record.path.clone(),
            modified: record.modified,
            frame: cached(cache, &record).or_else(|| make(cache, &record)),
        };
        if made.send(thumbnail).is_err() {
            return;
        }
        wake();
    }
}

/// Where a picture's thumbnail is kept.
fn place(cache: &Path, record: &Record) -> PathBuf {
    let age = record.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut sum = Sha256::new();
    sum.update(record.path.as_os_str().as_encoded_bytes());
    sum.update([0]);
    sum.update(age.as_nanos().to_le_bytes());
    sum.update(record.bytes.to_le_bytes());
    let name: String = sum.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    cache.join(name + ENDING)
}

fn is_small(width: usize, height: usize) -> bool {
    width <= THUMBNAIL_SIDE && height <= THUMBNAIL_SIDE
}

fn cached(cache: &Path, record: &Record) -> Option<Frame> {
    let frame = open::open(&place(cache, record)).ok()?;
    is_small(frame.width, frame.height).then_some(frame)
}

/// Makes a thumbnail and keeps it, unless the picture is one already.
fn make(cache: &Path, record: &Record) -> Option<Frame> {
    let frame = open::open(&record.path).ok()?;
    if is_small(frame.width, frame.height) {
        return Some(frame);
    }
    let small = frame.with_longer_side(THUMBNAIL_SIDE)?;
    if let Err(error) = keep(&place(cache, record), &small) {
        log::debug!("a thumbnail was not kept: {error}");
    }
    Some(small)
}

/// Writes a cached file: whole, but not brought to the disk, since it can be made again.
fn keep(path: &Path, frame: &Frame) -> std::io::Result<()> {
    let cache = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(cache)?;
    let bytes = encode(frame, None, Format::Png).map_err(std::io::Error::other)?;
    let mut file = tempfile::NamedTempFile::new_in(cache)?;
    std::io::Write::write_all(&mut file, &bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Removes the oldest thumbnails where there are too many; only files that are named as ours.
fn prune(cache: &Path) {
    let Ok(entries) = std::fs::read_dir(cache) else { return };
    let mut kept: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().as_encoded_bytes().ends_with(ENDING.as_bytes()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    if kept.len() <= MOST_CACHED {
        return;
    }
    kept.sort();
    // A quarter more than needed, so that not every start has to.
    let surplus = kept.len() - MOST_CACHED * 3 / 4;
    for (_, path) in kept.iter().take(surplus) {
        if let Err(error) = std::fs::remove_file(path) {
            log::debug!("a thumbnail was not removed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_keeps_the_shape() {
        for (width, height, expected) in
            [(512, 512, (256, 256)), (1024, 512, (256, 128)), (3, 3000, (1, 256))]
        {
            let frame = Frame { width, height, rgb: vec![100; width * height * 3].into() };
            let small = frame.with_longer_side(THUMBNAIL_SIDE).unwrap();
            assert_eq!((small.width, small.height), expected);
            assert!(small.rgb.iter().all(|&level| level == 100));
        }
    }

    #[test]
    fn too_many_thumbnails_lose_the_oldest_and_nothing_else() {
        let cache = tempfile::tempdir().unwrap();
        std::fs::write(cache.path().join("notes.txt"), "mine").unwrap();
        for i in 0..MOST_CACHED + 4 {
            std::fs::write(cache.path().join(format!("{i:08}{ENDING}")), "").unwrap();
        }
        prune(cache.path());
        let left = std::fs::read_dir(cache.path()).unwrap().count();
        assert_eq!(left, MOST_CACHED * 3 / 4 + 1);
        assert!(cache.path().join("notes.txt").exists());
        assert!(cache.path().join(format!("{:08}{ENDING}", MOST_CACHED + 3)).exists());
    }
}
