//! `safelight inspect PICTURE`: what a picture tells of how it was made.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::picture::metadata::read::{Recovered, recover};

use super::Failure;
use super::like::nothing_in;

/// Prints one `key: value` a line, prompt and negative prompt first; with `as_json` one object.
///
/// # Errors
/// If the file cannot be read, or tells nothing.
pub fn run(path: &Path, as_json: bool) -> Result<(), Failure> {
    let found = recover(path)?;
    if as_json {
        say(&object(found.as_ref()).to_string());
    } else if let Some(found) = &found {
        print(found);
    }
    found.map(drop).ok_or_else(|| nothing_in(path))
}

/// The settings that are known, under their names in events and files.
fn settings(found: &Recovered) -> Map<String, Value> {
    let Ok(Value::Object(mut settings)) = serde_json::to_value(&found.settings) else { return Map::new() };
    if let Some(sampler) = &found.foreign_sampler {
        settings.insert("sampler".to_owned(), sampler.as_str().into());
    }
    settings.retain(|_, value| !value.is_null());
    // As they are typed.
    let known = &found.settings;
    for (name, text) in [
        ("hires", known.hires.filter(|hires| !hires.is_none()).map(|hires| hires.to_string())),
        ("variation", known.variation.filter(|it| !it.is_none()).map(|it| it.to_string())),
    ] {
        settings.remove(name);
        settings.extend(text.map(|text| (name.to_owned(), Value::from(text))));
    }
    for name in ["template", "negative_template"] {
        // Most were written out of nothing else.
        if settings.get(name).is_some_and(|text| text == "") {
            settings.remove(name);
        }
    }
    if let Some(steps) = found.stopped_after {
        settings.insert("stopped_after".to_owned(), steps.into());
    }
    if let Some(from) = &found.branched_from {
        settings.insert("branched_from".to_owned(), format!("{} at step {}", from.negative, from.at).into());
    }
    if let Some(treatment) = found.treatment {
        settings.insert("strength".to_owned(), treatment.strength.into());
    }
    if let Some(beginning) = &found.beginning {
        settings.insert("made_from".to_owned(), beginning.picture.told().into());
    }
    if !found.guidance_of_steps.is_empty() {
        settings.insert("guidance_of_steps".to_owned(), json!(found.guidance_of_steps));
    }
    settings
}

fn object(found: Option<&Recovered>) -> Value {
    json!({
        "settings": found.map(settings).unwrap_or_default(),
        "made_by": found.map(|found| found.origin.name()),
        "model": found.and_then(|found| found.model.as_deref()),
        "model_hash": found.and_then(|found| found.model_hash.as_deref()),
        "beginning": found.and_then(|found| found.beginning.as_ref()),
        "not_read": found.map(Recovered::not_read).unwrap_or_default(),
    })
}

fn print(found: &Recovered) {
    for (key, value) in settings(found) {
        let value = match &value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(number).collect::<Vec<_>>().join(" "),
            other => number(other),
        };
        say(&format!("{}: {value}", key.replace('_', " ")));
    }
    say(&format!("made by: {}", found.origin.name()));
    for (key, value) in [("model", &found.model), ("model hash", &found.model_hash)] {
        if let Some(value) = value {
            say(&format!("{key}: {value}"));
        }
    }
    let missing: Vec<String> = found.not_read().iter().map(|name| name.replace('_', " ")).collect();
    if !missing.is_empty() {
        say(&format!("not read: {}", missing.join(", ")));
    }
}

/// A number as people write it: 7, not 7.0.
fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => number.to_string(),
        _ => value.to_string(),
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}
