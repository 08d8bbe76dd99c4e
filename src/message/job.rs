//! `Job`: one picture to be made, and where its run begins.

use crate::settings::{PreviewMode, Settings};
use crate::tray::Source;

/// Names one job for as long as the program runs; it tells events of an old job apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// Where a job's run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// At its first step; where a process that is gone has left a run of the same settings, that one goes on.
    #[default]
    Anew,
    /// Where a kept run stands: it goes on.
    Resume {
        /// Its negative.
        negative: String,
    },
    /// After some steps of a kept run, with the job's settings from there.
    Branch {
        /// Its negative.
        negative: String,
        /// Steps that are shared.
        at: usize,
    },
}

/// One picture to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The id that its events carry.
    pub id: JobId,
    /// What decides the picture.
    pub settings: Settings,
    /// How its steps are shown.
    pub previews: PreviewMode,
    /// Where its run begins.
    pub origin: Origin,
    /// The picture that it begins from, if it does; a run that is gone on with has its own.
    pub source: Option<Source>,
}

/// Jobs that form side by side, a step of each at a time, so that they can be compared early. Those that differ in
/// their seeds alone are computed as one batch. Each ends as a job does: stopped after `until` steps, or finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// The jobs, each from its first step.
    pub jobs: Vec<Job>,
    /// Steps to take of each.
    pub until: usize,
}
