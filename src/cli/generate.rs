//! `safelight generate`: words to saved pictures.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use crate::engine::generate::{self, GenerateError, Plan};
use crate::engine::{Busyness, OpenModel, Opening, open_model};
use crate::message::Settings;
use crate::ops::{Device, StopFlag};
use crate::picture::{self, Format, Made};
use crate::places::Places;
use crate::sampler::{DdimSchedule, Next};
use crate::trace::Trace;

use super::arguments::{Compute, Generate};
use super::progress::Progress;
use super::{Failure, interrupt};

/// The command.
///
/// # Errors
/// With the sentence and the exit code.
pub fn run(arguments: &Generate) -> Result<(), Failure> {
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let output = Output::new(&arguments.output, arguments.force)?;
    if let Some(folder) = &arguments.previews {
        check_writable(folder)?;
    }
    if let Some(path) = &arguments.trace {
        check_trace(path, arguments.count)?;
    }
    let (device, device_sentence) = open_device(&arguments.compute, stop.clone())?;
    let progress = Progress::start();
    let (busyness, places) = (Busyness::default(), Places::of_user());
    let opening = Opening {
        cache: places.previews.as_deref(),
        busyness: busyness.clone(),
        ..Opening::on(&device, &device_sentence)
    };
    let model = open_model(&arguments.model.source(), opening)?;
    let first = settings(arguments, &model)?;
    progress.say(&format!("{} on {device_sentence}", model.info.name));
    for note in &model.info.notes {
        progress.say(&format!("note: {note}"));
    }
    for number in 0..u64::from(arguments.count) {
        let settings = Settings { seed: first.seed.wrapping_add(number), ..first.clone() };
        one_picture(arguments, &model, settings, &output, (&stop, &busyness))?;
    }
    Ok(())
}

/// The device that the arguments name.
///
/// # Errors
/// If the build or the machine does not have it.
pub fn open_device(compute: &Compute, stop: StopFlag) -> Result<(Device, String), Failure> {
    Ok(Device::open(compute.options(), stop)?)
}

/// What was typed, over what suits the model.
fn settings(arguments: &Generate, model: &OpenModel) -> Result<Settings, Failure> {
    let defaults = &model.info.defaults;
    let settings = Settings {
        prompt: arguments.prompt.clone(),
        negative_prompt: arguments.negative.clone(),
        steps: arguments.steps.unwrap_or(defaults.steps),
        guidance: arguments.guidance.unwrap_or(defaults.guidance),
        eta: arguments.eta.unwrap_or(defaults.eta),
        seed: arguments.seed.unwrap_or_else(random_seed),
        width: arguments.width.unwrap_or(defaults.width),
        height: arguments.height.unwrap_or(defaults.height),
        sampler: arguments.sampler.into(),
        timesteps: arguments.timesteps.into(),
        rng: arguments.rng.into(),
        temperature: arguments.temperature,
    };
    generate::check_settings(&model.networks, &settings)?;
    // The steps are laid out for each picture; here only whether they can be is of interest.
    let schedule = &model.networks.config.schedule;
    DdimSchedule::new(schedule, settings.steps, settings.timesteps, settings.eta)
        .map_err(GenerateError::Schedule)?;
    Ok(settings)
}

/// Below 2^32, since torch's CPU generator uses no more.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    // The standard library's hash keys are the system's random numbers.
    RandomState::new().hash_one(Instant::now()) & 0xffff_ffff
}

fn one_picture(
    arguments: &Generate,
    model: &OpenModel,
    settings: Settings,
    output: &Output,
    (stop, busyness): (&StopFlag, &Busyness),
) -> Result<(), Failure> {
    let began = Instant::now();
    let busy = busyness.begin();
    let mut trace = arguments.trace.as_ref().map(|_| Trace::default());
    let mut progress = Progress::start();
    let plan = generate::plan(&model.networks, &settings, trace.as_mut())?;
    announce(arguments, &settings, &plan, &progress);
    let steps = plan.schedule.len();
    let stem = picture::stem(&settings.prompt, settings.seed);
    let mut preview_failure = None;
    let mut on_step = |report: &crate::sampler::StepReport<'_>, _: &crate::sampler::RunState| {
        progress.step(report.step + 1, steps);
        if arguments.json {
            say_json(&json!({
                "event": "step", "step": report.step + 1, "steps": steps, "timestep": report.timestep,
                "seconds": report.took.as_secs_f64(),
            }));
        }
        if let Some(folder) = &arguments.previews {
            let path = folder.join(format!("{stem}-step-{:04}.png", report.step + 1));
            if let Err(failure) = save_preview(model, report.pred_x0, &path) {
                preview_failure = Some(failure);
                return ControlFlow::Break(());
            }
        }
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(Next::default()) }
    };
    let state = generate::start(&model.networks, &settings);
    let generated =
        generate::develop(&model.networks, &settings, &plan, state, trace.as_mut(), &mut on_step)?;
    progress.clear();
    if let Some(failure) = preview_failure {
        return Err(failure);
    }
    if generated.stopped || stop.is_raised() {
        return Err(Failure::Interrupted);
    }
    let (frame, image) = generate::decode(&model.networks, &generated.samples)?;
    if let (Some(trace), Some(path)) = (&mut trace, &arguments.trace) {
        trace.f32("image", image.shape(), image.to_f32()?);
        make_folder(folder_of(path))?;
        trace.save(path).map_err(Failure::Input)?;
    }
    // The hash may go on, and the picture waits for it.
    drop(busy);
    let guidance = vec![settings.guidance; steps];
    let made = Made::new(&settings, steps, &guidance, &model.info.name, &model.hash.wait(stop));
    let path = output.save(&stem, &frame, &made)?;
    if arguments.json {
        say_json(&json!({
            "event": "saved", "path": path.display().to_string(), "seed": made.settings.seed,
            "seconds": began.elapsed().as_secs_f64(),
        }));
    } else {
        writeln!(std::io::stdout(), "{}", path.display()).ok();
    }
    Ok(())
}

fn announce(arguments: &Generate, settings: &Settings, plan: &Plan, progress: &Progress) {
    for note in &plan.notes {
        progress.say(&format!("note: {note}"));
    }
    progress.say(&format!(
        "{:?}, seed {}, {} steps, guidance {}, {}×{}",
        settings.prompt,
        settings.seed,
        plan.schedule.len(),
        settings.guidance,
        settings.width,
        settings.height
    ));
    if arguments.json {
        let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
        say_json(&json!({
            "event": "start", "settings": settings, "timesteps": plan.schedule.timesteps_in_order(),
            "tokens": plan.tokens.used, "notes": notes,
        }));
    }
}

fn save_preview(model: &OpenModel, pred_x0: &crate::sampler::Latent, path: &Path) -> Result<(), Failure> {
    let (frame, _) = generate::decode(&model.networks, pred_x0)?;
    make_folder(folder_of(path))?;
    picture::write_to(path, true, &frame, None)?;
    Ok(())
}

fn say_json(event: &serde_json::Value) {
    writeln!(std::io::stdout(), "{event}").ok();
}

/// Where pictures go.
struct Output {
    path: PathBuf,
    is_folder: bool,
    force: bool,
}

impl Output {
    /// A folder if it is one or ends in a separator, else a file with an ending that says its format.
    fn new(path: &Path, force: bool) -> Result<Self, Failure> {
        let text = path.to_string_lossy();
        let is_folder = path.is_dir() || text.ends_with(['/', std::path::MAIN_SEPARATOR]);
        if is_folder {
            check_writable(path)?;
        } else {
            Format::of(path)?;
            check_writable(folder_of(path))?;
        }
        Ok(Self { path: path.to_owned(), is_folder, force })
    }

    fn save(&self, stem: &str, frame: &picture::Frame, made: &Made) -> Result<PathBuf, Failure> {
        let path = if self.is_folder { self.path.join(format!("{stem}.png")) } else { self.path.clone() };
        make_folder(folder_of(&path))?;
        Ok(picture::write_to(&path, self.force, frame, Some(made))?)
    }
}

/// A trace is of one picture, and goes where a file can be written.
fn check_trace(path: &Path, count: u32) -> Result<(), Failure> {
    let refuse = |sentence: String| Err(Failure::Input(sentence));
    if count > 1 {
        return refuse("expected --count 1 with --trace, found more; trace one picture at a time".to_owned());
    }
    if path.is_dir() {
        return refuse(format!(
            "expected a file for --trace, found the folder {}; add a name",
            path.display()
        ));
    }
    check_writable(folder_of(path))
}

/// The folder that a file lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Tries whether the folder can be written, before anything is computed; one that is not there yet is
/// made when there is something to write, so it is the folder above that counts.
fn check_writable(folder: &Path) -> Result<(), Failure> {
    // Without a slash at the end, which would make a file in the way look like nothing.
    let folder: PathBuf = folder.components().collect();
    let there = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
    let writable = if there.is_dir() {
        tempfile::tempfile_in(there).map(drop)
    } else {
        Err(std::io::ErrorKind::NotADirectory.into())
    };
    writable.map_err(|error| not_writable(&folder, &error))
}

/// Makes the folder that a file is about to be written into.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| not_writable(folder, &error))
}

fn not_writable(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!(
        "expected a folder that can be written, found that it cannot ({error}); choose another: {}",
        folder.display()
    ))
}
