//! `Workspace`: what the inference thread has beside the open model: its channels, the previews, the kept
//! steps and the requests that wait.
//!
//! Invariant: an event is sent before the window is woken.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::generate;
use crate::engine::handle::{EngineEnds, Work, job_of};
use crate::engine::hash::Busyness;
use crate::engine::lens::{Lens, Looks};
use crate::engine::open::OpenModel;
use crate::engine::preview::Previewer;
use crate::engine::preview::steps_kept::{StepError, StepSource, StepsKept};
use crate::engine::preview::strips::Strips;
use crate::message::{Control, Event, JobId, Preview, Report, Request, TokenCount};
use crate::ops::{Progress, StopFlag};

/// How long strips are made before the requests are looked at again.
pub(super) const STRIP_PIECE: Duration = Duration::from_millis(20);

/// Wakes the front end after something was sent.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// What the thread owns beside the model.
pub(super) struct Workspace {
    pub(super) ends: EngineEnds,
    pub(super) wake: Waker,
    pub(super) previewer: Previewer,
    pub(super) kept: StepsKept,
    strips: Strips,
    /// Shows where words and guidance act, while somebody looks.
    pub(super) lens: Rc<Lens>,
    pub(super) looks: Looks,
    /// Keeps hashing paused while anything else is done.
    pub(super) busyness: Busyness,
    /// Requests that came while a job ran.
    pub(super) waiting: VecDeque<Work>,
}

impl Workspace {
    pub(super) fn new(ends: EngineEnds, wake: Waker, session_folder: Option<PathBuf>) -> Self {
        Self {
            ends,
            wake,
            previewer: Previewer::new(None, None),
            kept: StepsKept::new(session_folder),
            strips: Strips::default(),
            lens: Rc::default(),
            looks: Looks::default(),
            busyness: Busyness::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Sends, then wakes.
    pub(super) fn send(&self, event: Event) {
        // Without a front end nobody needs the event.
        self.ends.events.send(event).ok();
        (self.wake)();
    }

    /// Sends a preview, then wakes; the oldest unread one gives way if there is no room.
    pub(super) fn preview(&self, preview: Preview) {
        self.ends.preview(preview);
        (self.wake)();
    }

    /// Reports the share of `part` that is read, a hundred times at most.
    pub(super) fn progress(&self, part: String) -> Progress {
        let (events, wake) = (self.ends.events.clone(), self.wake.clone());
        let last = std::sync::atomic::AtomicUsize::new(0);
        Arc::new(move |done, total| {
            let percent = 100 * done / total.max(1);
            if last.swap(percent, std::sync::atomic::Ordering::Relaxed) != percent {
                // Progress may be dropped; terminal events never are.
                events.try_send(Event::Loading { part: part.clone(), share: percent as f32 / 100.0 }).ok();
                wake();
            }
        })
    }

    /// The next control for `job`, if one has come; drops those of other jobs.
    pub(super) fn control(&self, job: JobId) -> Option<Control> {
        self.ends.controls.try_iter().find(|control| job_of(control) == job)
    }

    /// Answers quick requests and returns the others.
    pub(super) fn answer(
        &mut self,
        model: Option<&OpenModel>,
        request: Request,
        stop: &StopFlag,
    ) -> Option<Request> {
        match request {
            Request::CountTokens { text } => self.count_tokens(model, text),
            Request::Decode { job, step } => self.decode(model, job, step, stop),
            Request::Strip { job } => self.strips.ask(job),
            Request::Look { on } => self.lens.turn(on),
            Request::Heat { job, step } => self.look(model, job, step, stop),
            request => return Some(request),
        }
        None
    }

    /// The same while a job runs with `model`: what takes longer waits its turn.
    pub(super) fn answer_or_keep(&mut self, model: &OpenModel, Work { request, stop }: Work) {
        if let Some(request) = self.answer(Some(model), request, &stop) {
            self.waiting.push_back(Work { request, stop });
        }
    }

    /// Whether an earlier picture's strip is not whole yet.
    pub(super) fn has_strips(&self) -> bool {
        self.strips.is_waiting()
    }

    /// Makes the next frames of a strip that was asked for, if one was.
    pub(super) fn make_strip(&mut self, model: &OpenModel, budget: Duration) {
        if let Some(event) = self.strips.make(&self.kept, model, &mut self.previewer, budget) {
            self.send(event);
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

    fn look(&mut self, model: Option<&OpenModel>, job: JobId, step: usize, stop: &StopFlag) {
        let looked = match model {
            Some(model) => {
                let _under = model.networks.device().under(stop);
                self.looks.look(model, job, step)
            }
            None => Err(Report::of(&StepError::Gone)),
        };
        self.send(match looked {
            Ok(heat) => Event::Heat(Box::new(heat)),
            Err(report) => Event::HeatFailed { job, step, report },
        });
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
}
