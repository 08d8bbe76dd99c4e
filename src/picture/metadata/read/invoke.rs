//! Settings from InvokeAI: `invokeai_metadata` since version 3, `sd-metadata` before, and the command
//! of its first versions, `Dream`.
//!
//! Trap: the older forms have one prompt in which square brackets hold what must not be seen.

use serde_json::Value;

use super::value::{count, real, stem, whole, words};
use super::{Origin, Recovered};
use crate::sampler::RngKind;

/// The present form: one flat object.
pub(super) fn metadata(record: &Value) -> Option<Recovered> {
    if record.get("positive_prompt").is_none() && record.get("generation_mode").is_none() {
        return None;
    }
    let mut found = Recovered::from(Origin::InvokeAi);
    let settings = &mut found.settings;
    settings.prompt = words(&record["positive_prompt"]);
    settings.negative_prompt = words(&record["negative_prompt"]);
    settings.steps = count(&record["steps"]);
    settings.guidance = real(&record["cfg_scale"]);
    settings.seed = whole(&record["seed"]);
    settings.width = count(&record["width"]);
    settings.height = count(&record["height"]);
    settings.rng = match record["rand_device"].as_str() {
        Some("cpu") => Some(RngKind::Cpu),
        Some("cuda") => Some(RngKind::Nv),
        _ => None,
    };
    let model = &record["model"];
    found.model = words(&model["name"]).or_else(|| words(&model["model_name"])).or_else(|| words(model));
    found.model_hash = words(&model["hash"]);
    if let Some(scheduler) = words(&record["scheduler"]) {
        found.set_sampler(scheduler);
    }
    let known = !found.settings.is_empty() || found.model.is_some();
    known.then_some(found)
}

/// The older form: the picture's own values under `image`.
pub(super) fn legacy(record: &Value) -> Option<Recovered> {
    let image =
        record.get("image").or_else(|| record.get("images")?.get(0)).filter(|image| image.is_object())?;
    let mut found = Recovered::from(Origin::InvokeAi);
    let settings = &mut found.settings;
    if let Some(prompt) = legacy_prompt(&image["prompt"]) {
        let (prompt, negative) = split_brackets(&prompt);
        settings.prompt = Some(prompt);
        settings.negative_prompt = Some(negative);
    }
    settings.steps = count(&image["steps"]);
    settings.guidance = real(&image["cfg_scale"]);
    settings.seed = whole(&image["seed"]);
    settings.width = count(&image["width"]);
    settings.height = count(&image["height"]);
    found.model = record["model_weights"].as_str().map(stem);
    found.model_hash = words(&record["model_hash"]);
    if let Some(sampler) = words(&image["sampler"]) {
        found.set_sampler(sampler);
    }
    (!found.settings.is_empty()).then_some(found)
}

/// The command of the first versions: `"a barn [fog]" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms`.
pub(super) fn dream(text: &str) -> Option<Recovered> {
    let text = text.trim().trim_start_matches("dream>").trim_start();
    let (prompt, flags) = match text.strip_prefix('"') {
        Some(quoted) => split_quoted(quoted)?,
        None => text.split_at(text.find(" -")?),
    };
    let mut found = Recovered::from(Origin::InvokeAi);
    let mut words = flags.split_whitespace();
    let mut flags = 0;
    while let Some(word) = words.next() {
        let Some((name, value)) = flag(word) else { continue };
        let Some(value) = value.or_else(|| words.next()) else { break };
        let settings = &mut found.settings;
        let value_of = Value::from(value);
        match name {
            "s" | "steps" => settings.steps = count(&value_of),
            "S" | "seed" => settings.seed = whole(&value_of),
            "W" | "width" => settings.width = count(&value_of),
            "H" | "height" => settings.height = count(&value_of),
            "C" | "cfg_scale" => settings.guidance = real(&value_of),
            "A" | "m" | "sampler" => found.set_sampler(value.to_owned()),
            _ => continue,
        }
        flags += 1;
    }
    let (prompt, negative) = split_brackets(prompt);
    found.settings.prompt = Some(prompt).filter(|prompt| !prompt.is_empty());
    found.settings.negative_prompt = Some(negative);
    (flags >= 2).then_some(found)
}

/// A flag's name, and its value where it is written in one with it.
fn flag(word: &str) -> Option<(&str, Option<&str>)> {
    if let Some(name) = word.strip_prefix("--") {
        return Some(name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value))));
    }
    let flag = word.strip_prefix('-').filter(|flag| flag.starts_with(|c: char| c.is_ascii_alphabetic()))?;
    let (name, value) = flag.split_at(1);
    Some((name, Some(value.trim_start_matches('=')).filter(|value| !value.is_empty())))
}

/// What stands before the closing quote, and what behind it.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let closes = |&(at, _): &(usize, &str)| !text[..at].ends_with('\\');
    let (at, _) = text.match_indices('"').find(closes)?;
    Some((&text[..at], &text[at + 1..]))
}

/// A text, or a list of weighted texts.
fn legacy_prompt(prompt: &Value) -> Option<String> {
    let Some(parts) = prompt.as_array() else { return words(prompt) };
    let texts: Vec<&str> = parts.iter().filter_map(|part| part["prompt"].as_str()).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// What stands outside and inside square brackets.
fn split_brackets(text: &str) -> (String, String) {
    let (mut outside, mut inside) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((held, next)) = after.split_once(']') else { break };
        outside.push_str(before);
        inside.push(held.trim());
        rest = next;
    }
    outside.push_str(rest);
    (outside.split_whitespace().collect::<Vec<_>>().join(" "), inside.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::metadata::read::json;

    #[test]
    fn the_present_form() {
        let text = r#"{"generation_mode": "txt2img", "positive_prompt": "a barn", "negative_prompt": "", "width": 512,
            "height": 640, "seed": 1823704, "rand_device": "cpu", "cfg_scale": 7.5, "steps": 30, "scheduler": "ddim",
            "model": {"key": "k", "hash": "blake3:ab", "name": "stable-diffusion-v1-5", "base": "sd-1"},
            "app_version": "4.2.0"}"#;
        let found = metadata(&json::parse(text).unwrap()).unwrap();
        assert_eq!(found.settings.prompt.as_deref(), Some("a barn"));
        assert_eq!(found.settings.negative_prompt.as_deref(), Some(""));
        assert_eq!((found.settings.seed, found.settings.steps), (Some(1_823_704), Some(30)));
        assert_eq!(found.settings.rng, Some(RngKind::Cpu));
        assert_eq!(found.model.as_deref(), Some("stable-diffusion-v1-5"));
        assert_eq!(found.foreign_sampler, None);
        for text in ["{}", "{\"a\": 1}", "[1, 2]"] {
            assert_eq!(metadata(&json::parse(text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn the_older_form() {
        let text = r#"{"model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "model_hash": "cc6cb2",
            "app_version": "2.2.4", "image": {"prompt": [{"prompt": "a barn [fog] at [ugly] dawn", "weight": 1}],
            "steps": 50, "cfg_scale": 7.5, "seed": 42, "width": 512, "height": 512, "sampler": "k_lms"}}"#;
        let found = legacy(&json::parse(text).unwrap()).unwrap();
        assert_eq!(found.settings.prompt.as_deref(), Some("a barn at dawn"));
        assert_eq!(found.settings.negative_prompt.as_deref(), Some("fog, ugly"));
        assert_eq!(found.settings.sampler, Some(crate::sampler::SamplerKind::Lms));
        assert_eq!(found.model.as_deref(), Some("stable-diffusion-1.5"));
        assert_eq!(split_brackets("a [b"), ("a [b".to_owned(), String::new()));
        assert_eq!(legacy(&json::parse("{\"image\": 4}").unwrap()), None);
    }

    #[test]
    fn the_first_versions_command() {
        for text in [
            "\"a barn [fog] at dawn\" -s 50 -S 42 -W 512 -H 640 -C 7.5 -A ddim",
            "a barn at dawn [fog] -s50 -S42 -W512 -H640 -C7.5 --sampler=ddim -F",
        ] {
            let settings = dream(text).unwrap().settings;
            assert_eq!(settings.prompt.as_deref(), Some("a barn at dawn"));
            assert_eq!(settings.negative_prompt.as_deref(), Some("fog"));
            assert_eq!((settings.steps, settings.seed, settings.guidance), (Some(50), Some(42), Some(7.5)));
            assert_eq!((settings.width, settings.height), (Some(512), Some(640)));
            assert_eq!(settings.sampler, Some(crate::sampler::SamplerKind::Ddim));
        }
        for text in ["", "\"", "a letter -s", "well - then", "\"a\" -x"] {
            assert_eq!(dream(text), None, "{text}");
        }
    }
}
