//! Negatives as the window lists them: kept runs as families, what came from what, each with a small picture.
//!
//! Invariant: a run stands under the one that it branched off from, wherever that one is in the list; one whose
//! parent is gone stands for itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::app::picture::Picture;
use crate::negative::Record;
use crate::picture::Frame;

/// Small pictures kept, at most.
const PROOFS_MAX: usize = 400;

/// A run of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place among [`Negatives::records`].
    pub index: usize,
    /// How many runs it came from one after the other.
    pub depth: usize,
}

/// Runs that came from one another, the first one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// When its latest run began.
    pub latest: i64,
    /// Each run under the one that it came from.
    pub rows: Vec<Row>,
}

/// A small picture, asked for or here.
#[derive(Debug)]
struct Proof {
    /// Steps that were done when it was asked for.
    steps_done: usize,
    picture: Option<Picture>,
}

/// The kept runs.
#[derive(Debug, Default)]
pub struct Negatives {
    /// All of them, the newest first.
    pub records: Vec<Arc<Record>>,
    /// Whether the first list has arrived.
    pub listed: bool,
    /// What came from what, laid out once a list.
    families: Vec<Family>,
    proofs: HashMap<String, Proof>,
}

impl Negatives {
    /// Replaces the records.
    pub fn list(&mut self, records: Vec<Arc<Record>>) {
        self.families = families(&records);
        self.records = records;
        self.listed = true;
    }

    /// A run's record.
    pub fn record(&self, id: &str) -> Option<&Arc<Record>> {
        self.records.iter().find(|record| record.id() == id)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.records.iter().map(|record| record.summary.bytes).sum()
    }

    /// All families, the one with the latest run first; where `words` are searched for, the runs whose prompts
    /// hold them, each for itself.
    pub fn families(&self, words: &str) -> Cow<'_, [Family]> {
        let words = words.to_lowercase();
        let words: Vec<&str> = words.split_whitespace().collect();
        if words.is_empty() {
            return Cow::Borrowed(&self.families);
        }
        let found = |record: &Record| {
            let prompt = record.settings.prompt.to_lowercase();
            words.iter().all(|word| prompt.contains(word))
        };
        let rows = self.records.iter().enumerate().filter(|(_, record)| found(record));
        let alone = |(index, record): (usize, &Arc<Record>)| Family {
            latest: began(record),
            rows: vec![Row { index, depth: 0 }],
        };
        Cow::Owned(rows.map(alone).collect())
    }

    /// Notes that a run is in sight; returns whether its small picture is to be asked for.
    pub fn see(&mut self, id: &str) -> bool {
        let Some(steps_done) = self.record(id).map(|record| record.summary.steps_done) else { return false };
        if self.proofs.get(id).is_some_and(|proof| proof.steps_done == steps_done) || steps_done == 0 {
            return false;
        }
        if self.proofs.len() >= PROOFS_MAX {
            self.proofs.clear();
        }
        // The old one is shown until the new one is there.
        let picture = self.proofs.remove(id).and_then(|proof| proof.picture);
        self.proofs.insert(id.to_owned(), Proof { steps_done, picture });
        true
    }

    /// Keeps a small picture that has come.
    pub fn keep_proof(&mut self, id: &str, frame: Option<Frame>) {
        if let (Some(proof), Some(frame)) = (self.proofs.get_mut(id), frame) {
            proof.picture = Some(Picture::new(frame));
        }
    }

    /// A run's small picture, if it is here.
    pub fn proof(&self, id: &str) -> Option<&Picture> {
        self.proofs.get(id)?.picture.as_ref()
    }

    /// Lets small pictures that could not be made be asked for again: another model is open.
    pub fn forgive(&mut self) {
        self.proofs.retain(|_, proof| proof.picture.is_some());
    }
}

/// The families of a list, the one with the latest run first.
fn families(records: &[Arc<Record>]) -> Vec<Family> {
    let places: HashMap<&str, usize> =
        records.iter().enumerate().map(|(index, record)| (record.id(), index)).collect();
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut first = Vec::new();
    // The oldest first, so that branches stand in the order in which they were made.
    for index in (0..records.len()).rev() {
        let parent = records[index].parent.as_ref();
        match parent.and_then(|parent| places.get(parent.id.as_str())) {
            Some(parent) if *parent > index => children.entry(*parent).or_default().push(index),
            _ => first.push(index),
        }
    }
    let family = |index| {
        let mut rows = Vec::new();
        lay_out(&children, Row { index, depth: 0 }, &mut rows);
        let latest = rows.iter().map(|row| began(&records[row.index])).max().unwrap_or(0);
        Family { latest, rows }
    };
    let mut families: Vec<Family> = first.into_iter().map(family).collect();
    families.sort_by_key(|family| std::cmp::Reverse(family.latest));
    families
}

/// A run and all that came from it, each under its own parent.
fn lay_out(children: &BTreeMap<usize, Vec<usize>>, row: Row, rows: &mut Vec<Row>) {
    rows.push(row);
    for &index in children.get(&row.index).into_iter().flatten() {
        lay_out(children, Row { index, depth: row.depth + 1 }, rows);
    }
}

/// When a run began, in seconds since 1970; 0 where its head does not tell.
pub fn began(record: &Record) -> i64 {
    record.summary.created.parse::<jiff::Timestamp>().map_or(0, |moment| moment.as_second())
}

/// The same as a moment.
pub fn moment(seconds: i64) -> SystemTime {
    UNIX_EPOCH + std::time::Duration::from_secs(seconds.max(0) as u64)
}
