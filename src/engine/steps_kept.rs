//! `StepsKept`: every step's `pred_x0` of the last few jobs, so that any can be decoded in full later.

use std::collections::VecDeque;

use crate::message::JobId;
use crate::sampler::Latent;

/// Jobs whose steps are kept.
const JOBS_MAX: usize = 16;
/// Bytes of latents that are kept; the oldest job goes first.
const BYTES_MAX: usize = 256 << 20;

/// Predicted latents by job and step.
#[derive(Debug, Default)]
pub struct StepsKept(VecDeque<(JobId, Vec<Latent>)>);

impl StepsKept {
    /// Makes room for a job's steps.
    pub fn begin(&mut self, job: JobId) {
        self.0.retain(|(kept, _)| *kept != job);
        self.0.push_back((job, Vec::new()));
        while self.0.len() > JOBS_MAX {
            self.0.pop_front();
        }
    }

    /// Keeps the next step of a job.
    pub fn push(&mut self, job: JobId, pred_x0: Latent) {
        if let Some((_, steps)) = self.0.iter_mut().find(|(kept, _)| *kept == job) {
            steps.push(pred_x0);
        }
        while self.bytes() > BYTES_MAX && self.0.len() > 1 {
            self.0.pop_front();
        }
    }

    /// A step's latent, if it is still kept.
    pub fn get(&self, job: JobId, step: usize) -> Option<&Latent> {
        self.0.iter().find(|(kept, _)| *kept == job).and_then(|(_, steps)| steps.get(step))
    }

    fn bytes(&self) -> usize {
        self.0.iter().flat_map(|(_, steps)| steps).map(|latent| 4 * latent.len()).sum()
    }
}
