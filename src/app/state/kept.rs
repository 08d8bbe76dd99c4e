//! Kept runs put to use: opened again, gone on with, branched off from.
//!
//! Invariant: what begins at a kept run keeps that run's size; all other settings are the draft's.

use std::sync::Arc;

use crate::app::command::Act;
use crate::app::i18n::Message;
use crate::app::services::{KeptRuns, Task};
use crate::app::state::draft::BranchPoint;
use crate::app::state::generation::Generation;
use crate::app::state::queue::Wanted;
use crate::app::state::shown::Shown;
use crate::app::state::{Consequence, State};
use crate::grammar::dynamic::DynamicError;
use crate::message::{JobId, Origin, Request};
use crate::negative::{Record, RunIs};
use crate::settings::Settings;

/// Where a branch begins if no step was chosen: layout settles in the first third of a run.
const BRANCH_SHARE: usize = 3;

impl State {
    /// The generation of a kept run, opened again if it is not known yet; and what is asked for then.
    pub fn reopen(&mut self, id: &str) -> Option<(JobId, Vec<Request>)> {
        if let Some(generation) = self.queue.of_negative(id) {
            return Some((generation.job.id, Vec::new()));
        }
        let record = self.negatives.record(id)?.clone();
        let job = self.queue.reopen(&record, self.draft.previews);
        let mut requests = vec![Request::Reopen { job, negative: id.to_owned() }];
        let same_model = self.model.info.as_ref().is_some_and(|info| {
            let known = info.hash.as_deref().filter(|_| !record.model_hash.is_empty());
            known.map_or(info.name == record.summary.model, |hash| hash == record.model_hash)
        });
        if let Some(step) = record.summary.steps_done.checked_sub(1).filter(|_| same_model) {
            let generation = self.queue.generation_mut(job);
            if let Some(view) = generation.and_then(|generation| generation.steps.get_mut(step)) {
                view.decoding = true;
                requests.push(Request::Decode { job, step });
            }
        }
        Some((job, requests))
    }

    /// Where a branch from what is on the canvas would begin: after the step that is shown, else after a third.
    pub fn branch_point(&self) -> Option<BranchPoint> {
        let Shown::Generation { step, .. } = self.shown else { return None };
        let generation = self.generation().filter(|it| it.can_branch())?;
        let steps = generation.steps.len();
        let chosen = step.map(|step| step + 1).filter(|at| (1..steps).contains(at));
        let at = chosen.unwrap_or((steps / BRANCH_SHARE).max(1)).min(generation.done);
        let (negative, settings) = (generation.negative.clone()?, generation.job.settings.clone());
        Some(BranchPoint { negative, at, steps, size: [settings.width, settings.height] })
    }

    /// Makes the draft a branch of what is on the canvas, with that run's settings to be changed.
    pub fn branch_here(&mut self) -> bool {
        let Some(point) = self.branch_point() else { return false };
        let Some(settings) = self.generation().map(|generation| generation.job.settings.clone()) else {
            return false;
        };
        self.use_settings(settings);
        self.draft.count = 1;
        self.draft.branch = Some(point);
        true
    }

    /// What is made of the draft now: new runs, or branches of the run that it names.
    ///
    /// # Errors
    /// If a prompt cannot be written out; nothing is changed then.
    pub fn wanted(&mut self) -> Result<Vec<Wanted>, DynamicError> {
        let jobs = self.draft.jobs(&self.phrases.lists)?;
        let branch = self.draft.branch.take();
        // A branch has its run's own.
        let source = self.source().filter(|_| branch.is_none());
        let origin = |settings: Settings| match &branch {
            None => (settings, Origin::Anew),
            Some(BranchPoint { negative, at, size: [width, height], .. }) => {
                let origin = Origin::Branch { negative: negative.clone(), at: *at };
                (Settings { width: *width, height: *height, ..settings }, origin)
            }
        };
        let wanted = |settings| Wanted { source: source.clone(), ..origin(settings).into() };
        Ok(jobs.into_iter().map(wanted).collect())
    }

    /// The run on the canvas from where it stands.
    pub fn going_on(&self) -> Option<Wanted> {
        let generation = self.generation().filter(|generation| generation.can_go_on())?;
        let origin = Origin::Resume { negative: generation.negative.clone()? };
        Some((generation.job.settings.clone(), origin).into())
    }

    /// The negative of the run that a generation branched off from, while it is kept.
    pub fn parent_of(&self, generation: &Generation) -> Option<String> {
        let of_record = || {
            let record = self.negatives.record(generation.negative.as_deref()?)?;
            Some(record.parent.as_ref()?.id.clone())
        };
        let parent = match &generation.job.origin {
            Origin::Branch { negative, .. } => Some(negative.clone()),
            Origin::Anew | Origin::Resume { .. } => of_record(),
        };
        parent.filter(|parent| self.negatives.record(parent).is_some())
    }

    /// Takes in the list of kept runs; the first one tells of branches that were cut short, since no other offer does.
    pub(super) fn list_kept(&mut self, records: Vec<Arc<Record>>) {
        let cut =
            |record: &&Arc<Record>| record.parent.is_some() && record.summary.state == RunIs::Interrupted;
        let count = records.iter().filter(cut).count();
        if !self.negatives.listed && count > 0 {
            let said = Message::Counted("branches-interrupted", count, String::new());
            self.toasts.notice(said, Some(Act::Negatives));
        }
        self.negatives.list(records);
    }

    /// Tells the services that runs have changed.
    pub(super) fn list_negatives() -> Consequence {
        Consequence::Ask(Task::Negatives(KeptRuns::List))
    }

    /// Offers to delete the negative of a picture that was deleted, if it is known.
    pub(super) fn offer_negative(&mut self, negative: Option<String>) {
        self.orphan = negative;
        self.toasts.settle(Act::DeleteNegative);
        let Some(record) = self.orphan.as_ref().and_then(|id| self.negatives.record(id)) else { return };
        let size = format!("{:.1} MB", record.summary.bytes as f64 / 1e6);
        self.toasts.notice(Message::With("negative-stays", size), Some(Act::DeleteNegative));
    }

    /// The negative of a picture of the gallery: of the run that made it, or the only one of its model with all its
    /// settings.
    pub(super) fn negative_of(&self, path: &std::path::Path) -> Option<String> {
        let of_run = self.queue.of_file(path).and_then(|job| self.queue.generation(job)?.negative.clone());
        of_run.or_else(|| {
            let found = self.library.record(path)?.settings()?.clone();
            if !found.missing().is_empty() {
                return None;
            }
            let hash = self.library.record(path)?.made_by().hash?;
            let same = |settings: &Settings| found.put_over(settings) == *settings;
            let is_it = |record: &&Arc<Record>| {
                record.model_hash == hash && record.parent.is_none() && same(&record.settings)
            };
            // Two with the same settings cannot be told apart.
            let mut all = self.negatives.records.iter().filter(is_it);
            all.next().filter(|_| all.next().is_none()).map(|record| record.id().to_owned())
        })
    }
}
