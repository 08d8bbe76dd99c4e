//! The inference thread's loop: one request at a time; controls are read between steps.
//!
//! Invariants: every started job ends in exactly one of finished, stopped, failed; an event is sent
//! before the window is woken; a panic becomes [`Event::Died`] and ends the thread.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{Compute, Control, Event, JobId, ModelSource, Report, Request, TokenCount};
use crate::ops::{self, Device, DeviceOptions, Progress};
use crate::picture::Frame;

use super::compute::with_compute;
use super::generate;
use super::handle::{EngineEnds, EngineHandle};
use super::open::{OpenModel, open_model};
use super::previews::Previewer;
use super::run::RunningJob;
use super::steps_kept::StepsKept;
use super::tiny;

/// Wakes the front end after something was sent.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// What the inference thread is given at its start.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Where and how to compute.
    pub device: DeviceOptions,
    /// A folder for what can be made again (fitted previews).
    pub cache_folder: Option<PathBuf>,
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
            let report = Report {
                sentence:
                    "The inference thread stopped by a fault of the program; restart it and report this"
                        .to_owned(),
                details: panic_text(panic.as_ref()),
            };
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

/// One sentence and its causes, made once, where the error leaves the engine.
pub(super) fn report(error: &dyn std::error::Error) -> Report {
    let mut details = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        details.push(cause.to_string());
        source = cause.source();
    }
    Report { sentence: error.to_string(), details: details.join("\n") }
}

/// The thread's state.
pub(super) struct Worker {
    pub(super) ends: EngineEnds,
    wake: Waker,
    options: EngineOptions,
    pub(super) model: Option<OpenModel>,
    pub(super) previewer: Previewer,
    pub(super) kept: StepsKept,
    /// Requests that came while a job ran.
    waiting: VecDeque<Request>,
    /// There is preview work left to do while idle.
    preparing: bool,
}

impl Worker {
    fn new(options: EngineOptions, ends: EngineEnds, wake: Waker) -> Self {
        let previewer = Previewer::new(None, None);
        Self {
            ends,
            wake,
            options,
            model: None,
            previewer,
            kept: StepsKept::default(),
            waiting: VecDeque::new(),
            preparing: false,
        }
    }

    /// Works until the front end is gone.
    fn run(mut self) {
        loop {
            let request = match self.waiting.pop_front() {
                Some(request) => request,
                None if self.preparing => match self.ends.requests.try_recv() {
                    Ok(request) => request,
                    Err(crossbeam_channel::TryRecvError::Empty) => {
                        self.prepare_previews();
                        continue;
                    }
                    Err(crossbeam_channel::TryRecvError::Disconnected) => return,
                },
                None => match self.ends.requests.recv() {
                    Ok(request) => request,
                    Err(crossbeam_channel::RecvError) => return,
                },
            };
            self.handle(request);
        }
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Open(source) => {
                self.open(source);
            }
            Request::Compute(compute) => self.compute(&compute),
            Request::Generate(job) => RunningJob::run(self, job),
            Request::CountTokens { text } => self.count_tokens(self.model.as_ref(), text),
            Request::Decode { job, step } => self.decode(self.model.as_ref(), job, step),
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
    pub(super) fn answer_or_keep(&mut self, model: &OpenModel, request: Request) {
        match request {
            Request::CountTokens { text } => self.count_tokens(Some(model), text),
            Request::Decode { job, step } => self.decode(Some(model), job, step),
            other => self.waiting.push_back(other),
        }
    }

    /// Opens the present model as `compute` says; if that fails, all stays as it was.
    fn compute(&mut self, compute: &Compute) {
        let device = with_compute(self.options.device, compute);
        let former = std::mem::replace(&mut self.options.device, device);
        let source = self.model.as_ref().map_or(ModelSource::Starter, |model| model.info.source.clone());
        if !self.open(source) {
            self.options.device = former;
        }
    }

    /// Opens a model in place of the present one; answers whether it is open.
    fn open(&mut self, source: ModelSource) -> bool {
        self.ends.stop.lower();
        let name = match &source {
            ModelSource::Starter => "Starter".to_owned(),
            ModelSource::Path { path, .. } => {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        };
        self.send(Event::Loading { part: name.clone(), share: 0.0 });
        let opened = Device::open(self.options.device, self.ends.stop.clone())
            .map_err(|error| report(&error))
            .and_then(|(device, sentence)| {
                // The former model's memory goes before the next is read.
                let former = self.model.take();
                let opened = open_model(&source, &device, &sentence, Some(self.progress(name)));
                if opened.is_err() {
                    self.model = former;
                }
                opened.map_err(|error| {
                    if error.is_stop() {
                        Report { sentence: "Loading was stopped".to_owned(), details: String::new() }
                    } else {
                        report(&error)
                    }
                })
            });
        match opened {
            Ok(mut model) => {
                let tiny = tiny::find(&model, self.options.data_folder.as_deref());
                let tiny = tiny.unwrap_or_else(|sentence| {
                    model.info.notes.push(sentence);
                    None
                });
                self.previewer = Previewer::new(self.options.cache_folder.clone(), tiny);
                self.preparing = true;
                let info = Box::new(model.info.clone());
                self.model = Some(model);
                self.send(Event::Opened(info));
                true
            }
            Err(report) => {
                self.send(Event::OpenFailed { source, report });
                false
            }
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
        self.ends.stop.lower();
        match self.previewer.prepare(&model.networks, model.hash_if_ready()) {
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

    fn decode(&self, model: Option<&OpenModel>, job: JobId, step: usize) {
        let frame = match (model, self.kept.get(job, step)) {
            (Some(model), Some(pred_x0)) => generate::decode(&model.networks, pred_x0)
                .map(|(frame, _)| frame)
                .map_err(|error| report(&error)),
            _ => Err(Report {
                sentence: "This step is no longer kept; make the picture again to see it".to_owned(),
                details: String::new(),
            }),
        };
        self.send(Event::Decoded { job, step, frame });
    }

    /// A latent's full decode, for the end of a job.
    pub(super) fn decode_now(&self, z: &crate::sampler::Latent) -> ops::Result<Frame> {
        match &self.model {
            Some(model) => generate::decode(&model.networks, z).map(|(frame, _)| frame),
            None => Err(ops::Error::Shape("no model is open".to_owned())),
        }
    }

    /// The next control for `job`, if one has come; those of other jobs are dropped.
    pub(super) fn control(&self, job: JobId) -> Option<Control> {
        self.ends.controls.try_iter().find(|control| super::handle::job_of(control) == job)
    }

    /// How long ago the stop flag was raised.
    pub(super) fn stop_latency(&self) -> Duration {
        self.ends.stop.raised_for()
    }
}
