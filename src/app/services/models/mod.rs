//! The library of models as a service: what is asked about it, and the threads that answer.
//!
//! The list has a thread of its own, hashes another, and so have a look at what a download would bring and the
//! download itself: none waits for another, and the window for none. Invariant: one download runs at a time;
//! whoever asks for the next waits for the end of the one before.

mod downloads;
mod hashes;
mod list;

use std::path::PathBuf;

use crate::app::services::channels::Out;
use crate::library::get::Plan;
use crate::library::{Entry, Folder, Hub};
use crate::message::Report;
use crate::places::Places;
use crate::transfer::Progress;

use downloads::Downloads;
use hashes::HashThread;
use list::ListThread;

/// What is asked about the library of models.
#[derive(Clone, Debug, PartialEq)]
pub enum OfModels {
    /// Look through the folders now, and keep looking while this is true.
    Watch(bool),
    /// Find out the hash of an entry's file.
    Hash {
        /// The entry.
        entry: PathBuf,
        /// The file whose hash stands for it.
        file: PathBuf,
    },
    /// Add a folder.
    AddFolder(PathBuf),
    /// Take a folder away; its files stay.
    RemoveFolder(PathBuf),
    /// Find out what a download would bring, in place of what was asked before.
    Plan {
        /// Names the answer.
        number: u64,
        /// What was typed.
        text: String,
    },
    /// Nobody waits for a plan any more.
    ForgetPlan,
    /// Download.
    Fetch {
        /// Names the answers.
        id: u64,
        /// What was typed.
        text: String,
        /// What it brings, where that is known.
        plan: Option<Box<Plan>>,
    },
    /// End the download; what is here is kept.
    Pause,
    /// Remove what is half-written of a download.
    GiveUp(Vec<PathBuf>),
}

/// What a download would bring.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its files, where they come from and go to, and the license.
    pub plan: Plan,
    /// The folder that it goes to.
    pub folder: PathBuf,
    /// Free bytes there, where the system tells.
    pub free: Option<u64>,
}

/// A folder of the library, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFolder {
    /// The folder.
    pub folder: Folder,
    /// Whether it is there.
    pub is_there: bool,
}

/// How a download ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It is here.
    Got(PathBuf),
    /// What is here is kept.
    Paused,
    /// It failed.
    Failed(Report),
}

/// What the library of models answers.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelsNews {
    /// All entries and folders, when any of them has changed.
    Listed {
        /// The entries, by sort and name.
        entries: Vec<Entry>,
        /// The folders.
        folders: Vec<ListedFolder>,
    },
    /// An entry's hash; none where the file is gone.
    Hashed {
        /// The entry.
        entry: PathBuf,
        /// Its SHA-256.
        sha256: Option<String>,
    },
    /// What a download would bring, or why it would bring nothing.
    Planned {
        /// The number that was asked with.
        number: u64,
        /// What it is.
        found: Result<Box<Found>, Report>,
        /// What could have been meant, where several things could.
        choices: Vec<String>,
    },
    /// A download has found out what it brings.
    Begun {
        /// The download.
        id: u64,
        /// What it brings.
        plan: Box<Plan>,
    },
    /// A download goes on.
    Progress {
        /// The download.
        id: u64,
        /// How far it is.
        progress: Progress,
    },
    /// A download has ended.
    Ended {
        /// The download.
        id: u64,
        /// How.
        how: Ended,
    },
    /// The list of folders was not changed.
    Refused(Report),
}

/// The way to the threads.
pub(super) struct ModelsThreads {
    list: ListThread,
    hashes: HashThread,
    downloads: Downloads,
}

impl ModelsThreads {
    /// None of them runs before it is needed.
    pub(super) fn new(places: Places, hub: Hub, out: Out) -> Self {
        Self {
            list: ListThread::new(places.clone(), hub.clone(), out.clone()),
            hashes: HashThread::new(places.previews.clone(), out.clone()),
            downloads: Downloads::new(places, hub, out),
        }
    }

    /// Asks for something.
    pub(super) fn ask(&mut self, asked: OfModels) {
        match asked {
            OfModels::Watch(watched) => self.list.ask(list::Ask::Watch(watched)),
            OfModels::AddFolder(folder) => self.list.ask(list::Ask::Add(folder)),
            OfModels::RemoveFolder(folder) => self.list.ask(list::Ask::Remove(folder)),
            OfModels::Hash { entry, file } => self.hashes.ask(entry, file),
            OfModels::Plan { number, text } => self.downloads.plan(number, text),
            OfModels::ForgetPlan => self.downloads.forget_plan(),
            OfModels::Fetch { id, text, plan } => self.downloads.fetch(id, text, plan.map(|plan| *plan)),
            OfModels::Pause => self.downloads.pause(),
            OfModels::GiveUp(under_way) => self.downloads.give_up(under_way),
        }
    }

    /// The user looks at the window, or elsewhere.
    pub(super) fn focus(&mut self, focused: bool) {
        self.list.ask(list::Ask::Focus(focused));
    }
}
