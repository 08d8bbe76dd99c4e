//! `safelight inspect --json`: a model file, a part of one or an addition to one, as one object.

use serde_json::{Map, Value, json};

use crate::checkpoint::{self, Checkpoint, Report};
use crate::engine::{find_config, fit};
use crate::hashes::short;
use crate::library::{Sort, facts};
use crate::places::Places;

use crate::cli::Failure;
use crate::cli::arguments::Inspect;
use crate::cli::develop::say_json;

/// Prints what a checkpoint is, and how it and its config fit each other.
///
/// # Errors
/// If nothing here can use it; what it is has been printed then.
pub fn run(arguments: &Inspect, checkpoint: Checkpoint) -> Result<(), Failure> {
    let facts = facts(&checkpoint);
    let report = checkpoint::inspect(&checkpoint);
    let hashed = checkpoint.hashed_file().to_owned();
    let cache = Places::of_user().previews;
    let hash = crate::hashes::sha256(&hashed, cache.as_deref(), &mut || true).ok().flatten();
    let mut object = json!({
        "path": checkpoint.path().display().to_string(),
        "kind": facts.sort.name(),
        "detail": facts.detail,
        "format": facts.format,
        "bytes": report.total_bytes,
        "dtype": facts.dtype,
        "license": facts.license,
        "sha256": hash,
        "hash": hash.as_deref().map(short),
        "parts": parts(&report),
        "beside": report.beside,
        "metadata": checkpoint.metadata(),
        "notes": checkpoint.notes().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "fit": null,
    });
    let fitted = match facts.sort {
        Sort::Model | Sort::Other => self::fitted(arguments, checkpoint, &mut object),
        _ => Ok(()),
    };
    say_json(&object);
    fitted
}

/// Adds how a model and its config fit each other.
fn fitted(arguments: &Inspect, checkpoint: Checkpoint, object: &mut Value) -> Result<(), Failure> {
    let config = find_config(&checkpoint, arguments.config.as_deref())?;
    let (fit, model) = fit(checkpoint, &config)?;
    let notes = config.notes.iter().chain(&model.config.notes);
    let notes: Vec<String> = notes.map(ToString::to_string).collect();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("notes".to_owned(), json!(notes));
        fields.insert("fit".to_owned(), json!(fit));
    }
    Ok(())
}

/// The sums over each part's tensors.
fn parts(report: &Report) -> Map<String, Value> {
    let sums = report.parts.iter().map(|(part, sums)| {
        let dtypes: Map<String, Value> =
            sums.elements.iter().map(|(element, count)| (element.name().to_owned(), json!(count))).collect();
        let told = json!({
            "tensors": sums.tensors, "parameters": sums.parameters, "bytes": sums.bytes, "dtypes": dtypes,
        });
        (part.name().to_owned(), told)
    });
    sums.collect()
}
