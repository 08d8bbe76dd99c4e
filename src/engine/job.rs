//! `RunningJob`: one job from its start to its one end, with what a person does to it on the way.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crossbeam_channel::select;

use crate::message::{Control, Event, Job, Preview, Report, Step};
use crate::ops::{self, StopFlag};
use crate::picture::{Frame, Made};
use crate::sampler::{Next, RunState, StepReport};
use crate::settings::PreviewMode;

use crate::engine::generate;
use crate::engine::generate::GenerateError;
use crate::engine::handle::Work;
use crate::engine::hash::Busy;
use crate::engine::open::OpenModel;
use crate::engine::worker::{STRIP_PIECE, Worker};

/// An earlier picture's strip takes a twentieth of each step at most, or one frame.
const STRIP_SHARE: u32 = 20;

/// A job while it runs.
pub(super) struct RunningJob<'a> {
    worker: &'a mut Worker,
    job: Job,
    stop: StopFlag,
    /// Steps that the run has; 0 before it is planned.
    steps: usize,
    began: Instant,
    /// Time spent resting; it is no part of the run.
    rested: Duration,
    previews_took: Duration,
    guidance_of_steps: Vec<f64>,
    stopped: bool,
}

/// How a job ends.
enum End {
    Finished(Frame),
    Stopped,
    Failed(GenerateError),
}

impl<'a> RunningJob<'a> {
    /// Runs `job` to its end.
    pub(super) fn run(worker: &'a mut Worker, job: Job, stop: StopFlag, busy: Busy) {
        let Some(model) = worker.model.take() else {
            let report = Report::of(&GenerateError::NoModel);
            worker.send(Event::Failed { job: job.id, report });
            return;
        };
        worker.kept.begin(job.id, model.info.source.clone());
        let mut running = Self {
            worker,
            job,
            stop,
            steps: 0,
            began: Instant::now(),
            rested: Duration::ZERO,
            previews_took: Duration::ZERO,
            guidance_of_steps: Vec::new(),
            stopped: false,
        };
        let end = {
            let _under = model.networks.device().under(&running.stop);
            running.develop(&model).unwrap_or_else(|error| match error {
                GenerateError::Ops(ops::Error::Stopped) => End::Stopped,
                error => End::Failed(error),
            })
        };
        // The picture waits for the model's hash, which may go on now.
        drop(busy);
        running.finish(end, &model);
        running.worker.model = Some(model);
    }

    fn develop(&mut self, model: &OpenModel) -> Result<End, GenerateError> {
        let settings = self.job.settings.clone();
        let plan = generate::plan(&model.networks, &settings, None)?;
        self.steps = plan.schedule.len();
        self.worker.send(Event::Started {
            job: self.job.id,
            timesteps: plan.schedule.timesteps_in_order(),
            tokens: plan.tokens.clone(),
            notes: plan.notes.clone(),
        });
        let state = generate::start(&model.networks, &settings);
        let mut on_step = |step: &StepReport<'_>, _: &RunState| self.after_step(model, step);
        let generated = generate::develop(&model.networks, &settings, &plan, state, None, &mut on_step)?;
        if self.stopped {
            return Ok(End::Stopped);
        }
        Ok(End::Finished(generate::decode(&model.networks, &generated.samples)?.0))
    }

    /// Tells of a step, shows it, and does what a person asked meanwhile.
    fn after_step(&mut self, model: &OpenModel, step: &StepReport<'_>) -> ControlFlow<(), Next> {
        self.guidance_of_steps.push(step.guidance);
        self.worker.kept.push(self.job.id, step.pred_x0);
        self.worker.send(Event::Stepped(Step {
            job: self.job.id,
            step: step.step,
            steps: step.steps,
            timestep: step.timestep,
            guidance: step.guidance,
            took: step.took,
        }));
        if self.preview(model, step).is_break() {
            self.stopped = true;
            return ControlFlow::Break(());
        }
        let mut next = Next::default();
        while let Some(control) = self.worker.control(self.job.id) {
            match control {
                Control::Steer { guidance, .. } if guidance.is_finite() => next.guidance = Some(guidance),
                Control::Steer { .. } | Control::Resume { .. } => {}
                Control::Pause { .. } => {
                    if let Some(guidance) = self.rest(model) {
                        next.guidance = Some(guidance);
                    }
                }
                Control::Stop { .. } => self.stopped = true,
            }
        }
        self.answer_quick_requests(model);
        self.worker.make_strip(model, step.took / STRIP_SHARE);
        if self.stopped || self.stop.is_raised() {
            self.stopped = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(next)
    }

    /// Shows a step; a break means that it was stopped meanwhile. A decoder that fails costs the
    /// preview, not the picture.
    fn preview(&mut self, model: &OpenModel, step: &StepReport<'_>) -> ControlFlow<()> {
        let (mode, hash) = (self.job.previews, model.hash.if_ready());
        match self.worker.previewer.show(&model.networks, hash.as_deref(), step.pred_x0, mode, step.took) {
            Ok(Some(shown)) => {
                self.previews_took += shown.took;
                let run = self.began.elapsed().saturating_sub(self.rested);
                self.worker.ends.preview(Preview {
                    job: self.job.id,
                    step: step.step,
                    frame: shown.frame,
                    mode: shown.mode,
                    took: shown.took,
                    share: (self.previews_took.as_secs_f64() / run.as_secs_f64().max(1e-9)) as f32,
                    note: shown.note,
                });
                self.worker.wake();
            }
            Ok(None) => {}
            Err(GenerateError::Ops(ops::Error::Stopped)) => return ControlFlow::Break(()),
            Err(error) => {
                log::warn!("step {} is not shown: {error}", step.step + 1);
                self.job.previews = PreviewMode::Off;
            }
        }
        ControlFlow::Continue(())
    }

    /// Rests until resumed or stopped; the guidance that was set meanwhile.
    fn rest(&mut self, model: &OpenModel) -> Option<f64> {
        let began = Instant::now();
        let mut guidance = None;
        self.worker.send(Event::Paused { job: self.job.id });
        let (controls, requests) = (self.worker.ends.controls.clone(), self.worker.ends.requests.clone());
        loop {
            select! {
                recv(controls) -> control => match control {
                    Ok(control) if crate::engine::handle::job_of(&control) != self.job.id => {}
                    Ok(Control::Steer { guidance: value, .. }) => guidance = Some(value).filter(|value| value.is_finite()).or(guidance),
                    Ok(Control::Pause { .. }) => {}
                    Ok(Control::Resume { .. }) => break,
                    Ok(Control::Stop { .. }) | Err(_) => {
                        self.stopped = true;
                        break;
                    }
                },
                recv(requests) -> work => match work {
                    Ok(work) => {
                        self.answer(model, work);
                        while self.worker.has_strips() && controls.is_empty() {
                            self.worker.make_strip(model, STRIP_PIECE);
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
            self.worker.send(Event::Resumed { job: self.job.id });
        }
        guidance
    }

    fn answer_quick_requests(&mut self, model: &OpenModel) {
        while let Ok(work) = self.worker.ends.requests.try_recv() {
            self.answer(model, work);
        }
    }

    /// The running job holds the model, so the worker answers with it lent back.
    fn answer(&mut self, model: &OpenModel, work: Work) {
        self.worker.answer_or_keep(model, work);
    }

    /// Sends the job's one end.
    fn finish(&self, end: End, model: &OpenModel) {
        let job = self.job.id;
        let took = self.began.elapsed().saturating_sub(self.rested);
        let event = match end {
            End::Finished(frame) => Event::Finished { job, frame, made: self.made(model), took },
            End::Stopped => Event::Stopped {
                job,
                steps_done: self.guidance_of_steps.len(),
                latency: self.stop.raised_for(),
                made: self.made(model),
            },
            End::Failed(error) => Event::Failed { job, report: Report::of(&error) },
        };
        self.worker.send(event);
    }

    /// How the picture was made, with the guidance as it was steered. Waits for the model's hash.
    fn made(&self, model: &OpenModel) -> Box<Made> {
        // A stop means that nobody wants to wait.
        let hash = model.hash.wait(&self.stop);
        let settings = &self.job.settings;
        Box::new(Made::new(settings, self.steps, &self.guidance_of_steps, &model.info.name, &hash))
    }
}
