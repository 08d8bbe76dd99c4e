//! The inference thread's loop: one request at a time; controls are read between steps.
//!
//! Invariants: every started job ends in exactly one of finished, stopped, failed; a panic becomes
//! [`Event::Died`] and ends the thread.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

#[cfg(feature = "gpu")]
use crate::engine::cards::Cards;
use crate::engine::compute::{on_processor, with_compute};
use crate::engine::generate::GenerateError;
use crate::engine::handle::{EngineEnds, EngineHandle, Work};
use crate::engine::open::{OpenModel, looks_right};
use crate::engine::options::EngineOptions;
use crate::engine::reading::read_model;
use crate::engine::running::job::RunningJob;
use crate::engine::running::sheet::RunningSheet;
use crate::engine::workspace::{STRIP_PIECE, Waker, Workspace};
use crate::journal;
use crate::message::{Compute, Event, Job, ModelSource, Report, Request};
use crate::ops::{DeviceOptions, StopFlag};

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
struct Worker {
    options: EngineOptions,
    model: Option<Rc<OpenModel>>,
    workspace: Workspace,
    #[cfg(feature = "gpu")]
    cards: Cards,
    /// There is preview work left to do while idle.
    preparing: bool,
}

impl Worker {
    fn new(options: EngineOptions, ends: EngineEnds, wake: Waker) -> Self {
        let workspace = Workspace::new(ends, wake, &options);
        Self {
            options,
            model: None,
            workspace,
            #[cfg(feature = "gpu")]
            cards: Cards::default(),
            preparing: false,
        }
    }

    /// Works until the front end is gone.
    fn run(mut self) {
        loop {
            let requests = self.workspace.ends.requests.clone();
            let work = match self.workspace.waiting.pop_front() {
                Some(work) => work,
                None if self.preparing || (self.model.is_some() && self.workspace.has_strips()) => {
                    match requests.try_recv() {
                        Ok(work) => work,
                        Err(crossbeam_channel::TryRecvError::Empty) => {
                            self.do_quiet_work();
                            continue;
                        }
                        Err(crossbeam_channel::TryRecvError::Disconnected) => return,
                    }
                }
                None => {
                    #[cfg(feature = "gpu")]
                    self.look_for_cards();
                    match requests.recv() {
                        Ok(work) => work,
                        Err(crossbeam_channel::RecvError) => return,
                    }
                }
            };
            self.handle(work);
        }
    }

    fn handle(&mut self, Work { request, stop }: Work) {
        let busyness = self.workspace.busyness.clone();
        let busy = busyness.begin();
        let Some(request) = self.workspace.answer(self.model.as_deref(), request, &stop) else { return };
        #[cfg(feature = "gpu")]
        if request == Request::FindCards {
            return self.cards.want();
        }
        #[cfg(feature = "gpu")]
        self.cards.interrupt();
        match request {
            Request::Open(source) => self.open(source, self.options.device, &stop),
            Request::Compute(compute) => self.compute(&compute, &stop),
            Request::Generate(job) => match self.model.clone() {
                Some(model) => {
                    let (workspace, options) = (&mut self.workspace, &self.options);
                    let refuge = RunningJob::run(workspace, options, model, *job, stop, busy);
                    self.taken_over(refuge);
                }
                None => self.no_model(&[*job]),
            },
            Request::Sheet(sheet) => match self.model.clone() {
                Some(model) => {
                    let (workspace, options) = (&mut self.workspace, &self.options);
                    let refuge = RunningSheet::run(workspace, options, model, sheet, stop, busy);
                    self.taken_over(refuge);
                }
                None => self.no_model(&sheet.jobs),
            },
            // The workspace has answered, or there is nothing to do without cards.
            Request::FindCards
            | Request::Taesd(_)
            | Request::ModelFolders(_)
            | Request::CountTokens { .. }
            | Request::Decode { .. }
            | Request::Look { .. }
            | Request::Heat { .. }
            | Request::Strip { .. }
            | Request::Reopen { .. }
            | Request::Proof { .. } => {}
        }
    }

    /// The model that took over from a lost card, if one did, is the present one from now on.
    fn taken_over(&mut self, refuge: Option<Rc<OpenModel>>) {
        let Some(refuge) = refuge else { return };
        self.model = Some(refuge);
        self.options.device = on_processor(self.options.device);
        self.preparing = true;
    }

    fn no_model(&self, jobs: &[Job]) {
        for job in jobs {
            let report = Report::of(&GenerateError::NoModel);
            self.workspace.send(Event::Failed { job: job.id, report });
        }
    }

    /// Lets cards be found while nothing else is to be done.
    #[cfg(feature = "gpu")]
    fn look_for_cards(&mut self) {
        let (events, wake) = (self.workspace.ends.events.clone(), self.workspace.wake.clone());
        let tell = move |event| {
            events.send(event).ok();
            wake();
        };
        self.cards.begin(&self.options, Box::new(tell));
    }

    /// One piece of the work that is done while nobody waits.
    fn do_quiet_work(&mut self) {
        match &self.model {
            Some(model) if self.workspace.has_strips() => self.workspace.make_strip(model, STRIP_PIECE),
            _ => self.prepare_previews(),
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
            self.workspace.send(Event::OpenFailed { source, report: Report::of(&error), former_is_open });
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
        self.workspace.send(Event::OpenFailed { source, report, former_is_open });
    }

    /// Reads a model and makes it the present one.
    fn read(&mut self, source: &ModelSource, stop: &StopFlag) -> Result<(), Report> {
        let (device, workspace) = (self.options.device, &mut self.workspace);
        self.model = Some(Rc::new(read_model(source, device, &self.options, workspace, stop)?));
        Ok(())
    }

    fn tell_opened(&self) {
        if let Some(model) = &self.model {
            self.workspace.send(Event::Opened(Box::new(model.info.clone())));
        }
    }

    fn prepare_previews(&mut self) {
        let Some(model) = &self.model else {
            self.preparing = false;
            return;
        };
        let _busy = self.workspace.busyness.begin();
        match self.workspace.previewer.prepare(&model.networks, model.hash.if_ready().as_deref()) {
            Ok(more) => self.preparing = more,
            Err(error) => {
                log::warn!("the fast preview is not prepared: {error}");
                self.preparing = false;
            }
        }
    }
}
