//! The library: kept pictures as the gallery shows them, and which of them are in memory.
//!
//! Trap: a thousand pictures do not fit in memory; both caches drop what was not requested lately.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::picture::Picture;
use crate::gallery::{Record, search};
use crate::picture::Frame;

/// Bytes of thumbnails kept, beside those in sight.
const THUMBNAILS_BYTES_MAX: usize = 6 << 20;
/// A thumbnail that was drawn within this time counts as in sight.
const LOOKED_AT: Duration = Duration::from_secs(2);
/// A request without an answer for this long was lost, and is repeated.
pub const FORGOTTEN: Duration = Duration::from_secs(2);
/// Pictures kept in full, at most.
const FULL_MAX: usize = 6;

/// A part of the gallery under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Days ago, 0 being today.
    pub days_ago: i64,
    /// Indices into [`Library::records`].
    pub members: Vec<usize>,
}

/// A thumbnail, requested or here.
#[derive(Debug)]
struct Thumbnail {
    picture: Option<Picture>,
    /// When it was requested; none once an answer has come.
    asked: Option<Instant>,
    /// When it was drawn last.
    used: Instant,
}

impl Thumbnail {
    fn bytes(&self) -> usize {
        self.picture.as_ref().map_or(0, Picture::bytes)
    }
}

/// The kept pictures.
#[derive(Debug, Default)]
pub struct Library {
    /// All of them, newest first.
    pub records: Vec<Arc<Record>>,
    /// Whether the first list has arrived.
    pub listed: bool,
    /// The words searched for.
    pub search: String,
    thumbnails: HashMap<PathBuf, Thumbnail>,
    full: Vec<(PathBuf, Picture)>,
}

impl Library {
    /// Replaces the records.
    pub fn list(&mut self, records: Vec<Arc<Record>>) {
        self.records = records;
        self.listed = true;
    }

    /// Adds a picture, in its place by age.
    pub fn add(&mut self, record: Arc<Record>) {
        self.records.retain(|old| old.path != record.path);
        let place = self.records.partition_point(|old| old.modified > record.modified);
        self.records.insert(place, record);
    }

    /// Removes a picture.
    pub fn remove(&mut self, path: &Path) {
        self.records.retain(|record| record.path != path);
        self.full.retain(|(kept, _)| kept != path);
    }

    /// A picture's record.
    pub fn record(&self, path: &Path) -> Option<&Arc<Record>> {
        self.records.iter().find(|record| record.path == path)
    }

    /// The record after this one (older), or the one before it at the end.
    pub fn neighbor(&self, path: &Path) -> Option<&Arc<Record>> {
        let at = self.records.iter().position(|record| record.path == path)?;
        self.records.get(at + 1).or_else(|| self.records.get(at.checked_sub(1)?))
    }

    /// Indices of what the search finds, newest first.
    pub fn found(&self) -> Vec<usize> {
        search(&self.records, &self.search)
    }

    /// What matches, by day. `today`: days since 1970 in local time; `offset`: seconds ahead of UTC.
    pub fn groups(&self, today: i64, offset: i64) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for i in self.found() {
            let days_ago = (today - day(self.records[i].modified, offset)).max(0);
            match groups.last_mut() {
                Some(group) if group.days_ago == days_ago => group.members.push(i),
                _ => groups.push(Group { days_ago, members: vec![i] }),
            }
        }
        groups
    }

    /// Notes that a picture is in sight, and returns whether its thumbnail is to be requested (again).
    pub fn see(&mut self, path: &Path, now: Instant) -> bool {
        let Some(known) = self.thumbnails.get_mut(path) else {
            let requested = Thumbnail { picture: None, asked: Some(now), used: now };
            self.thumbnails.insert(path.to_owned(), requested);
            return true;
        };
        known.used = now;
        let forgotten = known.asked.is_some_and(|asked| now.duration_since(asked) > FORGOTTEN);
        if forgotten {
            known.asked = Some(now);
        }
        forgotten
    }

    /// A thumbnail, if it is here.
    pub fn thumbnail(&self, path: &Path) -> Option<&Picture> {
        self.thumbnails.get(path)?.picture.as_ref()
    }

    /// Keeps a thumbnail, or notes that there is none; drops the longest unused ones beyond the limit.
    pub fn keep_thumbnail(&mut self, path: PathBuf, frame: Option<Frame>) {
        let now = Instant::now();
        let kept = Thumbnail { picture: frame.map(Picture::new), asked: None, used: now };
        self.thumbnails.insert(path, kept);
        let mut bytes: usize = self.thumbnails.values().map(Thumbnail::bytes).sum();
        if bytes <= THUMBNAILS_BYTES_MAX {
            return;
        }
        // Thumbnails in sight stay beyond the limit: they would be requested again at once.
        let unused = |it: &Thumbnail| now.duration_since(it.used) > LOOKED_AT;
        let old = self.thumbnails.iter().filter(|(_, it)| unused(it));
        let mut old: Vec<(Instant, PathBuf)> = old.map(|(path, it)| (it.used, path.clone())).collect();
        old.sort_unstable();
        for (_, path) in old {
            if bytes <= THUMBNAILS_BYTES_MAX * 3 / 4 {
                break;
            }
            bytes -= self.thumbnails.remove(&path).map_or(0, |it| it.bytes());
        }
    }

    /// A picture in full, if it is here.
    pub fn full(&self, path: &Path) -> Option<&Picture> {
        self.full.iter().find(|(kept, _)| kept == path).map(|(_, picture)| picture)
    }

    /// Keeps a picture in full; drops the oldest beyond the limit.
    pub fn keep_full(&mut self, path: PathBuf, picture: Picture) {
        self.full.retain(|(kept, _)| *kept != path);
        self.full.push((path, picture));
        let surplus = self.full.len().saturating_sub(FULL_MAX);
        self.full.drain(..surplus);
    }
}

/// Days since 1970 of a moment, in local time.
pub fn day(moment: std::time::SystemTime, offset: i64) -> i64 {
    let seconds = match moment.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs() as i64),
    };
    (seconds + offset).div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::picture::Made;
    use crate::picture::read::Recovered;
    use crate::settings::Settings;

    fn record(name: &str, prompt: &str, seconds: u64) -> Arc<Record> {
        let settings = Settings { prompt: prompt.to_owned(), ..Settings::default() };
        let recovered = Recovered::of_made(&Made::new(&settings, 0, &[], "", ""));
        let modified = UNIX_EPOCH + Duration::from_secs(seconds);
        Arc::new(Record::new(name.into(), modified, 0, [256, 256], Some(recovered)))
    }

    fn library() -> Library {
        let mut library = Library::default();
        library.list(vec![
            record("c.png", "a red fox on blue", 3 * 86_400 + 60),
            record("b.png", "an owl", 2 * 86_400 + 50),
            record("a.png", "a fox", 2 * 86_400 + 40),
        ]);
        library
    }

    #[test]
    fn the_search_wants_every_word_in_any_order() {
        let mut library = library();
        library.search = "Fox".into();
        assert_eq!(library.found(), [0, 2]);
        library.search = "blue fox".into();
        assert_eq!(library.found(), [0]);
        library.search = "B.PNG".into();
        assert_eq!(library.found(), [1], "the file's name");
        library.search = "zebra".into();
        assert!(library.found().is_empty());
    }

    #[test]
    fn pictures_are_grouped_by_local_day() {
        let library = library();
        let groups = library.groups(3, 0);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[1].days_ago, groups[1].members.len()), (1, 2));
        // Fifty seconds earlier, the newest is of the day before, too.
        assert_eq!(library.groups(2, -70).len(), 2);
        assert_eq!(library.groups(2, -70)[0].members, [0]);
    }

    #[test]
    fn a_new_picture_takes_its_place_and_replaces_itself() {
        let mut library = library();
        library.add(record("d.png", "new", 9 * 86_400));
        library.add(record("b.png", "an owl again", 1));
        let order: Vec<&str> = library.records.iter().filter_map(|record| record.path.to_str()).collect();
        assert_eq!(order, ["d.png", "c.png", "a.png", "b.png"]);
        assert_eq!(library.neighbor(Path::new("d.png")).unwrap().path, Path::new("c.png"));
        assert_eq!(library.neighbor(Path::new("b.png")).unwrap().path, Path::new("a.png"));
    }

    #[test]
    fn a_thumbnail_is_asked_for_again_only_when_it_was_forgotten_and_the_cache_is_bounded() {
        let mut library = Library::default();
        let now = Instant::now();
        assert!(library.see(Path::new("a"), now));
        assert!(!library.see(Path::new("a"), now));
        assert!(library.see(Path::new("a"), now + 2 * FORGOTTEN));
        library.keep_thumbnail("a".into(), None);
        assert!(!library.see(Path::new("a"), now + 9 * FORGOTTEN));
        let keep = |library: &mut Library, name: String| {
            let frame = Frame { width: 256, height: 256, rgb: vec![0; 3 << 16].into() };
            library.keep_thumbnail(name.into(), Some(frame));
        };
        // All of these are in sight, and stay.
        (0..100).for_each(|i| keep(&mut library, format!("{i}")));
        assert!((0..100).all(|i| library.thumbnail(Path::new(&format!("{i}"))).is_some()));
        for known in library.thumbnails.values_mut() {
            known.used -= 2 * LOOKED_AT;
        }
        keep(&mut library, "new".to_owned());
        assert!(library.thumbnails.values().map(Thumbnail::bytes).sum::<usize>() <= THUMBNAILS_BYTES_MAX);
        assert!(library.thumbnail(Path::new("new")).is_some());
    }
}
