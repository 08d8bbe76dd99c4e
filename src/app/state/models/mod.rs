//! The library of models as the window knows it: its entries and folders, what a download would bring, and the
//! downloads.

mod answers;
pub mod list;
mod pictures;
pub mod transfers;

use std::path::{Path, PathBuf};

use crate::app::services::models::ListedFolder;
use crate::app::state::models::transfers::Transfers;
use crate::library::{Entry, FolderOrigin};
use crate::message::Report;

/// What a download would bring.
pub use crate::app::services::models::Found as FoundPlan;

/// What was asked of a place to download from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Asked {
    /// Nothing.
    #[default]
    Nothing,
    /// The answer is still to come.
    Looking {
        /// The number that was asked with.
        number: u64,
        /// What was typed.
        text: String,
    },
    /// What a download would bring.
    Found {
        /// What was typed.
        text: String,
        /// What it is.
        found: Box<FoundPlan>,
    },
    /// Why it would bring nothing.
    Failed {
        /// The reason.
        report: Report,
        /// What could have been meant, where several things could.
        choices: Vec<String>,
    },
}

/// The library of models.
#[derive(Debug, Default)]
pub struct Models {
    /// Everything in it, by sort and then name.
    pub entries: Vec<Entry>,
    /// Its folders, the program's own first.
    pub folders: Vec<ListedFolder>,
    /// Whether the first list has come.
    pub listed: bool,
    /// Entries whose hash is being found out.
    pub hashing: Vec<PathBuf>,
    /// What a download would bring.
    pub asked: Asked,
    /// The number of the last question.
    numbers: u64,
    /// The downloads.
    pub transfers: Transfers,
    /// What was downloaded last.
    pub got: Option<PathBuf>,
    /// Why the list of folders was not changed.
    pub trouble: Option<Report>,
    /// Whether the services keep the list up to date.
    pub watched: bool,
}

impl Models {
    /// A library that nobody has listed yet, with the downloads of an earlier start.
    pub(super) fn new(transfers: Transfers) -> Self {
        Self { transfers, ..Self::default() }
    }

    /// The entry of a path.
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        // By its text: comparing part by part takes ten times as long.
        self.entries.iter().find(|entry| entry.path.as_os_str() == path.as_os_str())
    }

    /// How many entries lie in a folder.
    pub fn count_in(&self, folder: &Path) -> usize {
        self.entries.iter().filter(|entry| entry.folder.as_os_str() == folder.as_os_str()).count()
    }

    /// Folders that the user can take away.
    pub fn may_go(folder: &ListedFolder) -> bool {
        folder.folder.origin == FolderOrigin::Added
    }

    /// Begins a question, in place of the one before; returns its number.
    pub(super) fn ask(&mut self, text: &str) -> u64 {
        self.numbers += 1;
        self.asked = Asked::Looking { number: self.numbers, text: text.to_owned() };
        self.numbers
    }
}
