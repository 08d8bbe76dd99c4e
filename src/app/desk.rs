//! The desk: the job that the inference thread has, those that wait, and the last ones made.
//!
//! Invariant: the thread holds at most one job; the rest wait here, where they can be reordered
//! and removed. Events of any other job than the one it holds are old and change nothing.

use std::collections::VecDeque;

use crate::app::development::{Development, Stage};
use crate::message::{Job, JobId, PreviewMode, Settings};

/// Developments whose steps are kept.
pub const KEPT_MAX: usize = 4;
/// Bytes that kept previews may take.
const BYTES_MAX: usize = 256 << 20;
/// Jobs that may wait.
pub const QUEUE_MAX: usize = 999;

/// Jobs: running, waiting, done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    next_id: u64,
    /// Waiting, the next first.
    pub queue: VecDeque<Job>,
    /// The last developments, the newest last.
    pub developments: Vec<Development>,
}

impl Desk {
    /// Puts jobs at the end of the queue; their names come back.
    pub fn enqueue(&mut self, settings: Vec<Settings>, previews: PreviewMode) -> Vec<JobId> {
        let room = QUEUE_MAX.saturating_sub(self.queue.len());
        settings
            .into_iter()
            .take(room)
            .map(|settings| {
                self.next_id += 1;
                let id = JobId(self.next_id);
                self.queue.push_back(Job { id, settings, previews });
                id
            })
            .collect()
    }

    /// The development that the inference thread works on.
    pub fn running(&self) -> Option<&Development> {
        self.developments.last().filter(|development| development.stage.is_open())
    }

    /// The same, to be changed.
    pub fn running_mut(&mut self) -> Option<&mut Development> {
        self.developments.last_mut().filter(|development| development.stage.is_open())
    }

    /// The running development if it is of this job.
    pub fn running_as(&mut self, job: JobId) -> Option<&mut Development> {
        self.running_mut().filter(|development| development.job.id == job)
    }

    /// A kept development.
    pub fn development(&self, job: JobId) -> Option<&Development> {
        self.developments.iter().find(|development| development.job.id == job)
    }

    /// The same, to be changed.
    pub fn development_mut(&mut self, job: JobId) -> Option<&mut Development> {
        self.developments.iter_mut().find(|development| development.job.id == job)
    }

    /// Takes the next job from the queue if nothing runs.
    pub fn begin(&mut self) -> Option<Job> {
        if self.running().is_some() {
            return None;
        }
        let job = self.queue.pop_front()?;
        self.developments.push(Development::new(job.clone()));
        self.trim();
        Some(job)
    }

    /// Takes a waiting job out.
    pub fn unqueue(&mut self, job: JobId) {
        self.queue.retain(|waiting| waiting.id != job);
    }

    /// Moves a waiting job.
    pub fn requeue(&mut self, job: JobId, to: usize) {
        let Some(from) = self.queue.iter().position(|waiting| waiting.id == job) else { return };
        if let Some(job) = self.queue.remove(from) {
            self.queue.insert(to.min(self.queue.len()), job);
        }
    }

    /// Ends the running job in the books: the thread is gone.
    pub fn abandon(&mut self) {
        if let Some(running) = self.running_mut() {
            running.stage = Stage::Failed;
        }
    }

    /// Keeps what is held within bounds.
    pub fn trim(&mut self) {
        let surplus = self.developments.len().saturating_sub(KEPT_MAX);
        self.developments.drain(..surplus);
        while self.developments.iter().map(Development::bytes).sum::<usize>() > BYTES_MAX {
            if self.developments.len() > 1 {
                self.developments.remove(0);
            } else {
                let Some(only) = self.developments.last_mut() else { return };
                let before = only.bytes();
                only.thin();
                if only.bytes() == before {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::draft::first_settings;

    fn desk(jobs: usize) -> (Desk, Vec<JobId>) {
        let mut desk = Desk::default();
        let ids = desk.enqueue(vec![first_settings(); jobs], PreviewMode::Auto);
        (desk, ids)
    }

    #[test]
    fn one_job_runs_at_a_time_in_the_order_of_the_queue() {
        let (mut desk, ids) = desk(2);
        assert_eq!(desk.begin().map(|job| job.id), Some(ids[0]));
        assert_eq!(desk.begin(), None);
        desk.running_mut().unwrap().stage = Stage::Finished;
        assert_eq!(desk.begin().map(|job| job.id), Some(ids[1]));
        assert!(desk.running_as(ids[0]).is_none());
        assert!(desk.running_as(ids[1]).is_some());
    }

    #[test]
    fn waiting_jobs_move_and_leave() {
        let (mut desk, ids) = desk(4);
        desk.requeue(ids[3], 0);
        desk.unqueue(ids[1]);
        desk.requeue(ids[0], 99);
        let order: Vec<JobId> = desk.queue.iter().map(|job| job.id).collect();
        assert_eq!(order, [ids[3], ids[2], ids[0]]);
    }

    #[test]
    fn only_the_last_developments_are_kept() {
        let (mut desk, ids) = desk(KEPT_MAX + 2);
        while desk.begin().is_some() {
            desk.running_mut().unwrap().stage = Stage::Stopped;
        }
        assert_eq!(desk.developments.len(), KEPT_MAX);
        assert!(desk.development(ids[0]).is_none());
        assert!(desk.development(ids[KEPT_MAX + 1]).is_some());
    }
}
