//! The inference thread's loop: one request at a time; controls are read between steps.
//!
//! Invariants: every started job ends in exactly one of finished, stopped, failed; an event is sent
//! before the window is woken; a panic becomes [`Event::Died`] and ends the thread.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::journal;
use crate::message::{Compute, Control, Event, JobId, ModelSource, Report, Request, STARTER, TokenCount};
use crate::ops::{Device, DeviceOptions, Progress, StopFlag};

use super::compute::with_compute;
use super::generate;
use super::handle::{EngineEnds, EngineHandle, Work};
use super::hash::Busyness;
use super::open::{OpenModel, Opening, looks_right, open_model};
use crate::engine::job::RunningJob;
use crate::engine::preview::Previewer;
use crate::engine::preview::steps_kept::{StepError, StepSource, StepsKept};
use crate::engine::preview::strips::Strips;
use crate::engine::preview::tiny;

/// How long strips are made before the requests are looked at again.
pub(super) const STRIP_PIECE: Duration = Duration::from_millis(20);

/// Wakes the front end after something was sent.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// What the inference thread is given at its start.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Where and how to compute.
    pub device: DeviceOptions,
    /// A folder for what can be made again (fitted previews).
    pub cache_folder: Option<PathBuf>,
    /// A folder of this process's own, for the steps of its pictures; none keeps the last ones in memory.
    pub session_folder: Option<PathBuf>,
    /// A folder where people may put further files (TAESD).
    pub data_folder: Option<PathBuf>,
}

/// Starts the inference thread.
///
/// # Errors
/// If the system gives no thread.
pub fn spawn(options: EngineOptions, wake: Waker) -> std::io::Result<EngineHandle> {
    let (handle, ends) = EngineHandle::pair();
    std::thread::Builder::new().name("inference".to_owned()).spawn(move || {
        let events = ends.events.clone();
        let loop_wake = wake.clone();
        let outcome =
            std::panic::catch_unwind(AssertUnwindSafe(|| Worker::new(options, ends, loop_wake).run()));
        if let Err(panic) = outcome {
            let details = format!("{}\n{}", panic_text(panic.as_ref()), journal::tail());
            let report = Report::new("engine-died", details);
            events.send(Event::Died { report }).ok();
        }
        wake();
    })?;
    Ok(handle)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no further word").to_owned()
}

/// The thread's state.
pub(super) struct Worker {
    pub(super) ends: EngineEnds,
    wake: Waker,
    options: EngineOptions,
    pub(super) model: Option<OpenModel>,
    pub(super) previewer: Previewer,
    pub(super) kept: StepsKept,
    strips: Strips,
    /// Keeps hashing at rest while anything else is done.
    pub(super) busyness: Busyness,
    /// Requests that came while a job ran.
    waiting: VecDeque<Work>,
    /// There is preview work left to do while idle.
    preparing: bool,
}

impl Worker {
    fn new(options: EngineOptions, ends: EngineEnds, wake: Waker) -> Self {
        let previewer = Previewer::new(None, None);
        let kept = StepsKept::new(options.session_folder.clone());
        Self {
            ends,
            wake,
            options,
            model: None,
            previewer,
            kept,
            strips: Strips::default(),
            busyness: Busyness::default(),
            waiting: VecDeque::new(),
            preparing: false,
        }
    }

    /// Works until the front end is gone.
    fn run(mut self) {
        loop {
            let work = match self.waiting.pop_front() {
                Some(work) => work,
                None if self.preparing || (self.model.is_some() && self.has_strips()) => {
                    match self.ends.requests.try_recv() {
                        Ok(work) => work,
                        Err(crossbeam_channel::TryRecvError::Empty) => {
                            self.do_quiet_work();
                            continue;
                        }
                        Err(crossbeam_channel::TryRecvError::Disconnected) => return,
                    }
                }
                None => match self.ends.requests.recv() {
                    Ok(work) => work,
                    Err(crossbeam_channel::RecvError) => return,
                },
            };
            self.handle(work);
        }
    }

    fn handle(&mut self, Work { request, stop }: Work) {
        let busyness = self.busyness.clone();
        let busy = busyness.begin();
        match request {
            Request::Open(source) => self.open(source, self.options.device, &stop),
            Request::Compute(compute) => self.compute(&compute, &stop),
            Request::Generate(job) => RunningJob::run(self, job, stop, busy),
            Request::CountTokens { text } => self.count_tokens(self.model.as_ref(), text),
            Request::Decode { job, step } => self.decode(self.model.as_ref(), job, step, &stop),
            Request::Strip { job } => self.strips.ask(job),
        }
    }

    /// Whether an earlier picture's strip is not whole yet.
    pub(super) fn has_strips(&self) -> bool {
        self.strips.is_waiting()
    }

    /// One piece of the work that is done while nobody waits.
    fn do_quiet_work(&mut self) {
        match self.model.take() {
            Some(model) if self.strips.is_waiting() => {
                self.make_strip(&model, STRIP_PIECE);
                self.model = Some(model);
            }
            model => {
                self.model = model;
                self.prepare_previews();
            }
        }
    }

    /// Makes the next frames of a strip that was asked for, if one was.
    pub(super) fn make_strip(&mut self, model: &OpenModel, budget: Duration) {
        if let Some(event) = self.strips.make(&self.kept, model, &mut self.previewer, budget) {
            self.send(event);
        }
    }

    /// Sends, then wakes.
    pub(super) fn send(&self, event: Event) {
        // A front end that is gone needs no event.
        self.ends.events.send(event).ok();
        (self.wake)();
    }

    /// Wakes the front end for a preview.
    pub(super) fn wake(&self) {
        (self.wake)();
    }

    /// A request that came while a job runs with `model`: quick ones are answered, the rest wait
    /// their turn.
    pub(super) fn answer_or_keep(&mut self, model: &OpenModel, Work { request, stop }: Work) {
        match request {
            Request::CountTokens { text } => self.count_tokens(Some(model), text),
            Request::Decode { job, step } => self.decode(Some(model), job, step, &stop),
            Request::Strip { job } => self.strips.ask(job),
            request => self.waiting.push_back(Work { request, stop }),
        }
    }

    /// Opens the present model on another device; without a model the next one is opened there.
    fn compute(&mut self, compute: &Compute, stop: &StopFlag) {
        let device = with_compute(self.options.device, compute);
        match self.model.as_ref().map(|model| model.info.source.clone()) {
            Some(source) => self.open(source, device, stop),
            None => self.options.device = device,
        }
    }

    /// Opens `source` on `device` in place of the present model, which goes first: two do not fit into
    /// the memory of an ordinary computer. If the new one fails the former is read again where it was.
    fn open(&mut self, source: ModelSource, device: DeviceOptions, stop: &StopFlag) {
        if let Err(error) = looks_right(&source) {
            let former_is_open = self.model.is_some();
            self.send(Event::OpenFailed { source, report: Report::of(&error), former_is_open });
            return;
        }
        let former_device = std::mem::replace(&mut self.options.device, device);
        let former = self.model.take().map(|model| model.info.source.clone());
        let report = match self.read(&source, stop) {
            Ok(()) => {
                self.preparing = true;
                return self.tell_opened();
            }
            Err(report) => report,
        };
        self.options.device = former_device;
        let again = former.map(|former| self.read(&former, &StopFlag::default()));
        if let Some(Err(lost)) = &again {
            log::warn!("the former model cannot be opened again: {}", lost.details);
        }
        let former_is_open = matches!(again, Some(Ok(())));
        self.send(Event::OpenFailed { source, report, former_is_open });
    }

    /// Reads a model and makes it the present one.
    fn read(&mut self, source: &ModelSource, stop: &StopFlag) -> Result<(), Report> {
        let name = match source {
            ModelSource::Starter => STARTER.to_owned(),
            ModelSource::Path { path, .. } => {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        };
        self.send(Event::Loading { part: name.clone(), share: 0.0 });
        // The device lives on with the model, the flag of its loading does not.
        let (device, _) =
            Device::open(self.options.device, StopFlag::default()).map_err(|error| Report::of(&error))?;
        let _under = device.under(stop);
        let (events, wake) = (self.ends.events.clone(), self.wake.clone());
        let opening = Opening {
            progress: Some(self.progress(name)),
            cache: self.options.cache_folder.as_deref(),
            busyness: self.busyness.clone(),
            on_hash: Box::new(move |hash| {
                events.send(Event::Hashed { hash: hash.to_owned() }).ok();
                wake();
            }),
            ..Opening::on(&device)
        };
        let mut model = open_model(source, opening).map_err(|error| Report::of(&error))?;
        let tiny = tiny::find(&model, self.options.data_folder.as_deref()).unwrap_or_else(|note| {
            model.info.notes.push(note);
            None
        });
        self.previewer = Previewer::new(self.options.cache_folder.clone(), tiny);
        self.model = Some(model);
        Ok(())
    }

    fn tell_opened(&self) {
        if let Some(model) = &self.model {
            self.send(Event::Opened(Box::new(model.info.clone())));
        }
    }

    /// Tells the share that is read, a hundred times at most.
    fn progress(&self, part: String) -> Progress {
        let (events, wake) = (self.ends.events.clone(), self.wake.clone());
        let last = std::sync::atomic::AtomicUsize::new(0);
        Arc::new(move |done, total| {
            let percent = 100 * done / total.max(1);
            if last.swap(percent, std::sync::atomic::Ordering::Relaxed) != percent {
                // Progress may be lost when nobody reads; it is not an end.
                events.try_send(Event::Loading { part: part.clone(), share: percent as f32 / 100.0 }).ok();
                wake();
            }
        })
    }

    fn prepare_previews(&mut self) {
        let Some(model) = &self.model else {
            self.preparing = false;
            return;
        };
        let _busy = self.busyness.begin();
        match self.previewer.prepare(&model.networks, model.hash.if_ready().as_deref()) {
            Ok(more) => self.preparing = more,
            Err(error) => {
                log::warn!("the fast preview is not prepared: {error}");
                self.preparing = false;
            }
        }
    }

    fn count_tokens(&self, model: Option<&OpenModel>, text: String) {
        let tokens = model.and_then(|model| model.networks.tokenize(&text).ok());
        let count = tokens.map_or_else(TokenCount::default, |tokens| TokenCount {
            used: tokens.needed,
            max: tokens.ids.len(),
            dropped_from: tokens.dropped_from,
        });
        self.send(Event::Tokens { text, count });
    }

    fn decode(&self, model: Option<&OpenModel>, job: JobId, step: usize, stop: &StopFlag) {
        let pred_x0 = match model {
            Some(model) => self.kept.pred_x0(job, step, &model.info.source).map(|pred_x0| (model, pred_x0)),
            None => Err(StepError::Gone),
        };
        let frame = pred_x0.map_err(|error| Report::of(&error)).and_then(|(model, pred_x0)| {
            let _under = model.networks.device().under(stop);
            let decoded = generate::decode(&model.networks, &pred_x0);
            decoded.map(|(frame, _)| frame).map_err(|error| Report::of(&error))
        });
        self.send(Event::Decoded { job, step, frame });
    }

    /// The next control for `job`, if one has come; those of other jobs are dropped.
    pub(super) fn control(&self, job: JobId) -> Option<Control> {
        self.ends.controls.try_iter().find(|control| super::handle::job_of(control) == job)
    }
}
