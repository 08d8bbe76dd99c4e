//! `Workspace`: what the inference thread has beside the open model: its channels, the previews, the kept
//! steps and the requests that wait.
//!
//! Invariant: an event is sent before the window is woken.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::from::spread;
use crate::engine::generate;
use crate::engine::generate::GenerateError;
use crate::engine::handle::{EngineEnds, Work, job_of};
use crate::engine::hash::Busyness;
use crate::engine::lens::{Lens, Looks};
use crate::engine::open::OpenModel;
use crate::engine::options::EngineOptions;
use crate::engine::preview::Previewer;
use crate::engine::preview::kept::Kept;
use crate::engine::preview::proofs::Proofs;
use crate::engine::preview::steps_kept::{StepError, StepSource, StepsKept, Wanted};
use crate::engine::preview::strips::Strips;
use crate::engine::preview::tiny;
use crate::engine::prompts;
use crate::message::{Control, Event, JobId, Preview, Report, Request, StepHeat};
use crate::ops::{Progress, StopFlag};
use crate::sampler::StepReport;
use crate::settings::{PreviewMode, PromptGrammar};
use crate::told::Told as _;

/// How long strips are made before the requests are looked at again.
pub(super) const STRIP_PIECE: Duration = Duration::from_millis(20);

/// Wakes the front end after something was sent.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// How a step is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Showing {
    /// The job whose step it is.
    pub(super) job: JobId,
    /// How it is decoded.
    pub(super) mode: PreviewMode,
    /// How long the run has taken so far.
    pub(super) run: Duration,
}

/// What the thread owns beside the model.
pub(super) struct Workspace {
    pub(super) ends: EngineEnds,
    pub(super) wake: Waker,
    pub(super) previewer: Previewer,
    /// TAESD's file, where one was chosen.
    pub(super) taesd: Option<PathBuf>,
    /// Folders of the library, where LoRAs and embeddings may lie.
    pub(super) model_folders: Vec<PathBuf>,
    pub(super) kept: Kept,
    strips: Strips,
    proofs: Proofs,
    /// Shows where words and guidance act, while somebody looks.
    pub(super) lens: Rc<Lens>,
    pub(super) looks: Looks,
    /// Keeps hashing paused while anything else is done.
    pub(super) busyness: Busyness,
    /// Requests that came while a job ran.
    pub(super) waiting: VecDeque<Work>,
}

impl Workspace {
    pub(super) fn new(ends: EngineEnds, wake: Waker, options: &EngineOptions) -> Self {
        let session = StepsKept::new(options.session_folder.clone());
        Self {
            ends,
            wake,
            previewer: Previewer::new(None, None),
            taesd: options.taesd.clone(),
            model_folders: options.model_folders.clone(),
            kept: Kept::new(session, options.negatives.clone()),
            strips: Strips::default(),
            proofs: Proofs::default(),
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

    /// All controls that have come.
    pub(super) fn controls(&self) -> Vec<Control> {
        self.ends.controls.try_iter().collect()
    }

    /// Answers quick requests and returns the others.
    pub(super) fn answer(
        &mut self,
        model: Option<&OpenModel>,
        request: Request,
        stop: &StopFlag,
    ) -> Option<Request> {
        match request {
            Request::CountTokens { text, grammar } => self.count_tokens(model, text, grammar),
            Request::Decode { job, step } => self.decode(model, job, step, stop),
            Request::Strip { job, mode } => self.strips.ask(job, mode),
            Request::Reopen { job, negative } => self.adopt(job, &negative),
            Request::Proof { negative } => self.proofs.ask(negative),
            Request::Taesd(path) => self.choose_taesd(model, path),
            Request::ModelFolders(folders) => {
                if let Some(model) = model {
                    model.additions.look_in(&folders);
                }
                self.model_folders = folders;
            }
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

    /// Makes tiny previews with this file from now on, if it is one.
    fn choose_taesd(&mut self, model: Option<&OpenModel>, path: PathBuf) {
        let acts = match model {
            Some(model) => tiny::open(&path, model).map(|tiny| {
                let acts = tiny.is_some();
                self.previewer.set_tiny(tiny);
                acts
            }),
            None => Ok(false),
        };
        if acts.is_ok() {
            self.taesd = Some(path.clone());
        }
        let acts = acts.map_err(|note| Report { sentence: note.sentence(), details: note.to_string() });
        self.send(Event::Taesd { path, acts });
    }

    /// Reads a job's steps from its negative from now on.
    pub(super) fn adopt(&mut self, job: JobId, negative: &str) {
        if let Some(path) = self.kept.adopt(job, negative) {
            self.looks.begin(job, path);
        }
    }

    /// Whether an earlier picture's strip is not whole yet, or a listed run has no proof.
    pub(super) fn has_strips(&self) -> bool {
        self.strips.is_waiting() || self.proofs.is_waiting()
    }

    /// Makes the next frames of a strip that was asked for, else the next proof.
    pub(super) fn make_strip(&mut self, model: &OpenModel, budget: Duration) {
        let strip = self.strips.make(&self.kept, model, &mut self.previewer, budget);
        if let Some(event) = strip.or_else(|| self.proofs.make(&self.kept, model, &mut self.previewer)) {
            self.send(event);
        }
    }

    /// Shows a step's prediction and counts what that took.
    ///
    /// # Errors
    /// If the decoder fails or is stopped.
    pub(super) fn show(
        &mut self,
        model: &OpenModel,
        step: &StepReport<'_>,
        Showing { job, mode, run }: Showing,
        previews_took: &mut Duration,
    ) -> Result<(), GenerateError> {
        let hash = model.hash.if_ready();
        let overlay = self.kept.overlay(job);
        let within = (step.pred_x0, overlay.as_deref());
        let shown = self.previewer.show_within(&model.networks, hash.as_deref(), within, mode, step.took)?;
        let Some(shown) = shown else { return Ok(()) };
        *previews_took += shown.took;
        self.preview(Preview {
            job,
            step: step.step,
            image: shown.image,
            mode: shown.mode,
            took: shown.took,
            share: (previews_took.as_secs_f64() / run.as_secs_f64().max(1e-9)) as f32,
            note: shown.note,
        });
        Ok(())
    }

    fn count_tokens(&self, model: Option<&OpenModel>, text: String, grammar: PromptGrammar) {
        let count = model.and_then(|model| prompts::count(&model.networks, grammar, &text).ok());
        let count = count.unwrap_or_default();
        self.send(Event::Tokens { text, count });
    }

    fn look(&mut self, model: Option<&OpenModel>, job: JobId, step: usize, stop: &StopFlag) {
        let looked = match model {
            Some(model) => {
                let _under = model.networks.device().under(stop);
                let heat = model.apart(|| self.looks.look(model, job, step));
                heat.map(|heat| self.heat_within(heat))
            }
            None => Err(Report::of(&StepError::Gone)),
        };
        self.send(match looked {
            Ok(heat) => Event::Heat(Box::new(heat)),
            Err(report) => Event::HeatFailed { job, step, report },
        });
    }

    /// Maps over the picture that is shown, where a run works on a part of it.
    pub(super) fn heat_within(&self, heat: StepHeat) -> StepHeat {
        match self.kept.overlay(heat.job) {
            Some(overlay) => spread(heat, &overlay),
            None => heat,
        }
    }

    fn decode(&self, model: Option<&OpenModel>, job: JobId, step: usize, stop: &StopFlag) {
        let pred_x0 = match model {
            Some(model) => {
                let hash = model.hash.if_ready();
                let wanted = Wanted { source: &model.info.source, hash: hash.as_deref() };
                self.kept.pred_x0(job, step, wanted).map(|pred_x0| (model, pred_x0))
            }
            None => Err(StepError::Gone),
        };
        let frame = pred_x0.map_err(|error| Report::of(&error)).and_then(|(model, pred_x0)| {
            let _under = model.networks.device().under(stop);
            let decoded = model.apart(|| {
                if let Some(tile) = self.kept.tile(job) {
                    model.additions.wrap(&model.networks, tile);
                }
                generate::decode(&model.networks, &pred_x0)
            });
            decoded.map(|(frame, _)| frame).map_err(|error| Report::of(&error))
        });
        let frame = frame.map(|made| match self.kept.overlay(job) {
            Some(overlay) => overlay.finished(&made),
            None => made,
        });
        self.send(Event::Decoded { job, step, frame });
    }
}
