//! `Index`: what is known of files that were looked at, kept between starts.
//!
//! Invariant: a row counts for one state of a file and one version of the program, which may have learned to
//! tell more.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::Facts;
use crate::files::write_atomically;
use crate::journal;

/// The longest list that is read.
const BYTES_MAX: u64 = 64 << 20;

/// What is known of files.
#[derive(Debug, Default)]
pub struct Index {
    file: Option<PathBuf>,
    rows: HashMap<PathBuf, Row>,
    changed: bool,
}

/// A state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) bytes: u64,
    pub(super) modified: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    path: PathBuf,
    mark: Mark,
    facts: Facts,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    program: String,
    rows: Vec<Row>,
}

impl Index {
    /// Reads the list; a missing, damaged or older one is empty. Without a file nothing is kept.
    pub fn read(file: Option<PathBuf>) -> Self {
        let rows = file.as_deref().and_then(read).unwrap_or_default();
        let rows = rows.into_iter().map(|row| (row.path.clone(), row)).collect();
        Self { file, rows, changed: false }
    }

    pub(super) fn find(&self, path: &Path, mark: Mark) -> Option<&Facts> {
        self.rows.get(path).filter(|row| row.mark == mark).map(|row| &row.facts)
    }

    pub(super) fn keep(&mut self, path: &Path, mark: Mark, facts: Facts) {
        self.changed = true;
        self.rows.insert(path.to_owned(), Row { path: path.to_owned(), mark, facts });
    }

    /// Forgets all but `there`, and writes the list if it has changed.
    pub(super) fn write(&mut self, is_there: impl Fn(&Path) -> bool) {
        let before = self.rows.len();
        self.rows.retain(|path, _| is_there(path));
        if !self.changed && self.rows.len() == before {
            return;
        }
        self.changed = false;
        let Some(file) = &self.file else { return };
        // JSON holds text alone.
        let is_text =
            |row: &&Row| [&row.path, &row.facts.hashed_file].iter().all(|path| path.to_str().is_some());
        let mut rows: Vec<Row> = self.rows.values().filter(is_text).cloned().collect();
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        let Ok(text) = serde_json::to_string(&Kept { program: journal::VERSION.to_owned(), rows }) else {
            return;
        };
        let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = folder.and_then(|()| write_atomically(file, text.as_bytes(), true).map(drop)) {
            log::warn!("what is known of models is not kept: {error}");
        }
    }
}

fn read(file: &Path) -> Option<Vec<Row>> {
    if std::fs::metadata(file).ok()?.len() > BYTES_MAX {
        return None;
    }
    let kept: Kept = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (kept.program == journal::VERSION).then_some(kept.rows)
}
