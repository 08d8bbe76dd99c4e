//! Downloads: which there are, which of them runs, and what the next start shall know of them.
//!
//! Invariant: one runs at a time; the others wait in order, and each end begins the next.

use std::path::PathBuf;

use crate::library::get::Plan;
use crate::message::Report;
use crate::preferences::RememberedDownload;
use crate::transfer::Progress;

/// How far a download is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Others go first.
    Waiting,
    /// It runs.
    Running,
    /// The user, or the end of the program, has paused it.
    Paused,
    /// It has failed; what is here may still be gone on with.
    Failed(Report),
    /// It is here.
    Got(PathBuf),
}

/// A download.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// Names it.
    pub id: u64,
    /// What was typed.
    pub what: String,
    /// The model's name.
    pub name: String,
    /// What it brings; none until that is asked for again after a start.
    pub plan: Option<Box<Plan>>,
    /// Where what is half-written lies.
    pub under_way: Vec<PathBuf>,
    /// How far it is.
    pub progress: Progress,
    /// Whether it runs.
    pub stage: Stage,
    /// Bytes that were here when it last changed its stage: what is remembered, so that a running download does not
    /// write the preferences all the time.
    kept: u64,
}

impl Transfer {
    fn set(&mut self, stage: Stage) {
        self.stage = stage;
        self.kept = self.progress.done;
        self.progress.speed = None;
    }

    /// The share that is here, where that is known.
    pub fn share(&self) -> Option<f32> {
        let total = self.progress.total.filter(|total| *total > 0)?;
        Some((self.progress.done as f32 / total as f32).clamp(0.0, 1.0))
    }
}

/// All downloads, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transfers {
    /// The downloads, the first one first.
    pub list: Vec<Transfer>,
    numbers: u64,
}

impl Transfers {
    /// What an earlier start has left, paused.
    pub fn of_remembered(remembered: &[RememberedDownload]) -> Self {
        let mut transfers = Self::default();
        for download in remembered {
            transfers.numbers += 1;
            let RememberedDownload { what, name, under_way, done, total } = download.clone();
            transfers.list.push(Transfer {
                id: transfers.numbers,
                what,
                name,
                plan: None,
                under_way: under_way.into_iter().map(PathBuf::from).collect(),
                progress: Progress { done, total, speed: None },
                stage: Stage::Paused,
                kept: done,
            });
        }
        transfers
    }

    /// What the next start shall know.
    pub fn remembered(&self) -> Vec<RememberedDownload> {
        let open = self.list.iter().filter(|transfer| !matches!(transfer.stage, Stage::Got(_)));
        let open = open.filter(|transfer| RememberedDownload::may_be_kept(&transfer.what));
        let texts =
            |paths: &[PathBuf]| paths.iter().filter_map(|path| path.to_str().map(str::to_owned)).collect();
        let remembered = open.map(|transfer| RememberedDownload {
            what: transfer.what.clone(),
            name: transfer.name.clone(),
            under_way: texts(&transfer.under_way),
            done: transfer.kept,
            total: transfer.progress.total,
        });
        remembered.collect()
    }

    /// Adds one that waits, unless the same is here already; returns its id.
    pub(super) fn add(&mut self, what: String, plan: Box<Plan>) -> u64 {
        let under_way = plan.under_way();
        let same = |transfer: &&mut Transfer| {
            transfer.under_way == under_way && !matches!(transfer.stage, Stage::Got(_))
        };
        if let Some(known) = self.list.iter_mut().find(same) {
            known.plan = Some(plan);
            if known.stage != Stage::Running {
                known.set(Stage::Waiting);
            }
            return known.id;
        }
        self.numbers += 1;
        let progress = Progress { done: 0, total: plan.bytes(), speed: None };
        let name = plan.name.clone();
        let plan = Some(plan);
        let id = self.numbers;
        self.list.push(Transfer {
            id,
            what,
            name,
            plan,
            under_way,
            progress,
            stage: Stage::Waiting,
            kept: 0,
        });
        id
    }

    /// A download.
    pub fn get(&self, id: u64) -> Option<&Transfer> {
        self.list.iter().find(|transfer| transfer.id == id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Transfer> {
        self.list.iter_mut().find(|transfer| transfer.id == id)
    }

    /// The one that runs.
    pub fn running(&self) -> Option<&Transfer> {
        self.list.iter().find(|transfer| transfer.stage == Stage::Running)
    }

    /// The one to tell of in a line: the one that runs, else one that is not done.
    pub fn foremost(&self) -> Option<&Transfer> {
        let open = |transfer: &&Transfer| !matches!(transfer.stage, Stage::Got(_));
        self.running().or_else(|| self.list.iter().find(open))
    }

    /// Begins the next one that waits, if none runs.
    pub(super) fn begin_next(&mut self) -> Option<&Transfer> {
        if self.running().is_some() {
            return None;
        }
        let next = self.list.iter_mut().find(|transfer| transfer.stage == Stage::Waiting)?;
        next.set(Stage::Running);
        Some(next)
    }

    /// Sets a stage; whether there is such a download.
    pub(super) fn set(&mut self, id: u64, stage: Stage) -> bool {
        self.get_mut(id).map(|transfer| transfer.set(stage)).is_some()
    }

    /// Notes how far the one that runs is, so that the next start knows.
    pub fn note(&mut self) {
        for transfer in &mut self.list {
            transfer.kept = transfer.progress.done;
        }
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Transfer> {
        let at = self.list.iter().position(|transfer| transfer.id == id)?;
        Some(self.list.remove(at))
    }

    /// Lets all that are paused or have failed wait for their turn.
    pub(super) fn go_on(&mut self) {
        for transfer in &mut self.list {
            if matches!(transfer.stage, Stage::Paused | Stage::Failed(_)) {
                transfer.set(Stage::Waiting);
            }
        }
    }
}
