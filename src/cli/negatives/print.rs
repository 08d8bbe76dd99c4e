//! `negatives print` and `negatives export`: pictures of any step, and whole runs as files.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::{Export, Print};
use crate::cli::develop::say_json;
use crate::cli::output::{check_writable, folder_of, make_folder};
use crate::cli::progress::Progress;
use crate::cli::{Failure, interrupt};
use crate::engine::negative::branched_from;
use crate::engine::{Busyness, OpenModel};
use crate::engine::{from, generate};
use crate::negative::{Negative, Store};
use crate::ops::StopFlag;
use crate::picture::animation::{self, Timing};
use crate::picture::{self, Frame, Made, PictureError};
use crate::settings::Beginning;

/// Saves the picture of a step.
pub(super) fn print(store: &Store, arguments: &Print) -> Result<(), Failure> {
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let output = arguments.saving.output()?;
    let negative = store.open(&store.find(&arguments.id)?)?;
    let step = arguments.step.unwrap_or_else(|| negative.steps_done());
    let pred_x0 = negative.pred_x0(step)?;
    let model = arguments.with.open(&negative, &stop, &Busyness::default())?;
    model.additions.wrap(&model.networks, negative.head.settings.tile);
    let (drawn, _) = generate::decode(&model.networks, &pred_x0)?;
    let ground = from::ground_of(&negative)?;
    let frame = ground.map_or(drawn.clone(), |ground| ground.finished(drawn));
    let made = made(&negative, step);
    let stem = picture::stem(&made.settings.prompt, made.settings.seed);
    let saved = output.save(&stem, &frame, &made)?;
    say_file(arguments.json.json, negative.id(), Some(step), &saved.path);
    saved.elsewhere.map_or(Ok(()), |failure| Err(failure.but_kept(&saved.path)))
}

/// How the picture of a step was made.
fn made(negative: &Negative, step: usize) -> Made {
    let mut guidance = negative.guidance_of_steps();
    guidance.truncate(step);
    let (head, steps) = (&negative.head, negative.steps());
    Made::new(&head.settings, steps, &guidance, &head.model.name, negative.model_hash())
        .branched_from(branched_from(head.parent.as_ref()))
        .from_picture(beginning(negative))
}

/// The picture that a kept run began from.
fn beginning(negative: &Negative) -> Option<Beginning> {
    let beginning = negative.head.beginning.clone()?;
    Some(Beginning { negative: Some(negative.id().to_owned()), ..beginning })
}

/// Saves a run as a file whose kind the ending says.
pub(super) fn export(store: &Store, arguments: &Export) -> Result<(), Failure> {
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let path = &arguments.output;
    check_writable(folder_of(path))?;
    let id = store.find(&arguments.id)?;
    let negative = store.open(&id)?;
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let saved = match ending.as_str() {
        "safetensors" => {
            make_folder(folder_of(path))?;
            negative.save_whole(path, arguments.force)?
        }
        "gif" | "apng" | "png" => {
            let model = arguments.with.open(&negative, &stop, &Busyness::default())?;
            let frames = frames(&negative, &model)?;
            make_folder(folder_of(path))?;
            let made = made(&negative, negative.steps_done());
            match ending.as_str() {
                "png" => {
                    picture::write_to(path, arguments.force, &picture::contact_print(&frames), Some(&made))?
                }
                _ => animation::export(path, arguments.force, &frames, Timing::default(), Some(&made))?,
            }
        }
        _ => {
            let expected = ".safetensors, .gif, .apng or .png";
            return Err(PictureError::Ending { path: path.clone(), expected }.into());
        }
    };
    say_file(arguments.json.json, &id, None, &saved);
    Ok(())
}

/// The full decode of every step that has a picture.
fn frames(negative: &Negative, model: &OpenModel) -> Result<Vec<Frame>, Failure> {
    let mut progress = Progress::start();
    let (first, last) = (negative.first_step() + 1, negative.steps_done());
    let overlay = from::ground_of(negative)?.and_then(|ground| ground.overlay);
    let mut frames = Vec::new();
    for step in first..=last {
        if let Ok(pred_x0) = negative.pred_x0(step) {
            let (drawn, _) = generate::decode(&model.networks, &pred_x0)?;
            frames.push(overlay.as_ref().map_or_else(|| drawn.clone(), |overlay| overlay.shown(&drawn)));
        }
        progress.step(step + 1 - first, last + 1 - first);
    }
    progress.clear();
    if frames.is_empty() {
        return Err(Failure::Input(format!(
            "expected a run with a step that is done, found none in {}; resume it first",
            negative.id()
        )));
    }
    Ok(frames)
}

fn say_file(json: bool, id: &str, step: Option<usize>, path: &Path) {
    if json {
        say_json(
            &json!({ "event": "saved", "negative": id, "step": step, "path": path.display().to_string() }),
        );
    } else {
        writeln!(std::io::stdout(), "{}", path.display()).ok();
    }
}
