//! What the user can do with the library of models beside the named acts.

use std::path::PathBuf;

/// Something done with the library of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfModels {
    /// Open an entry, or lay it over the open model: whatever it is for.
    Use(PathBuf),
    /// Find out the hash of an entry.
    Hash(PathBuf),
    /// Take a folder away.
    RemoveFolder(PathBuf),
    /// Find out what a download would bring.
    Plan(String),
    /// Leave what it would bring.
    ForgetPlan,
    /// Download what was found.
    Download,
    /// Pause a download.
    Pause(u64),
    /// Go on with one.
    GoOn(u64),
    /// Give one up; one that is done only leaves the list.
    GiveUp(u64),
}
