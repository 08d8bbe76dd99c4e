//! `RunningJob`: one job from its start to its one end, with what the user does to it on the way.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crossbeam_channel::select;

use crate::message::{Control, Event, Job, Report, Step};
use crate::negative::{Ended, Parent, Recorder};
use crate::ops::{self, StopFlag, Under};
use crate::picture::{Added, Frame, Made};
use crate::sampler::{Next, RunState, StepReport};
use crate::settings::{Beginning, PreviewMode};

use crate::engine::generate::GenerateError;
use crate::engine::hash::Busy;
use crate::engine::lens::step_heat;
use crate::engine::negative::{Resumed, branched_from, note_of};
use crate::engine::open::OpenModel;
use crate::engine::options::EngineOptions;
use crate::engine::prompts::Passes;
use crate::engine::running::origin;
use crate::engine::running::refuge::refuge;
use crate::engine::takeover::develop_through;
use crate::engine::workspace::{STRIP_PIECE, Showing, Workspace};

/// An earlier picture's strip takes a twentieth of each step at most, or one frame.
const STRIP_SHARE: u32 = 20;

/// A job while it runs.
pub(in crate::engine) struct RunningJob<'a> {
    workspace: &'a mut Workspace,
    options: &'a EngineOptions,
    model: Rc<OpenModel>,
    /// What `model` computes under the job's stop flag.
    under: Option<Under>,
    /// Whether `model` took over from a lost card.
    taken_over: bool,
    job: Job,
    /// How steps were to be shown.
    previews: PreviewMode,
    stop: StopFlag,
    /// Steps that the run has; 0 before it is planned.
    steps: usize,
    began: Instant,
    /// Time spent paused; it is no part of the run.
    rested: Duration,
    previews_took: Duration,
    guidance_of_steps: Vec<f64>,
    /// What the run lays over the model.
    added: Vec<Added>,
    /// What it is conditioned on.
    prompts: Passes,
    /// The picture that it began from.
    beginning: Option<Beginning>,
    /// What the run branched off from.
    parent: Option<Parent>,
    /// Who keeps the run's negative.
    recorder: Option<Recorder>,
    stopped: bool,
    /// Whether the next process goes on with it.
    aside: bool,
}

/// Sets the guidance of the steps to come; the last word counts.
fn steer(next: &mut Next, control: Control) {
    match control {
        Control::Steer { guidance, .. } if guidance.is_finite() => {
            *next = Next { guidance: Some(guidance), curve: None };
        }
        Control::Bend { curve, .. } => *next = Next { guidance: None, curve: Some(curve) },
        _ => {}
    }
}

/// How a job ends.
enum End {
    Finished(Frame),
    Stopped,
    Failed(GenerateError),
}

impl<'a> RunningJob<'a> {
    /// Runs `job` with `model` to its end. Returns the model that took over from a lost card, if one did.
    pub(in crate::engine) fn run(
        workspace: &'a mut Workspace,
        options: &'a EngineOptions,
        model: Rc<OpenModel>,
        job: Job,
        stop: StopFlag,
        busy: Busy,
    ) -> Option<Rc<OpenModel>> {
        let mut running = Self {
            workspace,
            options,
            under: Some(model.networks.device().under(&stop)),
            model,
            taken_over: false,
            previews: job.previews,
            job,
            stop,
            steps: 0,
            began: Instant::now(),
            rested: Duration::ZERO,
            previews_took: Duration::ZERO,
            guidance_of_steps: Vec::new(),
            added: Vec::new(),
            prompts: Passes::default(),
            beginning: None,
            parent: None,
            recorder: None,
            stopped: false,
            aside: false,
        };
        let end = running.develop().unwrap_or_else(|error| match error {
            GenerateError::Ops(ops::Error::Stopped) => End::Stopped,
            error => End::Failed(error),
        });
        running.under = None;
        running.hear_of_setting_aside();
        // The picture waits for the model's hash; hashing resumes now.
        drop(busy);
        running.finish(end);
        running.taken_over.then_some(running.model)
    }

    fn develop(&mut self) -> Result<End, GenerateError> {
        let model = self.model.clone();
        let begun = origin::begin(&model, &self.job, self.options.negatives.as_ref())?;
        self.beginning = begun.beginning();
        let Resumed { settings, plan, state, guidance_of_steps, parent } = begun.resumed;
        (self.guidance_of_steps, self.parent) = (guidance_of_steps, parent);
        (self.recorder, self.steps) = (begun.recorder, plan.schedule.len());
        self.added.clone_from(&plan.added);
        self.prompts = plan.passes();
        self.job.settings = settings.clone();
        match &begun.negative {
            Some(negative) => self.workspace.adopt(self.job.id, negative),
            None => self.workspace.kept.begin(self.job.id, model.info.source.clone()),
        }
        let overlay = plan.ground.as_ref().and_then(|ground| ground.overlay.clone());
        self.workspace.kept.put_into(self.job.id, overlay);
        self.workspace.send(Event::Started {
            job: self.job.id,
            timesteps: plan.schedule.timesteps_in_order(),
            tokens: plan.tokens.clone(),
            notes: plan.notes.iter().cloned().chain(begun.notes).collect(),
            negative: begun.negative,
            first_step: state.step,
        });
        // What was seen of a step that did not end is nobody's.
        self.workspace.lens.take();
        let lens = self.workspace.lens.clone();
        let running = RefCell::new(&mut *self);
        let mut on_step = |step: &StepReport<'_>, state: &RunState| {
            let mut running = running.borrow_mut();
            running.record(step, state);
            running.after_step(step)
        };
        let mut refuge = |failure: &GenerateError, done| running.borrow_mut().take_over(failure, done);
        let lens = Some(&*lens);
        let developed = develop_through(&model, &settings, &plan, state, &mut on_step, &mut refuge, lens)?;
        let Some(developed) = developed else { return Ok(End::Stopped) };
        if !developed.notes.is_empty() {
            self.workspace.send(Event::Noted { job: self.job.id, notes: developed.notes });
        }
        Ok(End::Finished(developed.frame))
    }

    fn record(&mut self, step: &StepReport<'_>, state: &RunState) {
        let Some(recorder) = &mut self.recorder else { return };
        recorder.model_hash(&self.model.hash.if_ready().unwrap_or_default());
        recorder.step(step, state);
        if let Some(trouble) = recorder.trouble() {
            let notes = vec![note_of(trouble)];
            self.workspace.send(Event::Noted { job: self.job.id, notes });
        }
    }

    /// Reads what was asked after the last step.
    fn hear_of_setting_aside(&mut self) {
        while let Some(control) = self.workspace.control(self.job.id) {
            self.aside |= matches!(control, Control::SetAside { .. });
        }
    }

    /// Ends the negative as the run has ended; a failed run stays interrupted.
    fn end_recording(&mut self, ended: Option<Ended>, hash: Option<&str>) {
        let Some(mut recorder) = self.recorder.take() else { return };
        recorder.model_hash(hash.unwrap_or_default());
        if self.aside {
            return recorder.set_aside();
        }
        let Some(ended) = ended else { return };
        if let Some(trouble) = recorder.end(ended) {
            log::warn!("{}", note_of(trouble));
        }
    }

    /// The same model on the processor, which goes on after `done` steps: the card has failed.
    fn take_over(&mut self, failure: &GenerateError, done: usize) -> Option<Rc<OpenModel>> {
        let (workspace, lost) = (&mut *self.workspace, (self.job.id, failure, done));
        let model = refuge(workspace, self.options, &self.model, &self.stop, lost)?;
        self.under = Some(model.networks.device().under(&self.stop));
        // A preview may have been the first to fail.
        self.job.previews = self.previews;
        (self.model, self.taken_over) = (model.clone(), true);
        Some(model)
    }

    /// Reports a step, shows it, and does what the user asked meanwhile.
    fn after_step(&mut self, step: &StepReport<'_>) -> ControlFlow<(), Next> {
        self.guidance_of_steps.push(step.guidance);
        self.workspace.kept.push(self.job.id, step.pred_x0);
        self.workspace.send(Event::Stepped(Step {
            job: self.job.id,
            step: step.step,
            steps: step.steps,
            timestep: step.timestep,
            guidance: step.guidance,
            took: step.took,
        }));
        self.show_heat(step.step);
        if self.preview(step).is_break() {
            self.stopped = true;
            return ControlFlow::Break(());
        }
        let mut next = Next::default();
        while let Some(control) = self.workspace.control(self.job.id) {
            match control {
                Control::Steer { .. } | Control::Bend { .. } => steer(&mut next, control),
                Control::Resume { .. } => {}
                Control::Pause { .. } => self.rest(&mut next),
                Control::Stop { .. } => self.stopped = true,
                Control::SetAside { .. } => (self.stopped, self.aside) = (true, true),
            }
        }
        self.answer_quick_requests();
        self.workspace.make_strip(&self.model, step.took / STRIP_SHARE);
        if self.stopped || self.stop.is_raised() {
            self.stopped = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(next)
    }

    /// Shows where words and guidance acted in a step, if somebody looks.
    fn show_heat(&self, step: usize) {
        let Some(seen) = self.workspace.lens.take() else { return };
        let words = self.prompts.words_of_step(step);
        let heat = step_heat(&seen, words, &self.job.settings.prompt, self.job.id, step);
        let heat = self.workspace.heat_within(heat);
        self.workspace.send(Event::Heat(Box::new(heat)));
    }

    /// Shows a step; a break means that it was stopped meanwhile. A decoder that fails costs the
    /// preview, not the picture.
    fn preview(&mut self, step: &StepReport<'_>) -> ControlFlow<()> {
        let run = self.began.elapsed().saturating_sub(self.rested);
        let showing = Showing { job: self.job.id, mode: self.job.previews, run };
        match self.workspace.show(&self.model.clone(), step, showing, &mut self.previews_took) {
            Ok(()) => {}
            Err(GenerateError::Ops(ops::Error::Stopped)) => return ControlFlow::Break(()),
            Err(error) => {
                log::warn!("step {} is not shown: {error}", step.step + 1);
                self.job.previews = PreviewMode::Off;
            }
        }
        ControlFlow::Continue(())
    }

    /// Waits until resumed or stopped, and takes in how guidance was set meanwhile.
    fn rest(&mut self, next: &mut Next) {
        let began = Instant::now();
        self.workspace.send(Event::Paused { job: self.job.id });
        if let Some(recorder) = &self.recorder {
            recorder.paused(true);
        }
        let (controls, requests) =
            (self.workspace.ends.controls.clone(), self.workspace.ends.requests.clone());
        loop {
            select! {
                recv(controls) -> control => match control {
                    Ok(control) if crate::engine::handle::job_of(&control) != self.job.id => {}
                    Ok(control @ (Control::Steer { .. } | Control::Bend { .. })) => steer(next, control),
                    Ok(Control::Pause { .. }) => {}
                    Ok(Control::Resume { .. }) => break,
                    Ok(Control::SetAside { .. }) => {
                        (self.stopped, self.aside) = (true, true);
                        break;
                    }
                    Ok(Control::Stop { .. }) | Err(_) => {
                        self.stopped = true;
                        break;
                    }
                },
                recv(requests) -> work => match work {
                    Ok(work) => {
                        self.workspace.answer_or_keep(&self.model, work);
                        while self.workspace.has_strips() && controls.is_empty() {
                            self.workspace.make_strip(&self.model, STRIP_PIECE);
                        }
                    }
                    Err(_) => {
                        self.stopped = true;
                        break;
                    }
                },
            }
        }
        self.rested += began.elapsed();
        if !self.stopped {
            if let Some(recorder) = &self.recorder {
                recorder.paused(false);
            }
            self.workspace.send(Event::Resumed { job: self.job.id });
        }
    }

    fn answer_quick_requests(&mut self) {
        while let Ok(work) = self.workspace.ends.requests.try_recv() {
            self.workspace.answer_or_keep(&self.model, work);
        }
    }

    /// Sends the job's one end.
    fn finish(&mut self, end: End) {
        let job = self.job.id;
        let took = self.began.elapsed().saturating_sub(self.rested);
        let (event, ended, hash) = match end {
            End::Finished(frame) => {
                let made = self.made();
                let hash = made.model_hash.clone();
                (Event::Finished { job, frame, made, took }, Some(Ended::Finished), Some(hash))
            }
            End::Stopped => {
                let (steps_done, latency) = (self.guidance_of_steps.len(), self.stop.raised_for());
                let made = self.made();
                (Event::Stopped { job, steps_done, latency, made }, Some(Ended::Stopped), None)
            }
            End::Failed(error) => (Event::Failed { job, report: Report::of(&error) }, None, None),
        };
        if self.aside {
            // The next process may begin as soon as it hears of it.
            self.end_recording(ended, hash.as_deref());
            return self.workspace.send(event);
        }
        // Nobody waits for the disk.
        self.workspace.send(event);
        self.end_recording(ended, hash.as_deref());
        self.workspace.send(Event::Recorded { job });
    }

    /// How the picture was made, with the guidance as it was steered. Waits for the model's hash.
    fn made(&self) -> Box<Made> {
        let model = &self.model;
        // After a stop the user does not wait for a hash.
        let hash = model.hash.wait(&self.stop);
        let settings = &self.job.settings;
        let made = Made::new(settings, self.steps, &self.guidance_of_steps, &model.info.name, &hash);
        let made = made.with(self.added.clone()).from_picture(self.beginning.clone());
        Box::new(made.branched_from(branched_from(self.parent.as_ref())))
    }
}
