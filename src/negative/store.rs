//! `Store`: the folder of negatives, and what is in it.
//!
//! Invariant: only finished and stopped runs that are not pinned give way to the budget, the oldest first.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::id::is_id;
use super::reader::is_chain;
use super::writer::is_written;
use super::{Ended, Head, Negative, NegativeError};

/// The budget where no other is set, in bytes.
pub const BUDGET: u64 = 2_000_000_000;
/// The ending of a negative, and of the empty file beside it that pins it.
const ENDING: &str = "negative";
const PIN: &str = "pin";
/// An id that stands for the newest.
const LAST: &str = "last";

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunIs {
    /// A process makes it.
    Running,
    /// A process holds it at rest.
    Paused,
    /// Its process is gone.
    Interrupted,
    /// The user stopped it.
    Stopped,
    /// All steps are done.
    Finished,
}

/// What people are told of a negative.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// Where the run stands.
    pub state: RunIs,
    /// Steps that are done.
    pub steps_done: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// What the picture shall show.
    pub prompt: String,
    /// The seed.
    pub seed: u64,
    /// The file.
    pub path: PathBuf,
    /// The model's short name.
    pub model: String,
    /// When it began: RFC 3339, in UTC.
    pub created: String,
    /// The negative that it branched off from.
    pub parent: Option<String>,
    /// Whether it never gives way.
    pub pinned: bool,
    /// Bytes of the file.
    pub bytes: u64,
}

/// The folder of negatives.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// In bytes; clones of a store share it.
    budget: Arc<AtomicU64>,
}

impl Store {
    /// The store in a folder, which need not exist yet, of at most `budget` bytes.
    pub fn new(folder: impl Into<PathBuf>, budget: u64) -> Self {
        Self { folder: folder.into(), budget: Arc::new(AtomicU64::new(budget)) }
    }

    /// Sets the budget of this store and its clones, in bytes.
    pub fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// The file of an id.
    pub fn path(&self, id: &str) -> PathBuf {
        self.folder.join(file_name(id))
    }

    fn pin_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{PIN}"))
    }

    /// All ids, the newest first.
    pub fn ids(&self) -> Vec<String> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let mut ids: Vec<String> = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .filter(|id| is_id(id))
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids
    }

    /// The id that begins like `text`, or the newest for "last".
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn find(&self, text: &str) -> Result<String, NegativeError> {
        let mut ids = self.ids();
        if text == LAST && !ids.is_empty() {
            return Ok(ids.swap_remove(0));
        }
        if let Some(whole) = ids.iter().find(|id| *id == text) {
            return Ok(whole.clone());
        }
        ids.retain(|id| !text.is_empty() && id.starts_with(text));
        match ids.len() {
            0 => Err(NegativeError::Unknown { id: text.to_owned() }),
            1 => Ok(ids.swap_remove(0)),
            count => Err(NegativeError::Several { id: text.to_owned(), count }),
        }
    }

    /// Opens a negative.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(&self, id: &str) -> Result<Negative, NegativeError> {
        if !is_id(id) {
            return Err(NegativeError::Unknown { id: id.to_owned() });
        }
        Negative::open(&self.path(id))
    }

    /// What people are told of a negative.
    pub fn summary(&self, negative: &Negative) -> Summary {
        let head = &negative.head;
        Summary {
            id: head.id.clone(),
            state: run_is(negative),
            steps_done: negative.steps_done(),
            steps: negative.steps(),
            prompt: head.settings.prompt.clone(),
            seed: head.settings.seed,
            path: negative.path().to_owned(),
            model: head.model.name.clone(),
            created: head.created.clone(),
            parent: head.parent.as_ref().map(|parent| parent.id.clone()),
            pinned: self.is_pinned(&head.id),
            bytes: bytes(negative.path()),
        }
    }

    /// What people are told of all that can be read, the newest first.
    pub fn list(&self) -> Vec<Summary> {
        let opened = self.ids().into_iter().filter_map(|id| {
            let negative = self.open(&id);
            negative.map_err(|error| log::warn!("{error}")).ok()
        });
        opened.map(|negative| self.summary(&negative)).collect()
    }

    /// The runs whose process is gone before their end, the newest first.
    pub fn interrupted(&self) -> Vec<Negative> {
        let under_way = self.ids().into_iter().filter(|id| begins_as_chain(&self.path(id)));
        let opened = under_way.filter_map(|id| self.open(&id).ok());
        opened.filter(|negative| run_is(negative) == RunIs::Interrupted).collect()
    }

    /// Whether a negative never gives way.
    pub fn is_pinned(&self, id: &str) -> bool {
        self.pin_path(id).exists()
    }

    /// Pins a negative, or lets it give way again.
    ///
    /// # Errors
    /// What the system says.
    pub fn pin(&self, id: &str, pinned: bool) -> Result<(), NegativeError> {
        let path = self.pin_path(id);
        let done = match pinned {
            true => fs::write(&path, []),
            false if path.exists() => fs::remove_file(&path),
            false => Ok(()),
        };
        done.map_err(NegativeError::io(&path))
    }

    /// Removes a negative for good.
    ///
    /// # Errors
    /// If somebody records into it, or the system refuses.
    pub fn delete(&self, id: &str) -> Result<(), NegativeError> {
        let path = self.path(id);
        if is_written(&path) {
            return Err(NegativeError::Busy { id: id.to_owned() });
        }
        self.pin(id, false)?;
        fs::remove_file(&path).map_err(NegativeError::io(&path))
    }

    /// Deletes what gives way until all negatives together have at most `budget` bytes; returns the ids.
    pub fn prune(&self, budget: u64) -> Vec<String> {
        let ids = self.ids();
        let mut total: u64 = ids.iter().map(|id| bytes(&self.path(id))).sum();
        let mut gone = Vec::new();
        for id in ids.into_iter().rev() {
            if total <= budget {
                break;
            }
            let size = bytes(&self.path(&id));
            let gives_way =
                !self.is_pinned(&id) && self.open(&id).is_ok_and(|negative| negative.ended().is_some());
            if gives_way && self.delete(&id).map_err(|error| log::warn!("{error}")).is_ok() {
                total -= size;
                gone.push(id);
            }
        }
        gone
    }

    /// Makes room for a run that begins; the picture that it begins from takes `begun` bytes.
    pub(super) fn make_room(&self, head: &Head, begun: usize) {
        let latent = head.shape.iter().product::<usize>() * size_of::<f32>();
        let turn = head.schedule.turn().unwrap_or(head.steps());
        let larger = head.settings.hires.scale.powi(2) * (head.steps() - turn) as f64;
        let latents = turn + 1 + larger as usize;
        // x in f32, pred_x0 in f16, and about as much again where a rule keeps what it computed.
        let needed = latents * latent * 5 / 2 + begun;
        let gone = self.prune(self.budget.load(Ordering::Relaxed).saturating_sub(needed as u64));
        if !gone.is_empty() {
            log::info!("{} of the oldest negatives gave way to the budget", gone.len());
        }
    }
}

/// Whether a file is a chain of frames, which a finished one is not.
fn begins_as_chain(path: &Path) -> bool {
    let mut first = [0; 8];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && is_chain(&first)
}

fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// Where a run stands: its last words count unless somebody writes the file now.
fn run_is(negative: &Negative) -> RunIs {
    match negative.ended() {
        Some(Ended::Finished) => RunIs::Finished,
        _ if is_written(negative.path()) => {
            if negative.is_paused() {
                RunIs::Paused
            } else {
                RunIs::Running
            }
        }
        Some(Ended::Stopped) => RunIs::Stopped,
        None => RunIs::Interrupted,
    }
}

/// The name of the file of this id, beside those of the runs that it came from.
pub fn file_name(id: &str) -> String {
    format!("{id}.{ENDING}")
}
