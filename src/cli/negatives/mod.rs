//! `safelight negatives`: the runs that were kept. One file for those commands that need a model, and this one for
//! those that do not.

mod print;
mod take_up;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::Failure;
use super::compute::Compute;
use super::develop::say_json;
use super::flags::Changes;
use super::output::Output;
use crate::negative::{BUDGET, NegativeError, Store};
use crate::places::Places;
use crate::sampler::GuidanceCurve;

/// The arguments of `safelight negatives`.
#[derive(Debug, Args)]
pub struct Negatives {
    /// What to do.
    #[command(subcommand)]
    command: Action,
}

/// What can be done with negatives. An ID is a whole one, the beginning of one, or "last".
#[derive(Debug, Subcommand)]
enum Action {
    /// List all, the newest first.
    List(Json),
    /// Print what a negative holds.
    Show(One),
    /// Go on with a run from its last step, and save its picture.
    Resume(TakeUp),
    /// Begin another run at a step of this one, with other settings from there on.
    Branch(Box<Branch>),
    /// Save the picture that a step predicts, by the full decoder.
    Print(Print),
    /// Save a run as a file: .safetensors, or its steps as .gif, .apng, or .png (all side by side).
    Export(Export),
    /// Keep a negative whatever the budget says.
    Pin(One),
    /// Let it give way to the budget again.
    Unpin(One),
    /// Delete negatives for good.
    Delete(Several),
    /// Delete the oldest until all fit in a budget; running, interrupted and pinned ones stay.
    Prune(Prune),
}

#[derive(Debug, Args)]
struct Json {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct One {
    /// The negative.
    id: String,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct Several {
    /// The negatives.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct Prune {
    /// Bytes that all may take together, such as 2000000000, 500MB or 2GB.
    #[arg(long, value_name = "BYTES", default_value_t = BUDGET, value_parser = parse_bytes)]
    budget: u64,
    #[command(flatten)]
    json: Json,
}

/// What every command with a model takes.
#[derive(Debug, Args)]
struct WithModel {
    /// The model's file or folder, if it is no longer where it was.
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
}

/// Where a picture goes.
#[derive(Debug, Args)]
struct Saving {
    /// The file (PNG, JPEG or WebP by its ending) or folder to save into.
    #[arg(short, long, default_value = ".", value_name = "OUT")]
    output: PathBuf,
    /// Replace a file of the same name instead of adding a number.
    #[arg(long)]
    force: bool,
}

impl Saving {
    fn output(&self) -> Result<Output, Failure> {
        Output::new(&self.output, self.force)
    }
}

#[derive(Debug, Args)]
struct TakeUp {
    /// The negative.
    id: String,
    #[command(flatten)]
    saving: Saving,
    /// Stop when so many steps of the run are done.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    until: Option<u32>,
    #[command(flatten)]
    with: WithModel,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct Branch {
    #[command(flatten)]
    take_up: TakeUp,
    /// Steps that both runs share, 0 for none.
    #[arg(long, value_name = "K")]
    at: usize,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
struct Print {
    /// The negative.
    id: String,
    /// Steps that are done, 0 for the noise before the first [default: the last].
    #[arg(long, value_name = "K")]
    step: Option<usize>,
    #[command(flatten)]
    saving: Saving,
    #[command(flatten)]
    with: WithModel,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
struct Export {
    /// The negative.
    id: String,
    /// The file, its kind by its ending.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace a file of the same name instead of adding a number.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    with: WithModel,
    #[command(flatten)]
    json: Json,
}

impl Negatives {
    /// Whether the answer is JSON.
    pub fn is_json(&self) -> bool {
        match &self.command {
            Action::List(json) => json.json,
            Action::Show(one) | Action::Pin(one) | Action::Unpin(one) => one.json.json,
            Action::Resume(take_up) => take_up.json.json,
            Action::Branch(branch) => branch.take_up.json.json,
            Action::Print(print) => print.json.json,
            Action::Export(export) => export.json.json,
            Action::Delete(several) => several.json.json,
            Action::Prune(prune) => prune.json.json,
        }
    }
}

/// Runs `safelight negatives`.
///
/// # Errors
/// With the sentence and the exit code.
pub fn run(arguments: &Negatives) -> Result<(), Failure> {
    let store = store()?;
    match &arguments.command {
        Action::List(json) => list(&store, json.json),
        Action::Show(one) => show(&store, one),
        Action::Resume(take_up) => take_up::resume(&store, take_up),
        Action::Branch(branch) => take_up::branch(&store, branch),
        Action::Print(print) => print::print(&store, print),
        Action::Export(export) => print::export(&store, export),
        Action::Pin(one) => pin(&store, one, true),
        Action::Unpin(one) => pin(&store, one, false),
        Action::Delete(several) => delete(&store, several),
        Action::Prune(prune) => {
            say_gone(&store.prune(prune.budget), prune.json.json);
            Ok(())
        }
    }
}

/// The user's store.
fn store() -> Result<Store, Failure> {
    let folder = Places::of_user().negatives;
    let missing =
        || Failure::Input("expected a folder for data, found none; set SAFELIGHT_HOME to one".to_owned());
    Ok(Store::new(folder.ok_or_else(missing)?, BUDGET))
}

impl From<NegativeError> for Failure {
    fn from(error: NegativeError) -> Self {
        Self::Input(error.to_string())
    }
}

fn list(store: &Store, json: bool) -> Result<(), Failure> {
    let all = store.list();
    let mut out = std::io::stdout();
    for summary in &all {
        if json {
            say_json(&serde_json::to_value(summary).unwrap_or_default());
            continue;
        }
        let state = serde_json::to_value(summary.state).unwrap_or_default();
        writeln!(
            out,
            "{}  {:<11} {:>4}/{:<4} seed {:<10} {}",
            summary.id,
            state.as_str().unwrap_or_default(),
            summary.steps_done,
            summary.steps,
            summary.seed,
            crate::told::quoted(&summary.prompt)
        )
        .ok();
    }
    if all.is_empty() && !json {
        writeln!(std::io::stderr(), "no negatives yet; `safelight generate` keeps one of each run").ok();
    }
    Ok(())
}

fn show(store: &Store, one: &One) -> Result<(), Failure> {
    let negative = store.open(&store.find(&one.id)?)?;
    let mut shown = serde_json::to_value(store.summary(&negative)).unwrap_or_default();
    if let Some(fields) = shown.as_object_mut() {
        let head = &negative.head;
        // What `--guidance-curve` takes, to make the same run again however it was steered.
        let acted = GuidanceCurve::through(&negative.guidance_of_steps(), negative.steps());
        for (key, value) in [
            ("model_hash", json!(negative.model_hash())),
            ("model_path", json!(head.model.path)),
            ("device", json!(head.device)),
            ("dtype", json!(head.dtype)),
            ("program", json!(head.program)),
            ("first_step", json!(negative.first_step())),
            ("model_calls", json!(negative.model_calls())),
            ("settings", json!(head.settings)),
            ("guidance_of_steps", json!(negative.guidance_of_steps())),
            ("guidance_curve", json!(acted)),
            ("timesteps", json!(head.schedule.timesteps_in_order())),
            ("branched", json!(head.parent)),
        ] {
            fields.insert(key.to_owned(), value);
        }
    }
    if one.json.json {
        say_json(&shown);
        return Ok(());
    }
    for (key, value) in shown.as_object().into_iter().flatten() {
        match value.as_str() {
            Some(text) => writeln!(std::io::stdout(), "{key}: {text}").ok(),
            None => writeln!(std::io::stdout(), "{key}: {value}").ok(),
        };
    }
    Ok(())
}

fn pin(store: &Store, one: &One, pinned: bool) -> Result<(), Failure> {
    let id = store.find(&one.id)?;
    store.pin(&id, pinned)?;
    if one.json.json {
        say_json(&json!({ "id": id, "pinned": pinned }));
    }
    Ok(())
}

fn delete(store: &Store, several: &Several) -> Result<(), Failure> {
    let ids = several.ids.iter().map(|id| store.find(id)).collect::<Result<Vec<_>, _>>()?;
    ids.iter().try_for_each(|id| store.delete(id))?;
    say_gone(&ids, several.json.json);
    Ok(())
}

fn say_gone(ids: &[String], json: bool) {
    for id in ids {
        if json {
            say_json(&json!({ "deleted": id }));
        } else {
            writeln!(std::io::stdout(), "{id}").ok();
        }
    }
}

/// "2GB" → 2,000,000,000.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let upper = text.trim().to_uppercase();
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("", 1)];
    let found = units.into_iter().find_map(|(unit, bytes)| Some((upper.strip_suffix(unit)?, bytes)));
    let (number, bytes) = found.unwrap_or((&upper, 1));
    let number: f64 = number.trim().parse().map_err(|_| "expected a size such as 500MB or 2GB".to_owned())?;
    if number.is_finite() && number >= 0.0 {
        return Ok((number * bytes as f64) as u64);
    }
    Err("expected a size such as 500MB or 2GB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [("0", 0), ("1234", 1234), ("2GB", 2_000_000_000), ("1.5 mb", 1_500_000)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "NaN", "two"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
