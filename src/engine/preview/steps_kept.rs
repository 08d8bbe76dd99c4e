//! `StepsKept`: every step's `pred_x0` of every job of this session, so that a strip can be shown again
//! and any step decoded in full.
//!
//! Invariant: what is held in memory does not grow with the number of jobs. Steps go to a file a job in
//! the session's folder as they are made; where there is no such folder, or it cannot be written, the
//! last jobs' steps stay in memory. Trap: a latent means nothing to another model.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use crate::message::{JobId, ModelSource};
use crate::sampler::Latent;
use crate::told::Told;

/// Jobs whose steps stay in memory where they cannot be written.
const HELD_MAX: usize = 4;

/// Why a step cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The step was not made, or its file is gone.
    #[error("This step is no longer kept; make the picture again to see it")]
    Gone,
    /// Another model is open now.
    #[error("This picture was made with another model; open that one to see its steps")]
    OtherModel,
}

impl Told for StepError {
    fn key(&self) -> &'static str {
        match self {
            Self::Gone => "error-step-gone",
            Self::OtherModel => "error-step-of-other-model",
        }
    }
}

/// The model that wants steps.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Where it came from.
    pub source: &'a ModelSource,
    /// Its hash, once it is known.
    pub hash: Option<&'a str>,
}

/// Where steps are read from.
pub trait StepSource {
    /// The step's `pred_x0` (b, c, h, w), scaled, for `model` to decode.
    ///
    /// # Errors
    /// If it is not there, or is another model's.
    fn pred_x0(&self, job: JobId, step: usize, model: Wanted<'_>) -> Result<Latent, StepError>;
    /// Steps of a job that are there.
    fn steps(&self, job: JobId) -> usize;
}

/// Predicted latents by job and step.
#[derive(Debug, Default)]
pub struct StepsKept {
    folder: Option<PathBuf>,
    jobs: BTreeMap<JobId, Job>,
}

/// One job's steps: the first ones in its file, the rest in memory.
#[derive(Debug)]
struct Job {
    model: ModelSource,
    shape: [usize; 4],
    written: usize,
    held: Vec<Latent>,
}

impl StepsKept {
    /// In a folder of this process's own; none keeps the last jobs' steps in memory.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, jobs: BTreeMap::new() }
    }

    /// Makes room for a job's steps.
    pub fn begin(&mut self, job: JobId, model: ModelSource) {
        self.jobs.insert(job, Job { model, shape: [0; 4], written: 0, held: Vec::new() });
        let surplus = self.jobs.len().saturating_sub(HELD_MAX);
        self.jobs.values_mut().take(surplus).for_each(|older| older.held = Vec::new());
    }

    /// Keeps the next step of a job.
    pub fn push(&mut self, job: JobId, pred_x0: &Latent) {
        let file = self.file(job);
        let Some(kept) = self.jobs.get_mut(&job) else { return };
        kept.shape = pred_x0.shape;
        // Steps after one in memory stay in memory, too.
        let written = file.filter(|_| kept.held.is_empty()).map(|file| write(&file, kept.written, pred_x0));
        match written {
            Some(Ok(())) => kept.written += 1,
            Some(Err(error)) => {
                log::warn!("the steps of job {} stay in memory: {error}", job.0);
                kept.held.push(pred_x0.clone());
            }
            None => kept.held.push(pred_x0.clone()),
        }
    }

    fn file(&self, job: JobId) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("{}.pred_x0", job.0)))
    }
}

impl StepSource for StepsKept {
    fn pred_x0(&self, job: JobId, step: usize, model: Wanted<'_>) -> Result<Latent, StepError> {
        let kept = self.jobs.get(&job).ok_or(StepError::Gone)?;
        if kept.model != *model.source {
            return Err(StepError::OtherModel);
        }
        if step >= kept.written {
            return kept.held.get(step - kept.written).cloned().ok_or(StepError::Gone);
        }
        let file = self.file(job).ok_or(StepError::Gone)?;
        read(&file, step, kept.shape).map_err(|error| {
            log::warn!("step {} of job {} cannot be read again: {error}", step + 1, job.0);
            StepError::Gone
        })
    }

    fn steps(&self, job: JobId) -> usize {
        self.jobs.get(&job).map_or(0, |kept| kept.written + kept.held.len())
    }
}

/// Writes a step in its place: behind the ones before it, over what a failed write may have left.
fn write(path: &PathBuf, step: usize, latent: &Latent) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(step == 0).write(true).open(path)?;
    file.seek(SeekFrom::Start((step * bytes_of(latent.shape)) as u64))?;
    file.write_all(bytemuck::cast_slice(&latent.values))
}

fn read(path: &PathBuf, step: usize, shape: [usize; 4]) -> io::Result<Latent> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start((step * bytes_of(shape)) as u64))?;
    let mut values = vec![0.0_f32; shape.iter().product()];
    file.read_exact(bytemuck::cast_slice_mut(&mut values))?;
    Ok(Latent::new(shape, values))
}

fn bytes_of(shape: [usize; 4]) -> usize {
    size_of::<f32>() * shape.iter().product::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent(level: usize) -> Latent {
        Latent::new([1, 2, 3, 1], (0..6).map(|i| (10 * level + i) as f32).collect())
    }

    const STARTER: Wanted<'_> = Wanted { source: &ModelSource::Starter, hash: None };

    fn kept(folder: Option<PathBuf>) -> StepsKept {
        let mut kept = StepsKept::new(folder);
        for job in 1..=9 {
            kept.begin(JobId(job), ModelSource::Starter);
            (0..5).for_each(|step| kept.push(JobId(job), &latent(100 * job as usize + step)));
        }
        kept
    }

    #[test]
    fn every_step_of_every_job_comes_back_and_none_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(Some(folder.path().to_owned()));
        for job in 1..=9 {
            assert_eq!(kept.steps(JobId(job)), 5);
            for step in 0..5 {
                let found = kept.pred_x0(JobId(job), step, STARTER);
                assert_eq!(found, Ok(latent(100 * job as usize + step)));
            }
        }
        assert!(kept.jobs.values().all(|job| job.held.is_empty()));
        assert_eq!(kept.pred_x0(JobId(1), 5, STARTER), Err(StepError::Gone));
        assert_eq!(kept.pred_x0(JobId(99), 0, STARTER), Err(StepError::Gone));
        let other = ModelSource::file("v1.safetensors");
        assert_eq!(
            kept.pred_x0(JobId(1), 0, Wanted { source: &other, hash: None }),
            Err(StepError::OtherModel)
        );
        // Anyone may empty a cache.
        std::fs::remove_file(folder.path().join("3.pred_x0")).unwrap();
        assert_eq!(kept.pred_x0(JobId(3), 0, STARTER), Err(StepError::Gone));
    }

    #[test]
    fn without_a_place_the_last_jobs_are_held_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        for folder in [None, Some(folder.path().join("missing"))] {
            let kept = kept(folder);
            let there: Vec<u64> = (1..=9).filter(|&job| kept.steps(JobId(job)) == 5).collect();
            assert_eq!(there, [6, 7, 8, 9]);
            assert_eq!(kept.pred_x0(JobId(9), 4, STARTER), Ok(latent(904)));
        }
    }
}
