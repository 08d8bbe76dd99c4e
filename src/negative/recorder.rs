//! `Recorder`: records a run beside it, on a thread of its own.
//!
//! Invariant: the run never waits for the disk. What is handed over is written in its order and brought to the
//! disk once a second; if the disk falls behind, predicted pictures are left out and x is kept.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::entry::{Ended, Mark};
use super::writer::{StepRecord, Writer};
use super::{Begun, Context, Head, Negative, NegativeError, Store};
use crate::sampler::{RunState, StepReport};

/// How often what is written is brought to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Steps that may wait before predicted pictures are left out.
const BEHIND: usize = 16;

/// What is amiss with a recording; the run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing more is recorded.
    NotKept {
        /// What the system says.
        cause: String,
    },
    /// The disk is slower than the steps.
    Behind,
}

/// Records a run.
#[derive(Debug)]
pub struct Recorder {
    id: String,
    work: Option<Sender<Work>>,
    waiting: Arc<AtomicUsize>,
    trouble: Arc<Mutex<Option<Trouble>>>,
    is_behind: bool,
    hash_told: bool,
    thread: Option<JoinHandle<()>>,
}

enum Work {
    Step(Box<StepRecord>),
    Mark(Mark),
    End(Ended),
}

impl Recorder {
    /// Begins the negative of a run in `store`, oldest ones giving way where its budget asks for it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(
        store: &Store,
        head: &Head,
        context: &Context,
        start: RunState,
    ) -> Result<Self, NegativeError> {
        store.make_room(head, context.begun.as_ref().map_or(0, Begun::bytes));
        let path = store.path(&head.id);
        let writer =
            Writer::create(&path, head, context, start).map_err(|cause| NegativeError::Io { path, cause })?;
        Ok(Self::of(head.id.clone(), writer, !head.model.hash.is_empty()))
    }

    /// Goes on with a negative of `store`, which is returned as it was.
    ///
    /// # Errors
    /// If there is none of this id, another process records into it, or it cannot be written.
    pub fn again(store: &Store, id: &str) -> Result<(Self, Negative), NegativeError> {
        let (writer, negative) = Writer::again(&store.path(id))?;
        let hash_known = !negative.model_hash().is_empty();
        Ok((Self::of(id.to_owned(), writer, hash_known), negative))
    }

    fn of(id: String, writer: Writer, hash_known: bool) -> Self {
        let (work, works) = crossbeam_channel::unbounded();
        let (waiting, trouble) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let recording = Recording {
            writer: Some(writer),
            waiting: waiting.clone(),
            trouble: trouble.clone(),
            hash_known,
            backlog: VecDeque::new(),
            failed: false,
        };
        let thread = std::thread::Builder::new().name("negative".to_owned());
        let thread = thread.spawn(move || recording.run(&works));
        let thread = thread.map_err(|error| tell(&trouble, error.to_string())).ok();
        Self { id, work: Some(work), waiting, trouble, is_behind: false, hash_told: hash_known, thread }
    }

    /// The negative's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Records a step that is done.
    pub fn step(&mut self, report: &StepReport<'_>, state: &RunState) {
        if self.waiting.load(Ordering::Relaxed) > BEHIND && !self.is_behind {
            self.is_behind = true;
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            trouble.get_or_insert(Trouble::Behind);
        }
        self.send(Work::Step(Box::new(StepRecord {
            state: state.clone(),
            timestep: report.timestep,
            guidance: report.guidance,
            model_calls: report.model_calls,
            pred_x0: (!self.is_behind).then(|| report.pred_x0.clone()),
        })));
    }

    /// Records that the run rests, or goes on.
    pub fn paused(&self, paused: bool) {
        self.send(Work::Mark(if paused { Mark::Paused } else { Mark::Resumed }));
    }

    /// Records the model's hash, the first ten hex digits of its file's SHA-256. A run whose steps are all done
    /// becomes a finished file as soon as it is known. Only the first one counts.
    pub fn model_hash(&mut self, hash: &str) {
        if hash.is_empty() || std::mem::replace(&mut self.hash_told, true) {
            return;
        }
        self.send(Work::Mark(Mark::ModelHash(hash.to_owned())));
    }

    /// Records that the next process goes on with the run.
    pub fn set_aside(&self) {
        self.send(Work::Mark(Mark::SetAside));
    }

    /// What is amiss, once.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the recording and waits until the file is on the disk.
    pub fn end(mut self, ended: Ended) -> Option<Trouble> {
        self.send(Work::End(ended));
        self.close();
        self.trouble()
    }

    fn send(&self, work: Work) {
        let Some(sender) = &self.work else { return };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // A thread that is gone has said why.
        sender.send(work).ok();
    }

    fn close(&mut self) {
        self.work = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            log::error!("the thread that records {} has died", self.id);
        }
    }
}

/// A recording that is not ended stays as it is: interrupted.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

fn tell(trouble: &Mutex<Option<Trouble>>, cause: String) {
    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(Trouble::NotKept { cause });
}

/// What the thread has.
struct Recording {
    /// None once the file is finished.
    writer: Option<Writer>,
    waiting: Arc<AtomicUsize>,
    trouble: Arc<Mutex<Option<Trouble>>>,
    hash_known: bool,
    /// Steps that could not be written yet.
    backlog: VecDeque<StepRecord>,
    failed: bool,
}

impl Recording {
    /// Writes until the run lets go.
    fn run(mut self, works: &Receiver<Work>) {
        let sync = self.writer.as_ref().and_then(|writer| Sync::spawn(writer).ok());
        let mut synced = Instant::now();
        while let Ok(work) = works.recv() {
            if let Err(error) = self.write(work) {
                self.fail(&error);
            }
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if synced.elapsed() >= SYNC_EVERY
                && let Some(sync) = &sync
            {
                synced = Instant::now();
                sync.tell();
            }
        }
    }

    fn write(&mut self, work: Work) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        match work {
            Work::Step(record) => self.backlog.push_back(*record),
            Work::Mark(mark) => {
                self.hash_known |= matches!(mark, Mark::ModelHash(_));
                writer.mark(&mark)?;
            }
            Work::End(ended) => {
                let kept = self.empty_backlog();
                return match self.writer.take() {
                    Some(writer) => kept.and(writer.end(ended)),
                    None => kept,
                };
            }
        }
        self.empty_backlog()?;
        match self.writer.take_if(|writer| writer.is_done() && self.hash_known) {
            Some(writer) => writer.end(Ended::Finished),
            None => Ok(()),
        }
    }

    /// Writes the steps that wait, in their order.
    fn empty_backlog(&mut self) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        while let Some(record) = self.backlog.front() {
            writer.step(record)?;
            self.backlog.pop_front();
        }
        Ok(())
    }

    /// Says once what is amiss. What waits for better times goes without its picture.
    fn fail(&mut self, error: &io::Error) {
        self.backlog.iter_mut().for_each(|record| record.pred_x0 = None);
        if !std::mem::replace(&mut self.failed, true) {
            tell(&self.trouble, error.to_string());
        }
    }
}

/// A thread that brings the file to the disk when told to: that takes long, and the steps must not wait behind it.
/// It holds the file open, and so locked, until it is dropped.
struct Sync {
    told: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sync {
    fn spawn(writer: &Writer) -> io::Result<Self> {
        let file = writer.handle()?;
        let (sender, receiver) = crossbeam_channel::bounded::<()>(1);
        let thread = std::thread::Builder::new().name("negative sync".to_owned()).spawn(move || {
            while receiver.recv().is_ok() {
                if let Err(error) = file.sync_data() {
                    log::warn!("a negative is not brought to the disk: {error}");
                }
            }
        })?;
        Ok(Self { told: Some(sender), thread: Some(thread) })
    }

    /// Has the file brought to the disk; one that is still at work will do.
    fn tell(&self) {
        if let Some(told) = &self.told {
            told.try_send(()).ok();
        }
    }
}

impl Drop for Sync {
    fn drop(&mut self) {
        self.told = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            log::error!("the thread that brings a negative to the disk has died");
        }
    }
}
