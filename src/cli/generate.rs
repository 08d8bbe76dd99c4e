//! `safelight generate`: words to saved pictures.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::engine::from::Ground;
use crate::engine::generate;
use crate::engine::negative::{self, Resumed};
use crate::engine::{Busyness, OpenModel, Opening, open_model};
use crate::grammar::dynamic::write_out;
use crate::negative::{BUDGET, Store};
use crate::note::{Note, PictureNote};
use crate::ops::{Device, StopFlag};
use crate::picture::metadata::read::Recovered;
use crate::picture::{self, Held, Made};
use crate::places::Places;
use crate::settings::{Enlarged, PartialSettings, Resize, Setting, Settings};
use crate::tray::Source;

use super::arguments::Generate;
use super::develop::{Run, Showing, develop, say_json};
use super::library::model_folders;
use super::output::{Output, check_trace, check_writable};
use super::progress::Progress;
use super::{Failure, interrupt, like, source};

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
    arguments.lens.check()?;
    let like = arguments.like.as_deref().map(|path| like::read(path, arguments)).transpose()?;
    // The starter is done before a card's driver has started.
    let options = match arguments.model.path {
        Some(_) => arguments.compute.options_with_cards(),
        None => arguments.compute.options(),
    };
    let (device, device_sentence) = Device::open(options, stop.clone())?;
    let progress = Progress::start();
    let (busyness, places) = (Busyness::default(), Places::of_user());
    let opening = Opening {
        cache: places.previews.as_deref(),
        folders: model_folders(),
        busyness: busyness.clone(),
        ..Opening::on(&device)
    };
    let model = open_model(&arguments.model.source()?, opening)?;
    let folder = places.negatives.clone();
    let kept = folder.map(|folder| Store::new(folder, BUDGET));
    let (mut first, source, notes) = settings(arguments, like.as_ref(), &model, kept.as_ref())?;
    let lists = arguments.phrases.prepare(&mut first)?;
    // A list that is missing for one of them is told before the first is made.
    let written = |number| write_out(&numbered(&first, number), &lists);
    let all = (0..u64::from(arguments.count)).map(written).collect::<Result<Vec<Settings>, _>>()?;
    let first = &all[0];
    let ground = source.map(|source| model.ground(first, &source, kept.as_ref())).transpose()?;
    progress.say(&format!("{} on {device_sentence}", model.info.name));
    if arguments.model.path.is_some() {
        report(&model, arguments.json, &progress);
    }
    for note in model.info.notes.iter().chain(&notes).chain(&room(first, &model, &output)) {
        progress.say(&format!("note: {note}"));
    }
    let store = kept.filter(|_| !arguments.no_negative);
    let showing = Showing {
        json: arguments.json,
        previews: arguments.previews.as_deref(),
        preview_mode: arguments.preview_mode,
        trace: arguments.trace.as_deref(),
        lens: &arguments.lens,
        compute: &arguments.compute,
        output: &output,
        stop: &stop,
        busyness: &busyness,
    };
    for settings in all {
        let ground = ground.as_ref().map(|ground| model.seeded(ground, &settings));
        one_picture(arguments, (&model, ground), settings, &showing, store.as_ref())?;
    }
    Ok(())
}

/// The settings of one picture of several: each has the next seed, or where there is a variation its next seed.
fn numbered(first: &Settings, number: u64) -> Settings {
    let mut settings = first.clone();
    let seed = if first.variation.is_none() { &mut settings.seed } else { &mut settings.variation.seed };
    *seed = seed.wrapping_add(number);
    settings
}

/// Tells how a file and its networks fit each other.
fn report(model: &OpenModel, json: bool, progress: &Progress) {
    progress.say(&model.fit.to_string());
    if json {
        say_json(&json!({ "event": "loaded", "model": model.info.name, "fit": model.fit }));
    }
}

/// The settings: what was typed, over those of a picture, over those that suit the model; the picture that the run
/// begins from; and notes on what differs from the picture whose settings are taken.
fn settings(
    arguments: &Generate,
    like: Option<&Recovered>,
    model: &OpenModel,
    store: Option<&Store>,
) -> Result<(Settings, Option<Source>, Vec<Note>), Failure> {
    let usual = Settings::default();
    let base = Settings {
        prompt: usual.prompt,
        negative_prompt: usual.negative_prompt,
        seed: random_seed(),
        ..model.info.defaults.clone()
    };
    let base = like.map_or_else(|| base.clone(), |found| like::over(found, &base, model));
    let mut settings = arguments.settings.put_over(&base);
    let mut notes =
        like.map(|found| like::follow(found, arguments, model, &mut settings)).unwrap_or_default();
    if let Some((suits, note)) = model.suiting(&settings).filter(|_| like.is_none()) {
        settings = arguments.settings.put_over(&suits.put_over(&base));
        notes.push(note);
    }
    let (source, more) = arguments.source.source(like, model.info.takes, store)?;
    notes.extend(more);
    let typed = &arguments.settings;
    if let Some(source) = &source
        && arguments.source.from.is_some()
        && typed.width.is_none()
        && typed.height.is_none()
    {
        [settings.width, settings.height] = source::size(source, &model.info, store)?;
    }
    if arguments.source.resize == Some(Resize::Latent) {
        settings.hires.by = Enlarged::Latent;
    }
    generate::check_settings(&model.networks, &settings)?;
    refuse_idle(&arguments.settings, &settings)?;
    // Each picture lays out its own steps; this call only checks that it can.
    generate::schedule(&model.networks, &settings)?;
    Ok((settings.settled(), source, notes))
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

/// Makes a picture, or develops it to the step asked for.
fn one_picture(
    arguments: &Generate,
    (model, ground): (&OpenModel, Option<Arc<Ground>>),
    settings: Settings,
    showing: &Showing<'_>,
    store: Option<&Store>,
) -> Result<(), Failure> {
    let began = Instant::now();
    let busy = showing.busyness.begin();
    let progress = Progress::start();
    let plan = model.plan_on(&settings, ground)?;
    let state = generate::start(&model.networks, &settings, &plan);
    let head = negative::head(model, &settings, &plan, state.x.shape);
    let recorder = match store.map(|store| negative::record(store, &head, &plan, &state)).transpose()? {
        Some(Ok(recorder)) => Some(recorder),
        Some(Err(note)) => {
            progress.say(&format!("note: {note}"));
            None
        }
        None => None,
    };
    let resumed = Resumed { settings, plan, state, guidance_of_steps: Vec::new(), parent: None };
    develop(
        model,
        Run { resumed, recorder, until: arguments.until.map(|until| until as usize), began, busy, progress },
        showing,
    )
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
