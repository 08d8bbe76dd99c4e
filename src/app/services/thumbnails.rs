//! Requests for thumbnails. The gallery forgets the oldest of too many; here all are kept, and only a
//! few are forwarded at a time, the latest first.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::gallery::{Gallery, Thumbnail};

/// Requests that are forwarded and not answered yet, at most.
const UNDER_WAY_MAX: usize = 32;
/// Requests that wait, at most; beyond these the oldest are dropped.
const WAITING_MAX: usize = 20_000;

/// The window's requests, by what has become of them.
#[derive(Default)]
pub(super) struct ThumbnailRequests {
    /// The latest last.
    waiting: Vec<PathBuf>,
    under_way: HashSet<PathBuf>,
    /// Requests for pictures that the gallery has not seen yet.
    unknown: Vec<PathBuf>,
    /// Pictures that cannot be opened, and when they were changed.
    hopeless: HashMap<PathBuf, SystemTime>,
}

impl ThumbnailRequests {
    pub(super) fn add(&mut self, path: PathBuf) {
        self.waiting.retain(|waiting| *waiting != path);
        self.waiting.push(path);
        let surplus = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..surplus);
    }

    /// Forwards as many requests as there is room for; returns those that cannot be met.
    pub(super) fn forward(&mut self, gallery: &mut Gallery) -> Vec<PathBuf> {
        let mut unmet = Vec::new();
        while self.under_way.len() < UNDER_WAY_MAX
            && let Some(path) = self.waiting.pop()
        {
            let Some(record) = gallery.find(&path).cloned() else {
                self.unknown.push(path);
                continue;
            };
            if self.hopeless.get(&path) == Some(&record.modified) {
                unmet.push(path);
            } else {
                gallery.want_thumbnail(&record);
                self.under_way.insert(path);
            }
        }
        let surplus = self.unknown.len().saturating_sub(UNDER_WAY_MAX);
        self.unknown.drain(..surplus);
        unmet
    }

    /// Retries requests for unknown pictures: the gallery has seen more.
    pub(super) fn look_again(&mut self) {
        self.waiting.append(&mut self.unknown);
    }

    pub(super) fn made(&mut self, thumbnail: &Thumbnail) {
        self.under_way.remove(&thumbnail.path);
        if thumbnail.frame.is_none() {
            self.hopeless.insert(thumbnail.path.clone(), thumbnail.modified);
        }
    }

    /// Forgets a picture that is gone.
    pub(super) fn forget(&mut self, path: &Path) {
        self.hopeless.remove(path);
        self.waiting.retain(|waiting| waiting != path);
    }
}
