//! Settings from one flat object of JSON, as SwarmUI, Fooocus, NovelAI, Draw Things, Civitai and
//! others write: every program has names of its own for the same few values.

use serde_json::Value;

use super::value::{count, real, stem, whole, words};
use super::{Origin, Recovered, json};
use crate::sampler::RngKind;

/// Where the values may lie instead, the outermost first.
const INSIDE: [&str; 6] = ["sui_image_params", "extraMetadata", "parameters", "params", "metadata", "meta"];
/// Fewer known values than this, and it is some other object.
const FEWEST: usize = 3;

/// Reads an object; none if it tells of no picture.
pub(super) fn record(value: &Value) -> Option<Recovered> {
    let inside = INSIDE.iter().find_map(|key| {
        let inner = value.get(key)?;
        inner.as_object().map(|_| inner.clone()).or_else(|| json::parse(inner.as_str()?))
    });
    if let Some(found) = inside.as_ref().and_then(own) {
        let swarm = value.get("sui_image_params").is_some();
        return Some(Recovered { origin: if swarm { Origin::SwarmUi } else { Origin::Other }, ..found });
    }
    own(value)
}

fn own(value: &Value) -> Option<Recovered> {
    let object = value.as_object()?;
    let find = |names: &[&str]| {
        names.iter().find_map(|name| object.iter().find(|(key, _)| same(key, name)).map(|(_, value)| value))
    };
    let fooocus = find(&["adm guidance", "fooocus_v2_expansion", "metadata_scheme"]).is_some();
    let origin = if fooocus { Origin::Fooocus } else { Origin::Other };
    let mut found = Recovered::from(origin);
    let settings = &mut found.settings;
    settings.prompt =
        find(&["positive prompt", "prompt", "c"]).and_then(words).filter(|text| !text.is_empty());
    settings.negative_prompt = find(&["negative prompt", "uc", "negative"]).and_then(words);
    settings.steps = find(&["steps", "num_inference_steps", "sampling steps"]).and_then(count);
    settings.guidance = find(&["cfg scale", "guidance scale", "cfg", "guidance", "scale"]).and_then(real);
    settings.seed = find(&["seed", "noise seed"]).and_then(whole);
    settings.width = find(&["width"]).and_then(count);
    settings.height = find(&["height"]).and_then(count);
    if let Some((width, height)) = find(&["resolution", "size"]).and_then(size) {
        settings.width.get_or_insert(width);
        settings.height.get_or_insert(height);
    }
    // Both of these draw noise as ComfyUI does.
    let on_processor = fooocus || find(&["swarm_version"]).is_some();
    settings.rng = on_processor.then_some(RngKind::Cpu);
    found.model = find(&["model", "base model", "model name", "sd model"]).and_then(Value::as_str).map(stem);
    found.model_hash = find(&["model hash", "base model hash"]).and_then(words);
    if let Some(sampler) = find(&["sampler", "sampler name"]).and_then(words) {
        found.set_sampler(sampler);
    }
    (found.settings.known() >= FEWEST).then_some(found)
}

/// Whether a key is a name but for case and what joins its words.
fn same(key: &str, name: &str) -> bool {
    let letters = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    letters(key) == letters(name)
}

/// "512x640", "(512, 640)" or a list of both.
fn size(value: &Value) -> Option<(usize, usize)> {
    match value {
        Value::Array(both) => Some((count(both.first()?)?, count(both.get(1)?)?)),
        value => super::infotext::size(value.as_str()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_records() {
        let records = [
            (
                r#"{"sui_image_params": {"prompt": "a barn", "negativeprompt": "fog", "steps": 20, "cfgscale": 7.0, "seed": 5,
                 "width": 512, "height": 640, "sampler": "ddim", "swarm_version": "0.9.3"}}"#,
                Origin::SwarmUi,
            ),
            (
                r#"{"prompt": "a barn", "negative_prompt": "fog", "steps": 20, "guidance_scale": 7.0, "seed": "5", "adm_guidance": "(1.5, 0.8)",
                 "resolution": "(512, 640)", "sampler": "ddim", "base_model": "x.safetensors"}"#,
                Origin::Fooocus,
            ),
            (
                r#"{"prompt": "a barn", "uc": "fog", "steps": 20, "scale": 7.0, "seed": 5, "height": 640, "width": 512, "sampler": "ddim",
                 "strength": NaN}"#,
                Origin::Other,
            ),
            (
                r#"{"extra": {}, "extraMetadata": "{\"prompt\":\"a barn\",\"negativePrompt\":\"fog\",\"steps\":20,\"cfgScale\":7,\"seed\":5,
                 \"size\":\"512x640\",\"sampler\":\"DDIM\"}"}"#,
                Origin::Other,
            ),
        ];
        for (text, origin) in records {
            let found = record(&json::parse(text).unwrap()).unwrap();
            let settings = &found.settings;
            assert_eq!(found.origin, origin);
            assert_eq!(
                (settings.prompt.as_deref(), settings.negative_prompt.as_deref()),
                (Some("a barn"), Some("fog"))
            );
            assert_eq!((settings.steps, settings.guidance, settings.seed), (Some(20), Some(7.0), Some(5)));
            assert_eq!((settings.width, settings.height), (Some(512), Some(640)), "{text}");
            assert!(settings.sampler.is_some() && found.foreign_sampler.is_none());
        }
        for text in ["{}", "[1, 2]", r#"{"prompt": "a letter"}"#, r#"{"width": 4, "height": 5}"#] {
            assert_eq!(record(&json::parse(text).unwrap()), None, "{text}");
        }
    }
}
