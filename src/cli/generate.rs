//! `safelight generate`: words to saved pictures.

use std::cell::RefCell;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use serde_json::json;

use crate::engine::generate::{self, GenerateError, Plan};
use crate::engine::takeover::{Developed, develop_through};
use crate::engine::{Busyness, OpenModel, Opening, decode_half, open_model};
use crate::note::{Note, PictureNote};
use crate::ops::{Device, DeviceChoice, DeviceOptions, Dtype, StopFlag, Tensor};
use crate::picture::metadata::read::Recovered;
use crate::picture::{self, Held, Made};
use crate::places::Places;
use crate::sampler::{Latent, Next, RunState, ScheduleKind, StepReport};
use crate::settings::{PartialSettings, Setting, Settings};
use crate::told::quoted;
use crate::trace::Trace;

use super::arguments::{Generate, PreviewDecoder};
use super::output::{Output, check_trace, check_writable, folder_of, make_folder};
use super::progress::Progress;
use super::{Failure, interrupt, like, record};

/// Runs `safelight generate`.
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
    let like = arguments.like.as_deref().map(|path| like::read(path, arguments)).transpose()?;
    // The starter is done before a card's driver has started.
    let options = match arguments.model.path {
        Some(_) => arguments.compute.options_with_cards(),
        None => arguments.compute.options(),
    };
    let (device, device_sentence) = Device::open(options, stop.clone())?;
    let progress = Progress::start();
    let (busyness, places) = (Busyness::default(), Places::of_user());
    let opening =
        Opening { cache: places.previews.as_deref(), busyness: busyness.clone(), ..Opening::on(&device) };
    let model = open_model(&arguments.model.source(), opening)?;
    let (first, notes) = settings(arguments, like.as_ref(), &model)?;
    progress.say(&format!("{} on {device_sentence}", model.info.name));
    for note in model.info.notes.iter().chain(&notes).chain(&room(&first, &model, &output)) {
        progress.say(&format!("note: {note}"));
    }
    for number in 0..u64::from(arguments.count) {
        let settings = Settings { seed: first.seed.wrapping_add(number), ..first.clone() };
        one_picture(arguments, &model, settings, &output, (&stop, &busyness))?;
    }
    Ok(())
}

/// The settings: what was typed, over those of a picture, over those that suit the model; and notes on what
/// differs from the picture.
fn settings(
    arguments: &Generate,
    like: Option<&Recovered>,
    model: &OpenModel,
) -> Result<(Settings, Vec<Note>), Failure> {
    let usual = Settings::default();
    let base = Settings {
        prompt: usual.prompt,
        negative_prompt: usual.negative_prompt,
        seed: random_seed(),
        ..model.info.defaults.clone()
    };
    let base = like.map_or_else(|| base.clone(), |found| like::over(found, &base, model));
    let mut settings = arguments.settings.put_over(&base);
    let notes = like.map(|found| like::follow(found, arguments, model, &mut settings)).unwrap_or_default();
    generate::check_settings(&model.networks, &settings)?;
    refuse_idle(&arguments.settings, &settings)?;
    // Each picture lays out its own steps; this call only checks that it can.
    generate::schedule(&model.networks, &settings)?;
    Ok((settings.settled(), notes))
}

/// Settings that are refused where they were typed and do nothing beside the sampler.
const NEVER_IDLE: [Setting; 4] =
    [Setting::Timesteps, Setting::Schedule, Setting::Churn, Setting::GuidanceFormula];

/// Refuses what was typed and would do nothing.
fn refuse_idle(typed: &PartialSettings, settings: &Settings) -> Result<(), Failure> {
    let (all, usual) = (PartialSettings::from(settings.clone()), PartialSettings::from(Settings::default()));
    let is_idle = |setting: &Setting| {
        let value = typed.get(*setting);
        value.is_some() && value != usual.get(*setting) && !(setting.row().acts)(&all)
    };
    match NEVER_IDLE.into_iter().find(is_idle) {
        Some(setting) => Err(Failure::Input(format!(
            "--{} does nothing with the {} sampler; leave it out or choose another sampler",
            setting.row().flag.long,
            settings.sampler.row().name
        ))),
        None => Ok(()),
    }
}

/// A random seed below 2^32, since torch's CPU generator uses no more.
pub fn random_seed() -> u64 {
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
    let progress = RefCell::new(Progress::start());
    let plan = generate::plan(&model.networks, &settings)?;
    announce(arguments, &settings, &plan, &progress.borrow());
    let steps = plan.schedule.len();
    let stem = picture::stem(&settings.prompt, settings.seed);
    let mut previews = arguments.previews.as_deref();
    let state = generate::start(&model.networks, &settings, &plan);
    if let Some(trace) = &mut trace {
        record::start(trace, &plan, &state)?;
    }
    let mut on_step = |report: &StepReport<'_>, _: &RunState| {
        progress.borrow_mut().step(report.step + 1, steps);
        if let Some(trace) = &mut trace {
            record::step(trace, report);
        }
        if arguments.json {
            say_json(&json!({
                "event": "step", "step": report.step + 1, "steps": steps, "timestep": report.timestep,
                "seconds": report.took.as_secs_f64(),
            }));
        }
        if let Some(folder) = previews {
            let path = folder.join(format!("{stem}-step-{:04}.png", report.step + 1));
            match save_preview(model, arguments.preview_mode, report.pred_x0, &path) {
                Ok(()) | Err(Failure::Interrupted) => {}
                // A preview that cannot be saved does not end the run.
                Err(Failure::Ours(cause) | Failure::Input(cause)) => {
                    progress.borrow().say(&format!("note: {}", PictureNote::PreviewNotSaved { cause }));
                    previews = None;
                }
            }
        }
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(Next::default()) }
    };
    let mut refuge = |failure: &GenerateError, done: usize| {
        let note = Note::CardLost { cause: failure.to_string(), done };
        progress.borrow().say(&format!("note: {note}"));
        refuge(arguments, stop)
            .map(Rc::new)
            .map_err(|failure| log::warn!("no model on the processor: {failure:?}"))
            .ok()
    };
    let developed = develop_through(model, &settings, &plan, state, &mut on_step, &mut refuge);
    progress.borrow_mut().clear();
    let Developed { samples, frame, image, notes } = developed?.ok_or(Failure::Interrupted)?;
    tell(&progress.borrow(), &notes);
    // Hashing resumes, and the picture waits for it.
    drop(busy);
    let guidance = vec![settings.guidance; steps];
    let made = Made::new(&settings, steps, &guidance, &model.info.name, &model.hash.wait(stop));
    let saved = output.save(&stem, &frame, &made)?;
    say_saved(arguments, &saved.path, made.settings.seed, began);
    if let Some(failure) = saved.elsewhere {
        return Err(failure.but_kept(&saved.path));
    }
    match (trace, &arguments.trace) {
        (Some(trace), Some(path)) => save_trace(trace, &samples, &image, path),
        _ => Ok(()),
    }
}

/// Saves a run's numbers, the last latent and the decoded picture among them.
fn save_trace(mut trace: Trace, samples: &Latent, image: &Tensor, path: &Path) -> Result<(), Failure> {
    trace.latent("samples", samples);
    record::record(&mut trace, "image", image)?;
    make_folder(folder_of(path))?;
    trace.save(path).map_err(Failure::Input)
}

/// The same model on the processor.
fn refuge(arguments: &Generate, stop: &StopFlag) -> Result<OpenModel, Failure> {
    let (device, _) = Device::open(
        DeviceOptions { choice: DeviceChoice::Cpu, dtype: Dtype::F32, ..arguments.compute.options() },
        stop.clone(),
    )?;
    Ok(open_model(&arguments.model.source(), Opening::on(&device))?)
}

/// Reports before the run what the chosen format cannot hold.
fn room(settings: &Settings, model: &OpenModel, output: &Output) -> Option<Note> {
    // The hash may not be there yet; its length is.
    let made = Made::new(settings, 0, &[], &model.info.name, "0123456789");
    let format = output.format().name().to_owned();
    match picture::held(&made, output.format()) {
        Held::Whole => None,
        Held::Common => Some(Note::Picture(PictureNote::SettingsLeftOut { format })),
        Held::Cut => Some(Note::Picture(PictureNote::PromptsCut { format })),
    }
}

fn say_saved(arguments: &Generate, path: &Path, seed: u64, began: Instant) {
    if arguments.json {
        say_json(&json!({
            "event": "saved", "path": path.display().to_string(), "seed": seed,
            "seconds": began.elapsed().as_secs_f64(),
        }));
    } else {
        writeln!(std::io::stdout(), "{}", path.display()).ok();
    }
}

fn tell(progress: &Progress, notes: &[Note]) {
    notes.iter().for_each(|note| progress.say(&format!("note: {note}")));
}

fn announce(arguments: &Generate, settings: &Settings, plan: &Plan, progress: &Progress) {
    tell(progress, &plan.notes);
    progress.say(&format!(
        "\"{}\", seed {}, {} steps of {}, guidance {}, {}×{}",
        quoted(&settings.prompt),
        settings.seed,
        plan.schedule.len(),
        rule(settings),
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
    pred_x0: &Latent,
    path: &Path,
) -> Result<(), Failure> {
    let frame = match mode {
        PreviewDecoder::Full => generate::decode(&model.networks, pred_x0)?.0,
        PreviewDecoder::Half => decode_half(&model.networks, pred_x0)?,
    };
    make_folder(folder_of(path))?;
    picture::write_to(path, true, &frame, None)?;
    Ok(())
}

fn say_json(event: &serde_json::Value) {
    writeln!(std::io::stdout(), "{event}").ok();
}
