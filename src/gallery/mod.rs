//! The gallery: a folder of pictures as records, newest first, without pixels of its own.
//!
//! Three threads do what takes time: one reads the folder and looks for changes every two seconds,
//! one makes thumbnails, one moves deleted files to the trash. All speak through bounded channels
//! and call `wake` after they have sent, so a front end that draws only on demand misses nothing.
//! [`Gallery::poll`] takes in what they sent; nothing here blocks but [`Gallery::flush`].

mod discard;
mod record;
mod search;
mod thumbnails;
mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use discard::Discards;
#[cfg(feature = "window")]
pub use discard::system_trash;
pub use discard::{Trash, UNDO_TIME};
pub use record::Record;
pub use search::search;
use thumbnails::Thumbnails;
pub use thumbnails::{THUMBNAIL_SIDE, Thumbnail};
use watch::{Seen, Watch};

/// Called by the threads when something waits for [`Gallery::poll`].
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The most messages of the watching thread that one [`Gallery::poll`] takes in (64 records each).
const MESSAGES_A_POLL: usize = 8;

/// Where things are, and how to reach the world.
pub struct Setup {
    /// The folder of pictures; it need not exist yet.
    pub folder: PathBuf,
    /// Where thumbnails are kept; a cache that may vanish.
    pub thumbnails: PathBuf,
    /// Moves a file to the trash; called on a thread.
    pub trash: Trash,
    /// Wakes the front end.
    pub wake: Wake,
}

/// What [`Gallery::poll`] found new.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Records came, went or changed, or the folder has been read to its end once.
    Changed,
    /// A thumbnail that was wanted, or that there can be none.
    Thumbnail(Thumbnail),
    /// A sentence for the person: the folder cannot be read, a file cannot be deleted.
    Trouble(String),
}

/// A folder of pictures.
pub struct Gallery {
    folder: PathBuf,
    /// Newest first.
    records: Vec<Arc<Record>>,
    /// When each path was modified: its place in `records` follows from it.
    modified: HashMap<PathBuf, SystemTime>,
    /// Since the last [`News::Changed`].
    changed: bool,
    scanned: bool,
    watch: Watch,
    thumbnails: Thumbnails,
    discards: Discards,
    wake: Wake,
}

impl Gallery {
    /// Starts the threads; records come through [`Gallery::poll`].
    pub fn open(setup: Setup) -> Self {
        let Setup { folder, thumbnails, trash, wake } = setup;
        Self {
            watch: Watch::start(folder.clone(), wake.clone()),
            thumbnails: Thumbnails::start(thumbnails, wake.clone()),
            discards: Discards::start(trash, wake.clone()),
            folder,
            records: Vec::new(),
            modified: HashMap::new(),
            changed: false,
            scanned: false,
            wake,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All records that are not deleted, newest first.
    pub fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// Whether the folder has been read to its end once.
    pub fn is_scanned(&self) -> bool {
        self.scanned
    }

    /// A picture's record.
    pub fn find(&self, path: &Path) -> Option<&Arc<Record>> {
        self.place_of(path).map(|at| &self.records[at])
    }

    /// Takes in what the threads sent. Call it once a frame.
    pub fn poll(&mut self, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        for message in 0.. {
            if message == MESSAGES_A_POLL {
                // The rest in the next frame.
                (self.wake)();
                break;
            }
            match self.watch.next() {
                Some(Seen::Added(records)) => records.into_iter().for_each(|record| self.insert(record)),
                Some(Seen::Removed(paths)) => paths.iter().for_each(|path| self.gone(path)),
                Some(Seen::Scanned) => {
                    self.scanned = true;
                    self.changed = true;
                }
                Some(Seen::Trouble(sentence)) => news.push(News::Trouble(sentence)),
                None => break,
            }
        }
        for (record, sentence) in self.discards.tick(now) {
            self.insert(record);
            news.push(News::Trouble(sentence));
        }
        news.extend(self.thumbnails.made().into_iter().map(News::Thumbnail));
        if std::mem::take(&mut self.changed) {
            news.push(News::Changed);
        }
        news
    }

    /// A picture was just saved in the folder: read it now rather than in two seconds.
    pub fn saved(&self, path: PathBuf) {
        self.watch.look_at(path);
    }

    /// Whether to look for changes every two seconds, as at first; when it begins again it looks at once.
    pub fn watch(&self, watched: bool) {
        self.watch.set(watched);
    }

    /// Asks for a thumbnail; it comes as [`News::Thumbnail`]. The latest wishes are met first, and
    /// the oldest are forgotten, so ask again for what is in view and still missing.
    pub fn want_thumbnail(&mut self, record: &Arc<Record>) {
        self.thumbnails.want(record);
    }

    /// Takes a picture out of the gallery; the file goes to the trash when [`UNDO_TIME`] is over.
    /// Answers whether there was such a picture.
    pub fn delete(&mut self, path: &Path, now: Instant) -> bool {
        let Some(record) = self.remove(path) else { return false };
        self.discards.discard(record, now);
        true
    }

    /// Brings back the picture that was deleted last, if its time is not over.
    pub fn undo_delete(&mut self) -> Option<Arc<Record>> {
        let record = self.discards.undo()?;
        self.insert(record.clone());
        Some(record)
    }

    /// The picture that [`Gallery::undo_delete`] would bring back, and for how long it still can.
    pub fn undoable(&self, now: Instant) -> Option<(&Arc<Record>, Duration)> {
        self.discards.last(now)
    }

    /// The end: moves everything deleted to the trash now and waits for it, at most a few seconds.
    /// Dropping the gallery does the same.
    pub fn flush(&mut self) {
        self.discards.flush();
    }

    /// Where a path stands in `records`.
    fn place_of(&self, path: &Path) -> Option<usize> {
        let modified = *self.modified.get(path)?;
        self.records.binary_search_by(|record| record.order(modified, path)).ok()
    }

    fn insert(&mut self, record: Arc<Record>) {
        if self.discards.holds(&record.path) {
            return;
        }
        self.remove(&record.path);
        let place = self.records.binary_search_by(|other| other.order(record.modified, &record.path));
        self.modified.insert(record.path.clone(), record.modified);
        self.records.insert(place.unwrap_or_else(|place| place), record);
        self.changed = true;
    }

    fn remove(&mut self, path: &Path) -> Option<Arc<Record>> {
        let place = self.place_of(path)?;
        self.modified.remove(path);
        self.changed = true;
        Some(self.records.remove(place))
    }

    /// A file vanished, whoever removed it.
    fn gone(&mut self, path: &Path) {
        self.remove(path);
        self.discards.forget(path);
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        self.flush();
    }
}
