//! What belongs to this process: its session folder, what earlier ones left, and its claim to be the only one.

use std::path::Path;

use crate::preferences::{Instance, Left, Session};

/// What belongs to this process, and goes with it.
#[derive(Default)]
pub struct OfProcess {
    /// Its folder; none where there is no place for one.
    pub session: Option<Session>,
    /// What earlier processes left.
    pub left: Left,
    /// Receives the calls of other starts; none if this is not the first.
    pub instance: Option<Instance>,
    /// Whether another window writes the preferences, so that this one remembers nothing.
    pub beside: bool,
}

impl OfProcess {
    /// Opens a session below `root`.
    pub fn open(root: Option<&Path>, instance: Option<Instance>) -> Self {
        let opened = root.map(Session::open).transpose().unwrap_or_else(|error| {
            log::warn!("there is no folder for this session: {error}");
            None
        });
        let (session, left) = opened.unzip();
        Self { session, left: left.unwrap_or_default(), instance, beside: false }
    }
}
