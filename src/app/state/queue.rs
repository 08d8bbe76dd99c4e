//! The desk: the job that the inference thread has, those that wait, and the last ones made.
//!
//! Invariant: the thread holds at most one job; the rest wait here, where they can be reordered
//! and removed. Events of any other job than the one it holds are old and change nothing.

use std::collections::VecDeque;
use std::path::Path;

use crate::app::state::generation::{Development, Picture, Stage, Strip};
use crate::message::{Job, JobId};
use crate::settings::{PreviewMode, Settings};

/// Developments whose pictures are in memory; those of the others are made or read again.
pub const KEPT_MAX: usize = 4;
/// Bytes that pictures in memory may take.
const BYTES_MAX: usize = 256 << 20;
/// Developments that are known, the latest.
const KNOWN_MAX: usize = 5_000;
/// Jobs that may wait.
pub const QUEUE_MAX: usize = 999;

/// Jobs: running, waiting, done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    next_id: u64,
    /// Waiting, the next first.
    pub queue: VecDeque<Job>,
    /// Whether those that wait are on hold.
    pub held: bool,
    /// Jobs begun since nothing waited.
    begun: usize,
    /// The developments of this session, the newest last.
    pub developments: Vec<Development>,
    clock: u64,
}

impl Desk {
    /// Puts jobs at the end of the queue; their names come back. What is asked for while the queue is on
    /// hold comes first and sets it going: nobody asks for a picture to see it last.
    pub fn enqueue(&mut self, settings: Vec<Settings>, previews: PreviewMode) -> Vec<JobId> {
        if self.queue.is_empty() && self.running().is_none() {
            self.begun = 0;
        }
        let room = QUEUE_MAX.saturating_sub(self.queue.len());
        let first = if std::mem::take(&mut self.held) { 0 } else { self.queue.len() };
        let mut ids = Vec::new();
        for (i, settings) in settings.into_iter().take(room).enumerate() {
            self.next_id += 1;
            ids.push(JobId(self.next_id));
            self.queue.insert(first + i, Job { id: JobId(self.next_id), settings, previews });
        }
        ids
    }

    /// Which of how many is being made, or was last: "2 of 30".
    pub fn place(&self) -> (usize, usize) {
        (self.begun, self.begun + self.queue.len())
    }

    /// Puts those that wait on hold, if any do.
    pub fn hold(&mut self) {
        self.held = !self.queue.is_empty();
    }

    /// Takes all waiting jobs out.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.held = false;
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

    /// Takes the next job from the queue if nothing runs and it is not on hold.
    pub fn begin(&mut self) -> Option<Job> {
        if self.running().is_some() || self.held {
            return None;
        }
        let job = self.queue.pop_front()?;
        self.begun += 1;
        self.developments.push(Development::new(job.clone()));
        let surplus = self.developments.len().saturating_sub(KNOWN_MAX);
        self.developments.drain(..surplus);
        self.touch(job.id);
        Some(job)
    }

    /// What is being made and what waits, in order.
    pub fn under_way(&self) -> impl Iterator<Item = &Job> + Clone {
        self.running().map(|running| &running.job).into_iter().chain(&self.queue)
    }

    /// Puts a job that was not handed over back into the queue, on hold.
    pub fn give_back(&mut self) {
        if let Some(waiting) = self.developments.pop_if(|it| it.stage.is_open() && !it.sent) {
            self.begun -= 1;
            self.queue.push_front(waiting.job);
            self.hold();
        }
    }

    /// Takes a waiting job out.
    pub fn unqueue(&mut self, job: JobId) {
        self.queue.retain(|waiting| waiting.id != job);
        self.held &= !self.queue.is_empty();
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

    /// The development whose picture this file is.
    pub fn of_file(&self, path: &Path) -> Option<JobId> {
        let of_it = |it: &&Development| it.saved.as_deref() == Some(path);
        self.developments.iter().rev().find(of_it).map(|development| development.job.id)
    }

    /// A picture was read again: the development that made it has its result back.
    pub fn give_result(&mut self, path: &Path, picture: &Picture) {
        let development = self.of_file(path).and_then(|job| self.development_mut(job));
        if let Some(development) = development {
            development.result.get_or_insert_with(|| picture.clone());
        }
    }

    /// Strips that could not be made again may be asked for again: another model is open, or another
    /// inference thread.
    pub fn forgive_strips(&mut self) {
        for development in &mut self.developments {
            if development.newest().is_none() {
                development.strip = Strip::AsMade;
            }
        }
    }

    /// A development is begun or looked at.
    pub fn touch(&mut self, job: JobId) {
        self.clock += 1;
        let now = self.clock;
        if let Some(development) = self.development_mut(job) {
            development.used = now;
        }
    }

    /// Keeps the pictures in memory within bounds: the longest unused go, and never those of the running
    /// job or of the one that is looked at.
    pub fn trim(&mut self, shown: Option<JobId>) {
        let mut held: Vec<(u64, usize)> = self
            .developments
            .iter()
            .enumerate()
            .filter(|(_, it)| it.newest().is_some() || (it.result.is_some() && it.saved.is_some()))
            .map(|(place, it)| (it.used, place))
            .collect();
        held.sort_unstable();
        let (mut count, mut bytes) =
            (held.len(), self.developments.iter().map(Development::bytes).sum::<usize>());
        for (_, place) in held {
            if count <= KEPT_MAX && bytes <= BYTES_MAX {
                return;
            }
            let development = &mut self.developments[place];
            if Some(development.job.id) == shown || development.stage.is_open() {
                continue;
            }
            let before = development.bytes();
            development.shed();
            count -= 1;
            bytes -= before - development.bytes();
        }
        // Very long runs of very large pictures.
        for development in &mut self.developments {
            while bytes > BYTES_MAX && development.bytes() > BYTES_MAX / 2 {
                let before = development.bytes();
                development.thin();
                bytes -= before - development.bytes();
                if development.bytes() == before {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::draft::first_settings;
    use crate::message::TokenCount;
    use crate::picture::Frame;

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
    fn a_queue_on_hold_waits_until_it_is_set_going_or_a_picture_is_asked_for() {
        let (mut desk, ids) = desk(3);
        desk.begin();
        assert_eq!(desk.place(), (1, 3));
        desk.hold();
        desk.running_mut().unwrap().stage = Stage::Stopped;
        assert_eq!(desk.begin(), None);
        let asked = desk.enqueue(vec![first_settings(); 2], PreviewMode::Auto);
        let order: Vec<JobId> = desk.queue.iter().map(|job| job.id).collect();
        assert_eq!(order, [asked[0], asked[1], ids[1], ids[2]]);
        assert_eq!(desk.begin().map(|job| job.id), Some(asked[0]));
        assert_eq!(desk.place(), (2, 5));
        desk.clear();
        desk.running_mut().unwrap().stage = Stage::Finished;
        desk.enqueue(vec![first_settings()], PreviewMode::Auto);
        desk.begin();
        assert_eq!(desk.place(), (1, 1));
    }

    #[test]
    fn all_developments_are_known_and_the_pictures_of_a_few_are_in_memory() {
        let (mut desk, ids) = desk(40);
        while let Some(job) = desk.begin() {
            let running = desk.running_mut().unwrap();
            running.start(&[801, 401, 1], TokenCount::default(), Vec::new());
            for step in &mut running.steps {
                step.picture = Some(picture());
            }
            running.done = 3;
            running.stage = Stage::Finished;
            running.result = Some(picture());
            // Every tenth cannot be saved.
            running.saved = (job.id.0 % 10 != 0).then(|| format!("{}.png", job.id.0).into());
            desk.touch(ids[1]);
            desk.trim(Some(ids[0]));
        }
        let with_frames = |desk: &Desk| -> Vec<JobId> {
            let with = desk.developments.iter().filter(|it| it.newest().is_some());
            with.map(|it| it.job.id).collect()
        };
        assert_eq!(with_frames(&desk), [ids[0], ids[1], ids[38], ids[39]]);
        let unsaved = |desk: &Desk, job: JobId| desk.development(job).unwrap().result.is_some();
        assert!(unsaved(&desk, ids[9]) && unsaved(&desk, ids[19]) && !unsaved(&desk, ids[10]));
        // An old one is looked at again.
        let old = desk.of_file(Path::new("5.png")).unwrap();
        assert!(desk.development(old).unwrap().wants_frames());
        let frames = vec![picture().frame; 3];
        desk.development_mut(old).unwrap().made_again(0, frames, true);
        desk.touch(old);
        desk.trim(Some(old));
        assert_eq!(with_frames(&desk), [ids[1], old, ids[38], ids[39]]);
        assert_eq!(desk.development(old).unwrap().steps[2].mode, PreviewMode::Fast);
    }

    fn picture() -> Picture {
        Picture::new(Frame { width: 1, height: 1, rgb: vec![0; 3].into() })
    }
}
