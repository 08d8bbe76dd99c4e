//! One run on the command line, new or taken up: its steps shown, its negative kept, its picture saved.
//!
//! Invariant: the picture is saved before the recording ends, and a run that fails leaves its negative behind.

use std::cell::RefCell;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::engine::from::Ground;
use crate::engine::generate::{self, GenerateError, Plan};
use crate::engine::negative::{Resumed, branched_from, note_of};
use crate::engine::takeover::{Developed, develop_through};
use crate::engine::{Busy, Busyness, OpenModel, Opening, decode_half, open_model};
use crate::negative::{Ended, Parent, Recorder};
use crate::note::{Note, PictureNote};
use crate::ops::{Device, DeviceChoice, DeviceOptions, Dtype, StopFlag, Tensor};
use crate::picture::{self, Added, Made};
use crate::sampler::{Latent, Next, RunState, ScheduleKind, StepReport};
use crate::settings::{Beginning, Settings};
use crate::told::quoted;
use crate::trace::Trace;
use crate::tray::Overlay;

use super::arguments::PreviewDecoder;
use super::compute::Compute;
use super::lens::{LensFlags, Looking};
use super::output::{Output, folder_of, make_folder};
use super::progress::Progress;
use super::{Failure, record};

/// How runs are shown, and where their pictures go.
pub struct Showing<'a> {
    /// One JSON object a line on stdout.
    pub json: bool,
    /// The folder of previews.
    pub previews: Option<&'a Path>,
    /// How they are decoded.
    pub preview_mode: PreviewDecoder,
    /// The file of the run's numbers.
    pub trace: Option<&'a Path>,
    /// Where words and guidance act.
    pub lens: &'a LensFlags,
    /// Where to compute.
    pub compute: &'a Compute,
    /// Where pictures go.
    pub output: &'a Output,
    /// Raised by Ctrl-C.
    pub stop: &'a StopFlag,
    /// Keeps hashing at rest.
    pub busyness: &'a Busyness,
}

/// A run that is to be developed.
pub struct Run {
    /// What it makes, and where it stands.
    pub resumed: Resumed,
    /// Who records it.
    pub recorder: Option<Recorder>,
    /// The number of steps after which it rests.
    pub until: Option<usize>,
    /// When it began.
    pub began: Instant,
    /// Keeps hashing at rest while it develops.
    pub busy: Busy,
    /// Where progress goes.
    pub progress: Progress,
}

/// What one run has beside its model.
struct Developing<'a> {
    model: &'a OpenModel,
    showing: &'a Showing<'a>,
    recorder: Option<Recorder>,
    until: usize,
    steps: usize,
    stem: String,
    previews: Option<&'a Path>,
    progress: Progress,
    trace: Option<Trace>,
    looking: Option<Looking>,
    guidance_of_steps: Vec<f64>,
    parent: Option<Parent>,
    first_step: usize,
    model_calls: usize,
    /// What the run lays over the model.
    added: Vec<Added>,
    /// The picture that it began from.
    ground: Option<Arc<Ground>>,
}

/// Develops a run and saves its picture.
///
/// # Errors
/// With the sentence and the exit code.
pub fn develop(model: &OpenModel, run: Run, showing: &Showing<'_>) -> Result<(), Failure> {
    let Run { resumed, recorder, until, began, busy, progress } = run;
    let Resumed { settings, plan, state, guidance_of_steps, parent } = resumed;
    let steps = plan.schedule.len();
    let developing = Developing {
        model,
        showing,
        until: until.unwrap_or(steps),
        steps,
        stem: picture::stem(&settings.prompt, settings.seed),
        previews: showing.previews,
        progress,
        trace: showing.trace.map(|_| Trace::default()),
        looking: Looking::begin(showing.lens, &plan, &settings.prompt)?,
        guidance_of_steps,
        parent,
        first_step: state.step,
        model_calls: 0,
        added: plan.added.clone(),
        ground: plan.ground.clone(),
        recorder,
    };
    developing.announce(&settings, &plan);
    if let Some(upscaler) = &plan.upscaler {
        upscaler.report_to(Progress::of_tiles());
    }
    developing.run(&settings, &plan, state, (began, busy))
}

impl Developing<'_> {
    fn run(
        mut self,
        settings: &Settings,
        plan: &Plan,
        state: RunState,
        (began, busy): (Instant, Busy),
    ) -> Result<(), Failure> {
        if let Some(trace) = &mut self.trace {
            record::start(trace, plan, &state)?;
        }
        let model = self.model;
        let lens = self.looking.as_ref().map(Looking::lens);
        let running = RefCell::new(&mut self);
        let mut on_step =
            |report: &StepReport<'_>, state: &RunState| running.borrow_mut().step(report, state);
        let mut refuge = |failure: &GenerateError, done: usize| running.borrow_mut().refuge(failure, done);
        let developed =
            develop_through(model, settings, plan, state, &mut on_step, &mut refuge, lens.as_deref());
        self.progress.clear();
        // Hashing resumes, and the picture waits for it.
        drop(busy);
        match developed? {
            Some(developed) => self.save(settings, &developed, began),
            None => self.rest(),
        }
    }

    /// Records and shows a step.
    fn step(&mut self, report: &StepReport<'_>, state: &RunState) -> ControlFlow<(), Next> {
        self.progress.step(report.step + 1, self.steps);
        self.guidance_of_steps.push(report.guidance);
        self.model_calls += report.model_calls;
        self.record_step(report, state);
        if let Some(trace) = &mut self.trace {
            record::step(trace, report);
        }
        if let Some(looking) = &mut self.looking {
            looking.step(report.step, self.trace.as_mut());
        }
        if self.showing.json {
            say_json(&json!({
                "event": "step", "step": report.step + 1, "steps": self.steps, "timestep": report.timestep,
                "seconds": report.took.as_secs_f64(),
            }));
        }
        self.preview(report);
        let rests = state.step >= self.until && state.step < self.steps;
        if rests || self.showing.stop.is_raised() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(Next::default())
    }

    fn record_step(&mut self, report: &StepReport<'_>, state: &RunState) {
        let Some(recorder) = &mut self.recorder else { return };
        recorder.model_hash(&self.model.hash.if_ready().unwrap_or_default());
        recorder.step(report, state);
        if let Some(trouble) = recorder.trouble() {
            self.progress.say(&format!("note: {}", note_of(trouble)));
        }
    }

    /// Saves the step's picture; one that cannot be saved does not end the run.
    fn preview(&mut self, report: &StepReport<'_>) {
        let Some(folder) = self.previews else { return };
        let path = folder.join(format!("{}-step-{:04}.png", self.stem, report.step + 1));
        let overlay = self.ground.as_ref().and_then(|ground| ground.overlay.as_deref());
        let shown = (report.pred_x0, overlay);
        match save_preview(self.model, self.showing.preview_mode, shown, &path) {
            Ok(()) | Err(Failure::Interrupted) => {}
            Err(Failure::Ours(cause) | Failure::Input(cause)) => {
                self.progress.say(&format!("note: {}", PictureNote::PreviewNotSaved { cause }));
                self.previews = None;
            }
        }
    }

    /// The same model on the processor, where the card has failed.
    fn refuge(&mut self, failure: &GenerateError, done: usize) -> Option<Rc<OpenModel>> {
        let note = Note::CardLost { cause: failure.to_string(), done };
        self.progress.say(&format!("note: {note}"));
        let options =
            DeviceOptions { choice: DeviceChoice::Cpu, dtype: Dtype::F32, ..self.showing.compute.options() };
        let opened = Device::open(options, self.showing.stop.clone())
            .map_err(Failure::from)
            .and_then(|(device, _)| Ok(Rc::new(open_model(&self.model.info.source, Opening::on(&device))?)));
        opened.map_err(|failure| log::warn!("no model on the processor: {failure:?}")).ok()
    }

    /// Saves the picture and ends the recording.
    fn save(mut self, settings: &Settings, developed: &Developed, began: Instant) -> Result<(), Failure> {
        let Developed { samples, frame, made: drawn, image, notes } = developed;
        notes.iter().for_each(|note| self.progress.say(&format!("note: {note}")));
        let hash = self.model.hash.wait(self.showing.stop);
        if let Some(recorder) = &mut self.recorder {
            recorder.model_hash(&hash);
        }
        let made = Made::new(settings, self.steps, &self.guidance_of_steps, &self.model.info.name, &hash)
            .with(std::mem::take(&mut self.added))
            .from_picture(self.beginning())
            .branched_from(branched_from(self.parent.as_ref()));
        let saved = self.showing.output.save(&self.stem, frame, &made);
        let negative = self.end(Ended::Finished);
        let saved = saved?;
        self.say_saved(&saved.path, made.settings.seed, negative.as_deref(), began);
        if let Some(failure) = saved.elsewhere {
            return Err(failure.but_kept(&saved.path));
        }
        if let Some(looking) = &self.looking {
            self.progress.say(&looking.cost());
            looking.save(drawn, self.showing.output.forces(), self.trace.as_mut())?;
        }
        match (self.trace, self.showing.trace) {
            (Some(trace), Some(path)) => save_trace(trace, samples, image, path),
            _ => Ok(()),
        }
    }

    /// The picture that the run began from, as its own picture tells it.
    fn beginning(&self) -> Option<Beginning> {
        let beginning = self.ground.as_ref()?.beginning.clone();
        let id = self.recorder.as_ref().map(|recorder| recorder.id().to_owned());
        Some(Beginning { negative: id.or(beginning.negative), ..beginning })
    }

    /// Ends a run that was stopped, or was to go so far and no further.
    fn rest(mut self) -> Result<(), Failure> {
        let interrupted = self.showing.stop.is_raised();
        let negative = self.end(Ended::Stopped);
        let done = self.guidance_of_steps.len();
        if let Some(id) = &negative {
            if self.showing.json {
                say_json(&json!({
                    "event": "stopped", "negative": id, "steps_done": done, "steps": self.steps,
                    "first_step": self.first_step, "model_calls": self.model_calls,
                }));
            } else if !interrupted {
                writeln!(std::io::stdout(), "{id}").ok();
            }
            self.progress.say(&format!(
                "{done} of {} steps are kept; `safelight negatives resume {id}` goes on",
                self.steps
            ));
        }
        if interrupted { Err(Failure::Interrupted) } else { Ok(()) }
    }

    /// Ends the recording; returns its id.
    fn end(&mut self, ended: Ended) -> Option<String> {
        let recorder = self.recorder.take()?;
        let id = recorder.id().to_owned();
        if let Some(trouble) = recorder.end(ended) {
            self.progress.say(&format!("note: {}", note_of(trouble)));
        }
        Some(id)
    }

    fn say_saved(&self, path: &Path, seed: u64, negative: Option<&str>, began: Instant) {
        if self.showing.json {
            say_json(&json!({
                "event": "saved", "path": path.display().to_string(), "seed": seed,
                "seconds": began.elapsed().as_secs_f64(), "negative": negative,
                "first_step": self.first_step, "model_calls": self.model_calls,
            }));
        } else {
            writeln!(std::io::stdout(), "{}", path.display()).ok();
        }
    }

    fn announce(&self, settings: &Settings, plan: &Plan) {
        for note in &plan.notes {
            self.progress.say(&format!("note: {note}"));
        }
        let from = plan.ground.as_ref().map_or_else(String::new, |ground| {
            let beginning = &ground.beginning;
            format!(", from {} in a strength of {}", beginning.picture.told(), beginning.treatment.strength)
        });
        self.progress.say(&format!(
            "\"{}\", seed {}, {} steps of {}, guidance {}, {}×{}{from}",
            quoted(&settings.prompt),
            settings.seed,
            self.steps,
            rule(settings),
            settings.guidance,
            settings.width,
            settings.height
        ));
        if self.showing.json {
            let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
            say_json(&json!({
                "event": "start", "settings": settings, "timesteps": plan.schedule.timesteps_in_order(),
                "tokens": plan.tokens.used, "notes": notes, "first_step": self.first_step,
                "negative": self.recorder.as_ref().map(Recorder::id), "steps": self.steps,
                "beginning": plan.ground.as_ref().map(|ground| &ground.beginning),
            }));
        }
    }
}

/// Saves a run's numbers, the last latent and the decoded picture among them.
fn save_trace(mut trace: Trace, samples: &Latent, image: &Tensor, path: &Path) -> Result<(), Failure> {
    trace.latent("samples", samples);
    record::record(&mut trace, "image", image)?;
    make_folder(folder_of(path))?;
    trace.save(path).map_err(Failure::Input)
}

/// The sampler and, where it follows one, the schedule.
fn rule(settings: &Settings) -> String {
    let name = settings.sampler.row().name;
    match settings.schedule {
        ScheduleKind::Auto => name.to_owned(),
        schedule => format!("{name}, {}", schedule.row().name),
    }
}

fn save_preview(
    model: &OpenModel,
    mode: PreviewDecoder,
    (pred_x0, overlay): (&Latent, Option<&Overlay>),
    path: &Path,
) -> Result<(), Failure> {
    let frame = match mode {
        PreviewDecoder::Full => generate::decode(&model.networks, pred_x0)?.0,
        PreviewDecoder::Half => decode_half(&model.networks, pred_x0)?,
    };
    let frame = overlay.map_or_else(|| frame.clone(), |overlay| overlay.shown(&frame));
    make_folder(folder_of(path))?;
    picture::write_to(path, true, &frame, None)?;
    Ok(())
}

/// One JSON object on a line of stdout.
pub fn say_json(event: &serde_json::Value) {
    writeln!(std::io::stdout(), "{event}").ok();
}
