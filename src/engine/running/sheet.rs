//! `RunningSheet`: several jobs that form side by side, a step of each at a time.
//!
//! Invariant: each ends as a job of its own does, with a negative of its own, so any of them is developed further by
//! resuming it. On the processor a job's numbers do not depend on what it is computed with, bit for bit.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::message::{Control, Event, Job, Report, Sheet, Step};
use crate::negative::{Ended, Recorder};
use crate::note::Note;
use crate::ops::{self, StopFlag, Under};
use crate::picture::{Added, Frame, Made};
use crate::sampler::{Next, RunState, StepReport};
use crate::settings::{Beginning, Fill, PreviewMode, Settings};
use crate::tray::Source;

use crate::engine::from::Ground;
use crate::engine::generate::{self, GenerateError, Plan};
use crate::engine::hash::Busy;
use crate::engine::negative::{Resumed, note_of};
use crate::engine::open::OpenModel;
use crate::engine::options::EngineOptions;
use crate::engine::running::origin::{self, Begun};
use crate::engine::running::refuge::refuge;
use crate::engine::workspace::{STRIP_PIECE, Showing, Workspace};

/// Positions of latents in one batch: four pictures of 512×512 with a first stage that reduces by eight.
const POSITIONS_MOST: usize = 4 * 64 * 64;

/// A sheet while it runs.
pub(in crate::engine) struct RunningSheet<'a> {
    workspace: &'a mut Workspace,
    options: &'a EngineOptions,
    model: Rc<OpenModel>,
    /// What `model` computes under the sheet's stop flag.
    under: Option<Under>,
    taken_over: bool,
    stop: StopFlag,
    until: usize,
    cells: Vec<Cell>,
    /// The picture that was read last, and the size for which it was.
    ground: Option<(Source, [usize; 2], Ground)>,
    began: Instant,
    previews_took: Duration,
    stopped: bool,
    /// Whether the next process may go on with them.
    aside: bool,
}

/// One of its jobs.
struct Cell {
    job: Job,
    recorder: Option<Recorder>,
    guidance_of_steps: Vec<f64>,
    /// What its run lays over the model.
    added: Vec<Added>,
    /// The picture that its run began from.
    beginning: Option<Beginning>,
    ended: bool,
}

/// Jobs that differ in their seeds alone, computed as one.
struct Batch {
    settings: Settings,
    plan: Plan,
    /// The model that the plan's texts are on.
    model: Rc<OpenModel>,
    /// Their numbers among the cells.
    cells: Vec<usize>,
    state: RunState,
}

/// Jobs that go together, before they are joined.
struct Laid {
    settings: Settings,
    source: Option<Source>,
    plan: Plan,
    /// Their numbers among the cells, and where each stands.
    members: Vec<(usize, RunState)>,
}

impl Laid {
    /// Whether a job of these settings goes with them, and there is room for it.
    fn takes(&self, settings: &Settings, source: Option<&Source>) -> bool {
        let scale = settings.hires.scale.clamp(1.0, 8.0).powi(2);
        let most = (POSITIONS_MOST as f64 / scale) as usize;
        let together: usize = self.members.iter().map(|(_, state)| positions(state)).sum();
        let one = self.members.first().map_or(0, |(_, first)| positions(first));
        let alike = Settings { seed: settings.seed, ..self.settings.clone() } == *settings;
        // Where the masked part begins with the seed's noise, each seed has a ground of its own.
        let grounded = source.is_none_or(|source| source.treatment.fill != Fill::Noise);
        alike && grounded && self.source.as_ref() == source && together + one <= most
    }

    /// All as one batch; each alone where they cannot be joined.
    fn joined(self, model: &Rc<OpenModel>) -> Vec<Batch> {
        let Self { settings, plan, members, .. } = self;
        let (cells, states): (Vec<usize>, Vec<RunState>) = members.into_iter().unzip();
        let of = |cells, state| {
            let (settings, plan, model) = (settings.clone(), plan.clone(), model.clone());
            Batch { settings, plan, model, cells, state }
        };
        match RunState::joined(&states) {
            Some(state) => vec![of(cells, state)],
            None => cells.into_iter().zip(states).map(|(cell, state)| of(vec![cell], state)).collect(),
        }
    }
}

/// How one of the jobs ends.
struct End {
    /// Its number among the cells.
    cell: usize,
    /// Steps of its whole run.
    steps: usize,
    /// Its picture, if it is finished.
    frame: Option<Frame>,
}

impl Batch {
    fn is_done(&self, until: usize) -> bool {
        self.state.step >= until.min(self.plan.schedule.len())
    }

    /// Each job on its own.
    fn parted(&self) -> Vec<Self> {
        let parts = self.cells.iter().zip(self.state.parted()).enumerate();
        let count = self.cells.len();
        let plan = |place| Plan {
            before_turn: self.plan.before_turn.as_ref().map(|before| before.part(place, count)),
            beside_second: Arc::default(),
            ..self.plan.clone()
        };
        let alone = parts.map(|(place, (cell, state))| Self {
            settings: self.settings.clone(),
            plan: plan(place),
            model: self.model.clone(),
            cells: vec![*cell],
            state,
        });
        alone.collect()
    }
}

impl<'a> RunningSheet<'a> {
    /// Runs the jobs of `sheet` with `model`. Returns the model that took over from a lost card, if one did.
    pub(in crate::engine) fn run(
        workspace: &'a mut Workspace,
        options: &'a EngineOptions,
        model: Rc<OpenModel>,
        sheet: Sheet,
        stop: StopFlag,
        busy: Busy,
    ) -> Option<Rc<OpenModel>> {
        let cell = |job| Cell {
            job,
            recorder: None,
            guidance_of_steps: Vec::new(),
            added: Vec::new(),
            beginning: None,
            ended: false,
        };
        let mut running = Self {
            workspace,
            options,
            under: Some(model.networks.device().under(&stop)),
            model,
            taken_over: false,
            stop,
            until: sheet.until.max(1),
            cells: sheet.jobs.into_iter().map(cell).collect(),
            ground: None,
            began: Instant::now(),
            previews_took: Duration::ZERO,
            stopped: false,
            aside: false,
        };
        let batches = running.begin();
        let ends = running.develop(batches);
        running.under = None;
        // The pictures wait for the model's hash; hashing resumes now.
        drop(busy);
        ends.into_iter().for_each(|end| running.end_cell(end));
        running.end_what_is_left();
        running.taken_over.then_some(running.model)
    }

    /// Lays the jobs out and joins those that go together; one that cannot begin has failed.
    fn begin(&mut self) -> Vec<Batch> {
        let mut laid: Vec<Laid> = Vec::new();
        for number in 0..self.cells.len() {
            if self.stopped || self.stop.is_raised() {
                self.stopped = true;
                break;
            }
            let Job { settings, source, .. } = self.cells[number].job.clone();
            let together = laid.iter_mut().find(|laid| laid.takes(&settings, source.as_ref()));
            let begun = match &together {
                Some(laid) => self.begin_cell(number, Ok(laid.plan.clone())),
                None => {
                    let plan = self.plan(&settings, source.as_ref());
                    self.begin_cell(number, plan)
                }
            };
            match (begun, together) {
                (Err(GenerateError::Ops(ops::Error::Stopped)), _) => self.stopped = true,
                (Err(error), _) => self.fail(number, &error),
                (Ok((_, state)), Some(laid)) => laid.members.push((number, state)),
                (Ok((plan, state)), None) => {
                    laid.push(Laid { settings, source, plan, members: vec![(number, state)] });
                }
            }
        }
        let model = self.model.clone();
        laid.into_iter().flat_map(|laid| laid.joined(&model)).collect()
    }

    /// The plan of a job. A picture from which several begin is read and encoded once.
    fn plan(&mut self, settings: &Settings, source: Option<&Source>) -> Result<Plan, GenerateError> {
        let model = self.model.clone();
        let Some(source) = source else { return model.plan(settings) };
        let size = [settings.width, settings.height];
        let ground = match &self.ground {
            Some((known, at, ground)) if known == source && *at == size => ground.clone(),
            _ => model.ground(settings, source, self.options.negatives.as_ref())?,
        };
        self.ground = Some((source.clone(), size, ground.clone()));
        model.plan_on(settings, Some(model.seeded(&ground, settings)))
    }

    fn begin_cell(
        &mut self,
        number: usize,
        plan: Result<Plan, GenerateError>,
    ) -> Result<(Plan, RunState), GenerateError> {
        let (plan, cell) = (plan?, &mut self.cells[number]);
        let settings = cell.job.settings.clone();
        let state = generate::start(&self.model.networks, &settings, &plan);
        let resumed = Resumed { settings, plan, state, guidance_of_steps: Vec::new(), parent: None };
        let begun = origin::recorded(&self.model, resumed, self.options.negatives.as_ref())?;
        cell.beginning = begun.beginning();
        let Begun { resumed: Resumed { plan, state, .. }, negative, recorder, notes } = begun;
        cell.recorder = recorder;
        cell.added.clone_from(&plan.added);
        match &negative {
            Some(negative) => self.workspace.adopt(cell.job.id, negative),
            None => self.workspace.kept.begin(cell.job.id, self.model.info.source.clone()),
        }
        let overlay = plan.ground.as_ref().and_then(|ground| ground.overlay.clone());
        self.workspace.kept.put_into(cell.job.id, overlay);
        self.workspace.send(Event::Started {
            job: cell.job.id,
            timesteps: plan.schedule.timesteps_in_order(),
            tokens: plan.tokens.clone(),
            notes: plan.notes.iter().cloned().chain(notes).collect(),
            negative,
            first_step: 0,
        });
        Ok((plan, state))
    }

    /// A step of each batch at a time, until all are where they shall go.
    fn develop(&mut self, mut batches: Vec<Batch>) -> Vec<End> {
        let mut ends = Vec::new();
        while !batches.is_empty() && !self.stopped {
            let alone = batches.len() == 1;
            let mut going = Vec::new();
            for mut batch in std::mem::take(&mut batches) {
                if self.stopped {
                    going.push(batch);
                    continue;
                }
                match self.step(&mut batch, alone) {
                    Ok(()) if batch.is_done(self.until) => ends.extend(self.end(&batch)),
                    Ok(()) => going.push(batch),
                    Err(GenerateError::Ops(ops::Error::Stopped)) => {
                        self.stopped = true;
                        going.push(batch);
                    }
                    // Fewer at a time may fit.
                    Err(GenerateError::Ops(ops::Error::OutOfCardMemory { .. })) if batch.cells.len() > 1 => {
                        going.extend(batch.parted());
                    }
                    // The others are none the worse.
                    Err(GenerateError::NotFinite { .. }) if batch.cells.len() > 1 => {
                        going.extend(batch.parted());
                    }
                    Err(error) => match self.take_over(&batch, &error) {
                        true => going.push(batch),
                        false => batch.cells.iter().for_each(|cell| self.fail(*cell, &error)),
                    },
                }
            }
            batches = going;
        }
        ends.extend(batches.iter().flat_map(|batch| self.end(batch)).collect::<Vec<_>>());
        ends
    }

    /// Takes the batch's next step; where it is the only one, all that it shall take.
    fn step(&mut self, batch: &mut Batch, alone: bool) -> Result<(), GenerateError> {
        self.move_here(batch)?;
        let (model, until) = (self.model.clone(), self.until);
        let mut state = batch.state.clone();
        let mut on_step = |report: &StepReport<'_>, now: &RunState| {
            state = now.clone();
            self.after_step(&batch.cells, report, now);
            match self.stopped || !alone || now.step >= until {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(Next::default()),
            }
        };
        let (settings, plan) = (&batch.settings, &batch.plan);
        // Another batch may have had other LoRAs.
        model.lay(plan);
        let developed = generate::develop(&model.networks, settings, plan, batch.state.clone(), &mut on_step);
        batch.state = state;
        if plan.schedule.turn() == Some(batch.state.step) {
            batch.plan.before_turn = Some(batch.state.x.clone());
        }
        developed.map(|_| ())
    }

    /// Records, reports and shows the step of each job, and does what was asked meanwhile.
    fn after_step(&mut self, cells: &[usize], report: &StepReport<'_>, joint: &RunState) {
        let model = self.model.clone();
        let count = cells.len();
        for (place, (number, state)) in cells.iter().zip(joint.parted()).enumerate() {
            let pred_x0 = report.pred_x0.part(place, count);
            let own = StepReport {
                x: &state.x,
                pred_x0: &pred_x0,
                calls: &[],
                took: report.took / count as u32,
                ..*report
            };
            self.after_cell(&model, *number, &own, &state);
        }
        for control in self.workspace.controls() {
            let asked = crate::engine::handle::job_of(&control);
            let ours = self.cells.iter().any(|cell| cell.job.id == asked);
            match control {
                Control::Stop { .. } if ours => self.stopped = true,
                Control::SetAside { .. } if ours => (self.stopped, self.aside) = (true, true),
                _ => {}
            }
        }
        self.stopped |= self.stop.is_raised();
        while let Ok(work) = self.workspace.ends.requests.try_recv() {
            self.workspace.answer_or_keep(&model, work);
        }
        self.workspace.make_strip(&model, STRIP_PIECE.min(report.took / 20));
    }

    fn after_cell(&mut self, model: &OpenModel, number: usize, step: &StepReport<'_>, state: &RunState) {
        let cell = &mut self.cells[number];
        let job = cell.job.id;
        cell.guidance_of_steps.push(step.guidance);
        self.workspace.kept.push(job, step.pred_x0);
        if let Some(recorder) = &mut cell.recorder {
            recorder.model_hash(&model.hash.if_ready().unwrap_or_default());
            recorder.step(step, state);
            if let Some(trouble) = recorder.trouble() {
                self.workspace.send(Event::Noted { job, notes: vec![note_of(trouble)] });
            }
        }
        self.workspace.send(Event::Stepped(Step {
            job,
            step: step.step,
            steps: step.steps,
            timestep: step.timestep,
            guidance: step.guidance,
            took: step.took,
        }));
        let showing = Showing { job, mode: cell.job.previews, run: self.began.elapsed() };
        match self.workspace.show(model, step, showing, &mut self.previews_took) {
            Ok(()) => {}
            Err(GenerateError::Ops(ops::Error::Stopped)) => self.stopped = true,
            Err(error) => {
                log::warn!("step {} is not shown: {error}", step.step + 1);
                self.cells[number].job.previews = PreviewMode::Off;
            }
        }
    }

    /// Whether the processor goes on in place of a graphics card that failed.
    fn take_over(&mut self, batch: &Batch, error: &GenerateError) -> bool {
        // Another batch may have been the first to fail.
        if !error.is_of_card() || !Rc::ptr_eq(&batch.model, &self.model) {
            return error.is_of_card();
        }
        let Some(job) = batch.cells.first().map(|cell| self.cells[*cell].job.id) else { return false };
        let lost = (job, error, batch.state.step);
        let model = refuge(self.workspace, self.options, &self.model.clone(), &self.stop, lost);
        let Some(model) = model else { return false };
        self.under = Some(model.networks.device().under(&self.stop));
        (self.model, self.taken_over) = (model, true);
        true
    }

    /// Has the texts of a batch encoded by the model that took over.
    fn move_here(&self, batch: &mut Batch) -> Result<(), GenerateError> {
        if !Rc::ptr_eq(&batch.model, &self.model) {
            let Plan { schedule, ground, before_turn, .. } = batch.plan.clone();
            let again = self.model.plan_on(&batch.settings, ground)?;
            batch.plan = Plan { schedule, before_turn, ..again };
            batch.model = self.model.clone();
        }
        Ok(())
    }

    /// Decodes what is finished.
    fn end(&mut self, batch: &Batch) -> Vec<End> {
        let steps = batch.plan.schedule.len();
        let mut ends = Vec::new();
        for (cell, state) in batch.cells.iter().zip(batch.state.parted()) {
            let finished = state.step == steps && !self.stopped;
            let decode = |model: &OpenModel| {
                model.lay(&batch.plan);
                let (made, _) = generate::decode(&model.networks, &state.x)?;
                batch.plan.finished(&batch.settings, &made)
            };
            let mut decoded = finished.then(|| decode(&self.model)).transpose();
            if let Err(error) = &decoded
                && self.take_over(batch, error)
            {
                decoded = Some(decode(&self.model)).transpose();
            }
            match decoded {
                Ok(decoded) => ends.push(End { cell: *cell, steps, frame: decoded }),
                Err(GenerateError::Ops(ops::Error::Stopped)) => {
                    ends.push(End { cell: *cell, steps, frame: None });
                }
                Err(error) => self.fail(*cell, &error),
            }
        }
        let notes: Vec<Note> = self.model.networks.take_notes().into_iter().map(Note::from).collect();
        if let (Some(first), false) = (batch.cells.first(), notes.is_empty()) {
            self.workspace.send(Event::Noted { job: self.cells[*first].job.id, notes });
        }
        ends
    }

    fn end_cell(&mut self, End { cell: number, steps, frame }: End) {
        let (hash, name) = (self.model.hash.wait(&self.stop), &self.model.info.name);
        let cell = &mut self.cells[number];
        cell.ended = true;
        let (job, done) = (cell.job.id, cell.guidance_of_steps.len());
        let made = Made::new(&cell.job.settings, steps, &cell.guidance_of_steps, name, &hash);
        let made = Box::new(made.with(cell.added.clone()).from_picture(cell.beginning.clone()));
        let (event, ended) = match frame {
            Some(frame) => {
                let took = self.began.elapsed();
                (Event::Finished { job, frame, made, took }, Ended::Finished)
            }
            None => {
                let latency = self.stop.raised_for();
                (Event::Stopped { job, steps_done: done, latency, made }, Ended::Stopped)
            }
        };
        if let Some(mut recorder) = cell.recorder.take() {
            recorder.model_hash(&hash);
            if self.aside {
                recorder.set_aside();
            } else if let Some(trouble) = recorder.end(ended) {
                log::warn!("{}", note_of(trouble));
            }
        }
        // It can be resumed by whoever hears of it.
        self.workspace.send(event);
        self.workspace.send(Event::Recorded { job });
    }

    /// Those that were stopped before they began.
    fn end_what_is_left(&mut self) {
        for cell in 0..self.cells.len() {
            if !self.cells[cell].ended {
                self.end_cell(End { cell, steps: 0, frame: None });
            }
        }
    }

    /// A job that ends in an error; its negative stays interrupted.
    fn fail(&mut self, number: usize, error: &GenerateError) {
        let cell = &mut self.cells[number];
        if !std::mem::replace(&mut cell.ended, true) {
            cell.recorder = None;
            self.workspace.send(Event::Failed { job: cell.job.id, report: Report::of(error) });
        }
    }
}

/// Positions of a latent's map.
fn positions(state: &RunState) -> usize {
    let [b, _, h, w] = state.x.shape;
    b * h * w
}
