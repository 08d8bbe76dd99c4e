//! `Kept`: where the steps of every job and of every reopened run are read from: its negative where it has one,
//! else the session's own files.
//!
//! Traps: a branch's negative begins where it branched off; the steps before are its parent's. Of a run that repaints a
//! part of a picture a step is shown within that picture.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::steps_kept::{StepError, StepSource, StepsKept, Wanted};
use crate::engine::from::ground_of;
use crate::engine::negative::source_of;
use crate::message::{JobId, ModelSource};
use crate::negative::{Negative, Store};
use crate::sampler::Latent;
use crate::settings::Tile;
use crate::tray::Overlay;

/// Branches of branches that are followed to the run that has a step, at most.
const LINEAGE_MOST: usize = 1_000;
/// Pictures around steps that stay in memory.
const OVERLAYS_MOST: usize = 3;

/// Where steps are read from.
#[derive(Debug)]
pub struct Kept {
    session: StepsKept,
    store: Option<Store>,
    negatives: BTreeMap<JobId, String>,
    /// The negative that was read last, and how long its file was.
    open: RefCell<Option<(u64, Negative)>>,
    /// What jobs put their steps into, those that were asked for last at the end; none for runs of whole pictures.
    overlays: RefCell<Vec<(JobId, Option<Arc<Overlay>>)>>,
}

impl Kept {
    /// With the session's files beside the store of negatives.
    pub fn new(session: StepsKept, store: Option<Store>) -> Self {
        let (open, overlays) = (RefCell::default(), RefCell::default());
        Self { session, store, negatives: BTreeMap::new(), open, overlays }
    }

    /// A job that has no negative: its steps are the session's.
    pub fn begin(&mut self, job: JobId, model: ModelSource) {
        self.session.begin(job, model);
    }

    /// A job whose steps are those of a negative; returns its file.
    pub fn adopt(&mut self, job: JobId, negative: &str) -> Option<PathBuf> {
        self.negatives.insert(job, negative.to_owned());
        self.store.as_ref().map(|store| store.path(negative))
    }

    /// What a job puts its steps into.
    pub fn put_into(&mut self, job: JobId, overlay: Option<Arc<Overlay>>) {
        remember(self.overlays.get_mut(), job, overlay);
    }

    /// What a job puts its steps into, if it repaints a part of a picture.
    pub fn overlay(&self, job: JobId) -> Option<Arc<Overlay>> {
        let mut overlays = self.overlays.borrow_mut();
        let known = overlays.iter().find(|(known, _)| *known == job).map(|(_, overlay)| overlay.clone());
        let overlay = known.unwrap_or_else(|| self.overlay_of(self.negatives.get(&job)?));
        remember(&mut overlays, job, overlay.clone());
        overlay
    }

    /// The same of a negative.
    pub fn overlay_of(&self, negative: &str) -> Option<Arc<Overlay>> {
        let ground = self.with(negative, |negative| {
            ground_of(negative).map_err(|error| {
                log::info!("{error}");
                StepError::Gone
            })
        });
        ground.ok().flatten()?.overlay
    }

    /// The axes along which a job's picture tiles; none where that is not kept.
    pub fn tile(&self, job: JobId) -> Option<Tile> {
        let negative = self.negatives.get(&job)?;
        self.with(negative, |negative| Ok(negative.head.settings.tile)).ok()
    }

    /// Keeps the next step of a job that has no negative.
    pub fn push(&mut self, job: JobId, pred_x0: &Latent) {
        if !self.negatives.contains_key(&job) {
            self.session.push(job, pred_x0);
        }
    }

    /// The picture that the last step of a negative predicts.
    ///
    /// # Errors
    /// If it is not there, or another model's.
    pub fn last(&self, negative: &str, model: Wanted<'_>) -> Result<Latent, StepError> {
        let steps = self.with(negative, |negative| Ok(negative.steps_done()))?;
        self.of_negative(negative, steps, model)
    }

    /// The prediction of step number `step`, from 1, of a negative or of what it branched off from.
    fn of_negative(&self, id: &str, step: usize, model: Wanted<'_>) -> Result<Latent, StepError> {
        let mut id = id.to_owned();
        for _ in 0..LINEAGE_MOST {
            let found = self.with(&id, |negative| {
                if !model.made(negative) {
                    return Err(StepError::OtherModel);
                }
                match &negative.head.parent {
                    Some(parent) if step <= negative.first_step() => Ok(Err(parent.id.clone())),
                    _ => Ok(Ok(negative.pred_x0(step).map_err(|error| {
                        log::info!("{error}");
                        StepError::Gone
                    })?)),
                }
            })?;
            match found {
                Ok(pred_x0) => return Ok(pred_x0),
                Err(parent) => id = parent,
            }
        }
        Err(StepError::Gone)
    }

    /// Reads a negative, which stays open until another is read or its run has gone on.
    fn with<R>(
        &self,
        id: &str,
        read: impl FnOnce(&Negative) -> Result<R, StepError>,
    ) -> Result<R, StepError> {
        let store = self.store.as_ref().ok_or(StepError::Gone)?;
        let length = std::fs::metadata(store.path(id)).map_err(|_| StepError::Gone)?.len();
        let mut open = self.open.borrow_mut();
        if !open.as_ref().is_some_and(|(then, negative)| *then == length && negative.id() == id) {
            let opened = store.open(id).map_err(|error| {
                log::info!("{error}");
                StepError::Gone
            })?;
            *open = Some((length, opened));
        }
        open.as_ref().ok_or(StepError::Gone).and_then(|(_, negative)| read(negative))
    }
}

/// Puts a job's overlay at the end; the one that was not asked for longest gives way.
fn remember(overlays: &mut Vec<(JobId, Option<Arc<Overlay>>)>, job: JobId, overlay: Option<Arc<Overlay>>) {
    overlays.retain(|(known, _)| *known != job);
    overlays.push((job, overlay));
    if overlays.len() > OVERLAYS_MOST {
        overlays.remove(0);
    }
}

impl StepSource for Kept {
    fn pred_x0(&self, job: JobId, step: usize, model: Wanted<'_>) -> Result<Latent, StepError> {
        match self.negatives.get(&job) {
            Some(negative) => self.of_negative(negative, step + 1, model),
            None => self.session.pred_x0(job, step, model),
        }
    }

    fn steps(&self, job: JobId) -> usize {
        match self.negatives.get(&job) {
            Some(negative) => self.with(negative, |negative| Ok(negative.steps_done())).unwrap_or(0),
            None => self.session.steps(job),
        }
    }
}

impl Wanted<'_> {
    /// Whether this model made a negative: by their hashes, where both are known.
    pub(in crate::engine) fn made(self, negative: &Negative) -> bool {
        let hash = negative.model_hash();
        match self.hash {
            Some(own) if !hash.is_empty() => own == hash,
            _ => match (source_of(&negative.head.model), self.source) {
                (ModelSource::Path { path: a, .. }, ModelSource::Path { path: b, .. }) => {
                    std::path::absolute(b).is_ok_and(|b| a == b)
                }
                (a, b) => a == *b,
            },
        }
    }
}
