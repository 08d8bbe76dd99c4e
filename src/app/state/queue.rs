//! The queue: the running job, the waiting ones, and the last ones made.
//!
//! Invariant: the thread holds at most one job; the rest wait here, where they can be reordered
//! and removed. Events of any other job than the one it holds are old and change nothing.

use std::collections::VecDeque;
use std::path::Path;

use crate::app::picture::Picture;
use crate::app::sheets::SheetId;
use crate::app::state::generation::{Generation, Stage, Strip};
use crate::message::{Job, JobId, Origin, Request, Sheet};
use crate::negative::Record;
use crate::settings::{PreviewMode, Settings};

/// Generations whose pictures are in memory; those of the others are made or read again.
pub const KEPT_MAX: usize = 4;
/// Bytes that pictures in memory may take.
const BYTES_MAX: usize = 256 << 20;
/// Bytes that steps' pictures may take on the graphics card: 64 of 512 by 512 pixels.
const CARD_BYTES_MAX: usize = 64 << 20;
/// Generations that are known, the latest.
const KNOWN_MAX: usize = 5_000;
/// Jobs that may wait.
pub const QUEUE_MAX: usize = 999;

/// A job that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The job.
    pub job: Job,
    /// The sheet that it forms in, and how many steps it takes there.
    pub sheet: Option<(SheetId, usize)>,
}

/// What the inference thread is to do next.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// One job, or all of a sheet.
    pub jobs: Vec<Job>,
    /// The sheet that they form in, and how many steps they take there.
    pub sheet: Option<(SheetId, usize)>,
}

impl Begun {
    /// The same as a request.
    pub fn request(mut self) -> Option<Request> {
        match self.sheet {
            Some((_, until)) => Some(Request::Sheet(Sheet { jobs: self.jobs, until })),
            None => self.jobs.pop().map(|job| Request::Generate(Box::new(job))),
        }
    }
}

/// Jobs: running, waiting, done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    next_id: u64,
    /// Waiting, the next first.
    pub waiting: VecDeque<Waiting>,
    /// Whether those that wait are on hold.
    pub held: bool,
    /// Jobs begun since nothing waited.
    begun: usize,
    /// The generations of this session, the newest last.
    pub generations: Vec<Generation>,
    clock: u64,
}

impl Queue {
    /// Appends jobs to the queue and returns their ids. While the queue is on hold they go first and release
    /// it: a new request is wanted now.
    pub fn enqueue(&mut self, wanted: Vec<(Settings, Origin)>, previews: PreviewMode) -> Vec<JobId> {
        let room = QUEUE_MAX.saturating_sub(self.waiting.len());
        let jobs: Vec<Job> = wanted
            .into_iter()
            .take(room)
            .map(|(settings, origin)| Job { id: self.next_id(), settings, previews, origin, source: None })
            .collect();
        let ids = jobs.iter().map(|job| job.id).collect();
        self.put(jobs, None);
        ids
    }

    /// Appends the jobs of a sheet, which form together, and returns their ids.
    pub fn enqueue_sheet(
        &mut self,
        settings: Vec<Settings>,
        previews: PreviewMode,
        sheet: (SheetId, usize),
    ) -> Vec<JobId> {
        let job =
            |settings| Job { id: self.next_id(), settings, previews, origin: Origin::Anew, source: None };
        let jobs: Vec<Job> = settings.into_iter().map(job).collect();
        let ids = jobs.iter().map(|job| job.id).collect();
        self.put(jobs, Some(sheet));
        ids
    }

    fn next_id(&mut self) -> JobId {
        self.next_id += 1;
        JobId(self.next_id)
    }

    fn put(&mut self, jobs: Vec<Job>, sheet: Option<(SheetId, usize)>) {
        if self.waiting.is_empty() && self.running().is_none() {
            self.begun = 0;
        }
        let first = if std::mem::take(&mut self.held) { 0 } else { self.waiting.len() };
        for (place, job) in jobs.into_iter().enumerate() {
            self.waiting.insert(first + place, Waiting { job, sheet });
        }
    }

    /// A kept run as a generation that is shown like those of this session; its steps come when they are asked for.
    pub fn reopen(&mut self, record: &Record, previews: PreviewMode) -> JobId {
        let origin = Origin::Resume { negative: record.id().to_owned() };
        let settings = record.settings.clone();
        let job = Job { id: self.next_id(), settings, previews, origin, source: None };
        let id = job.id;
        // Before all that began here: it is not the latest.
        self.generations.insert(0, Generation::reopened(job, record));
        self.touch(id);
        id
    }

    /// The generation of a negative, the latest where there are several.
    pub fn of_negative(&self, negative: &str) -> Option<&Generation> {
        self.generations.iter().rev().find(|it| it.negative.as_deref() == Some(negative))
    }

    /// The number of the job that runs or ran last, and of all: "2 of 30".
    pub fn place(&self) -> (usize, usize) {
        (self.begun, self.begun + self.waiting.len())
    }

    /// Holds the jobs that wait, if any do.
    pub fn hold(&mut self) {
        self.held = !self.waiting.is_empty();
    }

    /// Removes all waiting jobs.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.held = false;
    }

    /// The generation that the inference thread works on.
    pub fn running(&self) -> Option<&Generation> {
        self.generations.iter().rev().find(|generation| generation.stage.is_open())
    }

    /// The running generation, to be changed.
    pub fn running_mut(&mut self) -> Option<&mut Generation> {
        self.generations.iter_mut().rev().find(|generation| generation.stage.is_open())
    }

    /// The generation of this job if it runs; those of a sheet run together.
    pub fn running_as(&mut self, job: JobId) -> Option<&mut Generation> {
        self.generation_mut(job).filter(|generation| generation.stage.is_open())
    }

    /// The generation of a job of this session.
    pub fn generation(&self, job: JobId) -> Option<&Generation> {
        self.generations.iter().find(|generation| generation.job.id == job)
    }

    /// The generation of a job, to be changed.
    pub fn generation_mut(&mut self, job: JobId) -> Option<&mut Generation> {
        self.generations.iter_mut().find(|generation| generation.job.id == job)
    }

    /// Takes the next job, or all of the next sheet, from the queue if nothing runs and it is not on hold.
    pub fn begin(&mut self) -> Option<Begun> {
        if self.running().is_some() || self.held {
            return None;
        }
        let sheet = self.waiting.front()?.sheet;
        let mut jobs = Vec::new();
        while let Some(waiting) =
            self.waiting.pop_front_if(|next| jobs.is_empty() || (sheet.is_some() && next.sheet == sheet))
        {
            jobs.push(waiting.job);
        }
        for job in &jobs {
            self.begun += 1;
            self.generations.push(Generation { sheet, ..Generation::new(job.clone()) });
            self.touch(job.id);
        }
        let surplus = self.generations.len().saturating_sub(KNOWN_MAX);
        self.generations.drain(..surplus);
        Some(Begun { jobs, sheet })
    }

    /// What is begun and was not handed over yet.
    pub fn unsent(&self) -> Option<Begun> {
        let unsent: Vec<&Generation> =
            self.generations.iter().filter(|it| it.stage.is_open() && !it.sent).collect();
        let sheet = unsent.first()?.sheet;
        Some(Begun { jobs: unsent.iter().map(|it| it.job.clone()).collect(), sheet })
    }

    /// What is being made and what waits, in order, as far as its settings alone decide it: not what forms in sheets,
    /// and not what goes on from a kept run, which the list of those offers.
    pub fn under_way(&self) -> impl Iterator<Item = &Job> + Clone {
        let running = self.running().filter(|running| running.sheet.is_none()).map(|running| &running.job);
        let waiting = self.waiting.iter().filter(|waiting| waiting.sheet.is_none());
        let all = running.into_iter().chain(waiting.map(|waiting| &waiting.job));
        all.filter(|job| job.origin == Origin::Anew)
    }

    /// Returns a job that was not sent to the queue, and holds the queue.
    pub fn give_back(&mut self) {
        let mut given_back = false;
        while let Some(waiting) = self.generations.pop_if(|it| it.stage.is_open() && !it.sent) {
            self.begun -= 1;
            self.waiting.push_front(Waiting { job: waiting.job, sheet: waiting.sheet });
            given_back = true;
        }
        if given_back {
            self.hold();
        }
    }

    /// Removes a waiting job.
    pub fn unqueue(&mut self, job: JobId) {
        self.waiting.retain(|waiting| waiting.job.id != job);
        self.held &= !self.waiting.is_empty();
    }

    /// Moves a waiting job.
    pub fn requeue(&mut self, job: JobId, to: usize) {
        let Some(from) = self.waiting.iter().position(|waiting| waiting.job.id == job) else { return };
        if let Some(job) = self.waiting.remove(from) {
            self.waiting.insert(to.min(self.waiting.len()), job);
        }
    }

    /// Marks the running job as failed: the thread is gone.
    pub fn abandon(&mut self) {
        self.generations.iter_mut().filter(|it| it.stage.is_open()).for_each(|it| it.stage = Stage::Failed);
    }

    /// The generation whose picture this file is.
    pub fn of_file(&self, path: &Path) -> Option<JobId> {
        let of_it = |it: &&Generation| it.saved.as_deref() == Some(path);
        self.generations.iter().rev().find(of_it).map(|generation| generation.job.id)
    }

    /// Attaches a picture that was read again to the generation that made it.
    pub fn give_result(&mut self, path: &Path, picture: &Picture) {
        let generation = self.of_file(path).and_then(|job| self.generation_mut(job));
        if let Some(generation) = generation {
            generation.result.get_or_insert_with(|| picture.clone());
        }
    }

    /// Lets strips that could not be made be requested again: another model or inference thread is open.
    pub fn forgive_strips(&mut self) {
        for generation in &mut self.generations {
            if generation.newest().is_none() {
                generation.strip = Strip::AsMade;
            }
        }
    }

    /// Notes that a generation is begun or looked at.
    pub fn touch(&mut self, job: JobId) {
        self.clock += 1;
        let now = self.clock;
        if let Some(generation) = self.generation_mut(job) {
            generation.used = now;
        }
    }

    /// Keeps the pictures in memory within bounds: the longest unused go, and never those of running
    /// jobs or of those that are looked at.
    pub fn trim(&mut self, shown: &[JobId]) {
        self.trim_card(shown);
        let mut held: Vec<(u64, usize)> = self
            .generations
            .iter()
            .enumerate()
            .filter(|(_, it)| it.newest().is_some() || (it.result.is_some() && it.saved.is_some()))
            .map(|(place, it)| (it.used, place))
            .collect();
        held.sort_unstable();
        let (mut count, mut bytes) =
            (held.len(), self.generations.iter().map(Generation::bytes).sum::<usize>());
        for (_, place) in held {
            if count <= KEPT_MAX.max(shown.len()) && bytes <= BYTES_MAX {
                return;
            }
            let generation = &mut self.generations[place];
            if shown.contains(&generation.job.id) || generation.stage.is_open() {
                continue;
            }
            let before = generation.bytes();
            generation.shed();
            count -= 1;
            bytes -= before - generation.bytes();
        }
        // Very long runs of very large pictures.
        for generation in &mut self.generations {
            while bytes > BYTES_MAX && generation.bytes() > BYTES_MAX / 2 {
                let before = generation.bytes();
                generation.thin();
                bytes -= before - generation.bytes();
                if generation.bytes() == before {
                    break;
                }
            }
        }
    }

    /// Keeps steps' pictures on the graphics card within bounds: the longest unused generation's first ones go,
    /// the one that is looked at is the last to lose any.
    fn trim_card(&mut self, shown: &[JobId]) {
        let mut surplus =
            self.generations.iter().map(Generation::card_bytes).sum::<usize>().saturating_sub(CARD_BYTES_MAX);
        let mut order: Vec<usize> = (0..self.generations.len()).collect();
        order.sort_unstable_by_key(|&place| {
            let generation = &self.generations[place];
            (shown.contains(&generation.job.id), generation.used)
        });
        for place in order {
            if surplus == 0 {
                return;
            }
            surplus = surplus.saturating_sub(self.generations[place].leave_card(surplus));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::draft::first_settings;
    use crate::message::TokenCount;
    use crate::picture::Frame;

    fn queue(jobs: usize) -> (Queue, Vec<JobId>) {
        let mut queue = Queue::default();
        let ids = queue.enqueue(vec![(first_settings(), Origin::Anew); jobs], PreviewMode::Auto);
        (queue, ids)
    }

    fn begin(queue: &mut Queue) -> Option<JobId> {
        queue.begin().and_then(|begun| begun.jobs.first().map(|job| job.id))
    }

    #[test]
    fn the_jobs_of_a_sheet_run_together_and_what_waits_waits_for_all() {
        let (mut queue, before) = queue(1);
        let sheet = (SheetId(1), 3);
        let ids = queue.enqueue_sheet(vec![first_settings(); 3], PreviewMode::Auto, sheet);
        let after = queue.enqueue(vec![(first_settings(), Origin::Anew)], PreviewMode::Auto);
        assert_eq!(queue.under_way().map(|job| job.id).collect::<Vec<_>>(), [before[0], after[0]]);
        assert_eq!(begin(&mut queue), Some(before[0]));
        queue.running_mut().unwrap().stage = Stage::Finished;
        let begun = queue.begin().unwrap();
        assert_eq!((begun.jobs.len(), begun.sheet), (3, Some(sheet)));
        for id in &ids {
            assert_eq!(queue.begin(), None);
            queue.running_as(*id).unwrap().stage = Stage::Stopped;
        }
        assert_eq!(begin(&mut queue), Some(after[0]));
    }

    #[test]
    fn one_job_runs_at_a_time_in_the_order_of_the_queue() {
        let (mut queue, ids) = queue(2);
        assert_eq!(begin(&mut queue), Some(ids[0]));
        assert_eq!(queue.begin(), None);
        queue.running_mut().unwrap().stage = Stage::Finished;
        assert_eq!(begin(&mut queue), Some(ids[1]));
        assert!(queue.running_as(ids[0]).is_none());
        assert!(queue.running_as(ids[1]).is_some());
    }

    #[test]
    fn waiting_jobs_move_and_leave() {
        let (mut queue, ids) = queue(4);
        queue.requeue(ids[3], 0);
        queue.unqueue(ids[1]);
        queue.requeue(ids[0], 99);
        let order: Vec<JobId> = queue.waiting.iter().map(|waiting| waiting.job.id).collect();
        assert_eq!(order, [ids[3], ids[2], ids[0]]);
    }

    #[test]
    fn a_queue_on_hold_waits_until_it_is_set_going_or_a_picture_is_asked_for() {
        let (mut queue, ids) = queue(3);
        queue.begin();
        assert_eq!(queue.place(), (1, 3));
        queue.hold();
        queue.running_mut().unwrap().stage = Stage::Stopped;
        assert_eq!(queue.begin(), None);
        let asked = queue.enqueue(vec![(first_settings(), Origin::Anew); 2], PreviewMode::Auto);
        let order: Vec<JobId> = queue.waiting.iter().map(|waiting| waiting.job.id).collect();
        assert_eq!(order, [asked[0], asked[1], ids[1], ids[2]]);
        assert_eq!(begin(&mut queue), Some(asked[0]));
        assert_eq!(queue.place(), (2, 5));
        queue.clear();
        queue.running_mut().unwrap().stage = Stage::Finished;
        queue.enqueue(vec![(first_settings(), Origin::Anew)], PreviewMode::Auto);
        queue.begin();
        assert_eq!(queue.place(), (1, 1));
    }

    #[test]
    fn all_developments_are_known_and_the_pictures_of_a_few_are_in_memory() {
        let (mut queue, ids) = queue(40);
        while let Some(job) = begin(&mut queue) {
            let running = queue.running_mut().unwrap();
            running.start(&[801, 401, 1], TokenCount::default(), Vec::new());
            for step in &mut running.steps {
                step.picture = Some(picture());
            }
            running.done = 3;
            running.stage = Stage::Finished;
            running.result = Some(picture());
            // Every tenth cannot be saved.
            running.saved = (job.0 % 10 != 0).then(|| format!("{}.png", job.0).into());
            queue.touch(ids[1]);
            queue.trim(&[ids[0]]);
        }
        let with_frames = |queue: &Queue| -> Vec<JobId> {
            let with = queue.generations.iter().filter(|it| it.newest().is_some());
            with.map(|it| it.job.id).collect()
        };
        assert_eq!(with_frames(&queue), [ids[0], ids[1], ids[38], ids[39]]);
        let unsaved = |queue: &Queue, job: JobId| queue.generation(job).unwrap().result.is_some();
        assert!(unsaved(&queue, ids[9]) && unsaved(&queue, ids[19]) && !unsaved(&queue, ids[10]));
        // An old one is looked at again.
        let old = queue.of_file(Path::new("5.png")).unwrap();
        assert!(queue.generation(old).unwrap().wants_frames());
        let frames = vec![Some(picture().on_host().clone()); 3];
        queue.generation_mut(old).unwrap().made_again(0, frames, PreviewMode::Fast);
        queue.touch(old);
        queue.trim(&[old]);
        assert_eq!(with_frames(&queue), [ids[1], old, ids[38], ids[39]]);
        assert_eq!(queue.generation(old).unwrap().steps[2].mode, PreviewMode::Fast);
    }

    fn picture() -> Picture {
        Picture::new(Frame { width: 1, height: 1, rgb: vec![0; 3].into() })
    }
}
