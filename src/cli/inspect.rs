//! `safelight inspect`: what a model file or folder is. Pictures are `inspect_picture`'s.

mod addition;
mod json;

use std::io::Write as _;

use crate::checkpoint::{self, Checkpoint};
use crate::engine::{Fit, Mismatch, Unused, find_config, fit};
use crate::library::{Sort, facts};
use crate::picture::open::is_picture;

use super::arguments::Inspect;
use super::library::resolve;
use super::{Failure, inspect_picture};

/// Names shown of a long list.
const NAMES_SHOWN: usize = 12;

/// Runs `safelight inspect`.
///
/// # Errors
/// If it is neither a model nor a picture, or damaged.
pub fn run(arguments: &Inspect) -> Result<(), Failure> {
    if is_picture(&arguments.path).unwrap_or(false) {
        return inspect_picture::run(&arguments.path, arguments.json);
    }
    let path = resolve(&arguments.path, &Sort::ALL)?;
    if !arguments.json && addition::run(&path)? {
        return Ok(());
    }
    let input = |error: &dyn std::fmt::Display| Failure::Input(error.to_string());
    let checkpoint =
        Checkpoint::open_with(&path, &arguments.parts.overlays()?).map_err(|error| input(&error))?;
    if arguments.json {
        return json::run(arguments, checkpoint);
    }
    let report = checkpoint::inspect(&checkpoint);
    say(&format!("{}: {}, {}", path.display(), report.kind.name(), megabytes(report.total_bytes)));
    if report.has_state_dict {
        say("  weights lie under state_dict");
    }
    for (part, sums) in &report.parts {
        let elements: Vec<String> =
            sums.elements.iter().map(|(element, count)| format!("{} {}", count, element.name())).collect();
        say(&format!(
            "  {:<13} {:>5} tensors  {:>8.2} M parameters  {:>9}  ({})",
            part.name(),
            sums.tensors,
            sums.parameters as f64 / 1e6,
            megabytes(sums.bytes),
            elements.join(", ")
        ));
    }
    list("beside the weights", &report.beside);
    let facts = facts(&checkpoint);
    if !matches!(facts.sort, Sort::Model | Sort::Other) {
        list("belongs to no part", &report.leftovers);
        say(&format!("  {}: {}", facts.sort.name().replace('_', " "), facts.detail));
        return Ok(());
    }
    inspect_config(arguments, checkpoint)
}

/// The config, and whether it and the weights fit each other.
fn inspect_config(arguments: &Inspect, checkpoint: Checkpoint) -> Result<(), Failure> {
    let config = find_config(&checkpoint, arguments.config.as_deref())?;
    for note in &config.notes {
        say(&format!("  note: {note}"));
    }
    if config.is_prediction_open {
        say(
            "  note: nothing tells whether the model predicts the noise or v; opening it tries, and assumes eps until then",
        );
    }
    let (fit, model) = fit(checkpoint, &config)?;
    let unet = &model.config.unet;
    say(&format!(
        "  LatentDiffusion: conditioning_key {}, parameterization {}, {} timesteps, scale_factor {}, EMA {}",
        lower_case(model.config.conditioning_key),
        lower_case(model.config.parameterization),
        model.config.schedule.timesteps(),
        model.config.scale_factor,
        if model.config.use_ema { "copy runs" } else { "not used" }
    ));
    say(&format!(
        "  UNetModel: {} × {:?}, {} ResBlocks a level, attention at {:?}, {}, {} → {} channels",
        unet.model_channels,
        unet.channel_mult,
        per_level(&unet.num_res_blocks),
        unet.attention_resolutions,
        unet.context_dim.map_or_else(|| "no context".to_owned(), |width| format!("context_dim {width}")),
        unet.in_channels,
        unet.out_channels
    ));
    say(&format!(
        "  pictures: {} × {} in training, sizes are multiples of {}",
        model.config.image_size * model.config.first_stage_factor,
        model.config.image_size * model.config.first_stage_factor,
        model.size_multiple()
    ));
    list("training only, in the config", &model.config.training_only);
    for note in &model.config.notes {
        say(&format!("  note: {note}"));
    }
    say_fit(&fit);
    Ok(())
}

/// What of the file the networks use, what they lack, and what is left over.
fn say_fit(fit: &Fit) {
    say(&format!("  used: {}", tensors(fit.used)));
    list("missing from the weights", &fit.missing);
    if let Some(Mismatch { name, expected, found }) = &fit.mismatch {
        say(&format!("  first of another shape: {name} is {found:?} where the config asks for {expected:?}"));
    }
    let Unused { ema, training, schedule, computed, other } = &fit.unused;
    let counts =
        [("EMA", ema), ("training", training), ("the schedule", schedule), ("computed buffers", computed)];
    for (what, count) in counts.into_iter().filter(|(_, count)| **count > 0) {
        say(&format!("  left over, of {what}: {}", tensors(*count)));
    }
    list("not used by the config", other);
    if !fit.missing.is_empty() || fit.mismatch.is_some() {
        say("  it does not open so: get the whole file, or give the config that belongs to it with --config");
    }
}

fn tensors(count: usize) -> String {
    format!("{count} tensor{}", if count == 1 { "" } else { "s" })
}

fn list(title: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    say(&format!("  {title} ({}): {}{more}", names.len(), shown.join(", ")));
}

/// A choice as a config writes it.
fn lower_case(choice: impl std::fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// A number that is the same for all levels, or the list of them.
fn per_level(numbers: &[usize]) -> String {
    match numbers {
        [first, rest @ ..] if rest.iter().all(|number| number == first) => first.to_string(),
        _ => format!("{numbers:?}"),
    }
}
