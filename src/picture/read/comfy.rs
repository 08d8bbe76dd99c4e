//! Settings from ComfyUI's `prompt` text: a graph of nodes, `{"3": {"class_type": …, "inputs": …}}`.
//!
//! An input is a value or a link `["node id", output]`. A sampler node is found, and its links are
//! followed to the texts, the empty latent and the checkpoint, through whatever nodes lie between.
//! Trap: graphs come from anywhere and may link in circles, so a walk counts its steps.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value};

use super::value::{count, real, stem, whole, words};
use super::{Origin, Recovered};
use crate::message::RngKind;

/// The most nodes that one walk visits.
const MOST_VISITS: usize = 1_000;

type Graph = Map<String, Value>;

/// Reads the graph's text; none without a sampler.
pub(super) fn graph(text: &str) -> Option<Recovered> {
    let graph: Graph = serde_json::from_str(text).ok()?;
    let sampler = sampler(&graph)?;
    let mut found = Recovered::from(Origin::ComfyUi);
    let settings = &mut found.settings;
    // ComfyUI draws its noise on the processor.
    settings.rng = Some(RngKind::Cpu);
    settings.seed = value(&graph, sampler, &["seed", "noise_seed"], whole);
    settings.steps = value(&graph, sampler, &["steps"], count);
    settings.guidance = value(&graph, sampler, &["cfg", "guidance"], real);
    settings.prompt = text_behind(&graph, sampler, &["positive", "conditioning", "guider"]);
    settings.negative_prompt = text_behind(&graph, sampler, &["negative"]);
    let latent = walk(&graph, sampler, &["latent_image", "latent"], |node| {
        kind(node).contains("EmptyLatent").then_some(node)
    });
    if let Some(latent) = latent {
        settings.width = value(&graph, latent, &["width"], count);
        settings.height = value(&graph, latent, &["height"], count);
    }
    found.model = walk(&graph, sampler, &["model", "guider"], |node| {
        ["ckpt_name", "unet_name"].iter().find_map(|key| input(node, key)?.as_str().map(stem))
    });
    if let Some(name) = value(&graph, sampler, &["sampler_name", "sampler"], words) {
        found.set_sampler(name);
    }
    Some(found)
}

fn kind(node: &Value) -> &str {
    node.get("class_type").and_then(Value::as_str).unwrap_or_default()
}

fn input<'a>(node: &'a Value, key: &str) -> Option<&'a Value> {
    node.get("inputs")?.get(key)
}

/// The node behind a link.
fn linked<'a>(graph: &'a Graph, link: &Value) -> Option<&'a Value> {
    match link.as_array()?.first()? {
        Value::String(id) => graph.get(id),
        Value::Number(id) => graph.get(&id.to_string()),
        _ => None,
    }
}

/// The sampler that begins the picture: one that starts from an empty latent, else the first.
fn sampler(graph: &Graph) -> Option<&Value> {
    let is_sampler = |node: &&Value| {
        kind(node).contains("Sampler")
            && (input(node, "positive").is_some() || input(node, "latent_image").is_some())
    };
    let starts = |node: &&Value| {
        walk(graph, node, &["latent_image"], |node| kind(node).contains("EmptyLatent").then_some(()))
            .is_some()
    };
    let samplers = || graph.values().filter(is_sampler);
    samplers().find(starts).or_else(|| samplers().next())
}

/// Follows links from some inputs of a node, nearest nodes first, until `look` finds something.
fn walk<'a, T>(
    graph: &'a Graph,
    from: &'a Value,
    keys: &[&str],
    look: impl Fn(&'a Value) -> Option<T>,
) -> Option<T> {
    let mut queue: VecDeque<&Value> =
        keys.iter().filter_map(|key| linked(graph, input(from, key)?)).collect();
    let mut seen = HashSet::new();
    while let Some(node) = queue.pop_front() {
        if !seen.insert(std::ptr::from_ref(node)) || seen.len() > MOST_VISITS {
            continue;
        }
        if let Some(found) = look(node) {
            return Some(found);
        }
        let inputs = node.get("inputs").and_then(Value::as_object);
        queue.extend(inputs.into_iter().flat_map(Map::values).filter_map(|link| linked(graph, link)));
    }
    None
}

/// A value of a node, written there or in a node that the input links to.
fn value<T>(graph: &Graph, node: &Value, keys: &[&str], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    keys.iter().find_map(|key| {
        let own = input(node, key)?;
        if own.is_array() {
            let inside = |node: &Value| {
                let names =
                    ["seed", "noise_seed", "value", "int", "float", "sampler_name", "width", "height"];
                std::iter::once(key).chain(&names).find_map(|key| read(input(node, key)?))
            };
            return inside(linked(graph, own)?);
        }
        read(own)
    })
}

/// The first text behind some inputs.
fn text_behind(graph: &Graph, node: &Value, keys: &[&str]) -> Option<String> {
    let texts = ["text", "text_g", "prompt", "string", "value", "String", "positive"];
    walk(graph, node, keys, |node| texts.iter().find_map(|key| words(input(node, key)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{
      "3": {"class_type": "KSampler", "inputs": {"seed": 156680208700286, "steps": 20, "cfg": 8, "sampler_name": "ddim",
            "scheduler": "ddim_uniform", "denoise": 1, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0]}},
      "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd\\v1-5-pruned-emaonly.safetensors"}},
      "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
      "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["4", 1]}},
      "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "watermark", "clip": ["4", 1]}},
      "10": {"class_type": "LoraLoader", "inputs": {"model": ["4", 0], "lora_name": "x.safetensors"}},
      "11": {"class_type": "PrimitiveString", "inputs": {"value": "a bottle"}}
    }"#;

    #[test]
    fn links_are_followed() {
        let found = graph(PLAIN).unwrap();
        let settings = &found.settings;
        assert_eq!(settings.prompt.as_deref(), Some("a bottle"));
        assert_eq!(settings.negative_prompt.as_deref(), Some("watermark"));
        assert_eq!((settings.seed, settings.steps), (Some(156_680_208_700_286), Some(20)));
        assert_eq!(settings.guidance, Some(8.0));
        assert_eq!((settings.width, settings.height), (Some(512), Some(768)));
        assert_eq!(settings.sampler, Some(crate::message::SamplerKind::Ddim));
        assert_eq!(found.model.as_deref(), Some("v1-5-pruned-emaonly"));
        assert_eq!(found.foreign_sampler, None);
    }

    #[test]
    fn circles_and_nonsense_end() {
        let circle = r#"{"1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "latent_image": ["1", 0]}},
                         "2": {"class_type": "X", "inputs": {"a": ["2", 0], "b": ["1", 0], "c": ["9", 0], "d": []}}}"#;
        let found = graph(circle).unwrap();
        assert_eq!(found.settings.prompt, None);
        for text in ["", "[]", "{}", "{\"1\": 3}", "{\"1\": {\"class_type\": \"KSampler\"}}"] {
            assert_eq!(graph(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_of_two_samplers_counts() {
        let two = PLAIN.replacen(
            '{',
            r#"{"1": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["7", 0],
            "latent_image": ["3", 0], "steps": 5}},"#,
            1,
        );
        // Sampler 1 works on the other's outcome.
        assert_eq!(graph(&two).unwrap().settings.negative_prompt, None);
        let euler = PLAIN.replace("\"ddim\"", "\"euler\"");
        assert_eq!(graph(&euler).unwrap().foreign_sampler.as_deref(), Some("euler"));
    }
}
