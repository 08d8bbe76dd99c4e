//! Settings from InvokeAI: `invokeai_metadata` since version 3, and `sd-metadata` before.
//!
//! Trap: the older form has one prompt in which square brackets hold what must not be seen.

use serde_json::Value;

use super::value::{count, real, stem, whole, words};
use super::{Origin, Recovered};
use crate::message::RngKind;

/// The present form: one flat object.
pub(super) fn metadata(text: &str) -> Option<Recovered> {
    let record: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
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
pub(super) fn legacy(text: &str) -> Option<Recovered> {
    let record: Value = serde_json::from_str(text).ok()?;
    let image = record.get("image").filter(|image| image.is_object())?;
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

    #[test]
    fn the_present_form() {
        let text = r#"{"generation_mode": "txt2img", "positive_prompt": "a barn", "negative_prompt": "", "width": 512,
            "height": 640, "seed": 1823704, "rand_device": "cpu", "cfg_scale": 7.5, "steps": 30, "scheduler": "ddim",
            "model": {"key": "k", "hash": "blake3:ab", "name": "stable-diffusion-v1-5", "base": "sd-1"},
            "app_version": "4.2.0"}"#;
        let found = metadata(text).unwrap();
        assert_eq!(found.settings.prompt.as_deref(), Some("a barn"));
        assert_eq!(found.settings.negative_prompt.as_deref(), Some(""));
        assert_eq!((found.settings.seed, found.settings.steps), (Some(1_823_704), Some(30)));
        assert_eq!(found.settings.rng, Some(RngKind::Cpu));
        assert_eq!(found.model.as_deref(), Some("stable-diffusion-v1-5"));
        assert_eq!(found.foreign_sampler, None);
        for text in ["", "3", "[]", "{}", "null", "{\"a\": 1}"] {
            assert_eq!(metadata(text), None, "{text}");
        }
    }

    #[test]
    fn the_older_form() {
        let text = r#"{"model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "model_hash": "cc6cb2",
            "app_version": "2.2.4", "image": {"prompt": [{"prompt": "a barn [fog] at [ugly] dawn", "weight": 1}],
            "steps": 50, "cfg_scale": 7.5, "seed": 42, "width": 512, "height": 512, "sampler": "k_lms"}}"#;
        let found = legacy(text).unwrap();
        assert_eq!(found.settings.prompt.as_deref(), Some("a barn at dawn"));
        assert_eq!(found.settings.negative_prompt.as_deref(), Some("fog, ugly"));
        assert_eq!(found.foreign_sampler.as_deref(), Some("k_lms"));
        assert_eq!(found.model.as_deref(), Some("stable-diffusion-1.5"));
        assert_eq!(split_brackets("a [b"), ("a [b".to_owned(), String::new()));
        assert_eq!(legacy("{\"image\": 4}"), None);
    }
}
