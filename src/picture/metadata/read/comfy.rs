//! Settings from ComfyUI's `prompt` text: a graph of nodes.
//!
//! The sampler that begins the picture is found, and its links are followed to the texts, the empty
//! latent and the checkpoint, through whatever nodes lie between. Trap: later passes are samplers,
//! too, and may come first in the file.

mod graph;
mod words;

use serde_json::Value;

use self::graph::{Graph, Link, is_bundle};
use self::words::{Side, conditioning};
use super::value::{count, real, stem, whole, words};
use super::{Origin, Recovered};
use crate::sampler::{RngKind, ScheduleKind};

/// Names of files that hold a model.
const MODEL_FILES: [&str; 4] = ["ckpt_name", "unet_name", "base_ckpt_name", "model_name"];
/// Names under which nodes hold one value that others link to.
const HELD: [&str; 6] = ["value", "int", "float", "number", "Value", "Number"];

/// Reads a graph; none without a sampler.
pub(super) fn graph(value: &Value) -> Option<Recovered> {
    let graph = Graph::new(value)?;
    let sampler = first_pass(&graph)?;
    let mut found = Recovered::from(Origin::ComfyUi);
    let settings = &mut found.settings;
    // ComfyUI draws its noise on the processor.
    settings.rng = Some(RngKind::Cpu);
    settings.seed = held(&graph, sampler, &["seed", "noise_seed"], whole);
    settings.steps = held(&graph, sampler, &["steps"], count);
    settings.guidance = held(&graph, sampler, &["cfg"], real).or_else(|| without_guidance(&graph, sampler));
    settings.prompt = conditioning(&graph, sampler, Side::Positive);
    settings.negative_prompt = conditioning(&graph, sampler, Side::Negative);
    if let Some(latent) =
        graph.search(sampler, is_latent, is_sampler, |node| is_empty_latent(node).then_some(node))
    {
        settings.width = held(&graph, latent, &["width", "empty_latent_width"], count);
        settings.height = held(&graph, latent, &["height", "empty_latent_height"], count);
    }
    let leads_to_model = |key: &str| key.contains("model") || is_bundle(key) || key.is_empty();
    found.model = graph.search(
        sampler,
        leads_to_model,
        |_| false,
        |node| MODEL_FILES.iter().find_map(|key| file_name(node.input(key)?)),
    );
    if let Some(name) = held(&graph, sampler, &["sampler_name"], words) {
        found.set_sampler(name);
    }
    let scheduler = held(&graph, sampler, &["scheduler"], words);
    let named = scheduler.and_then(|name| ScheduleKind::from_name(&name));
    let leads_to_sigmas = |key: &str| key.contains("sigmas");
    let node = || graph.search(sampler, leads_to_sigmas, |_| false, schedule_of);
    found.settings.schedule = named.or_else(node);
    Some(found)
}

/// The schedule that a node stands for by its class alone.
fn schedule_of(node: Link<'_>) -> Option<ScheduleKind> {
    match node.class() {
        class if class.contains("karrasscheduler") => Some(ScheduleKind::Karras),
        class if class.contains("exponentialscheduler") => Some(ScheduleKind::Exponential),
        class if class.contains("alignyoursteps") => Some(ScheduleKind::AlignYourSteps),
        class if class.contains("turboscheduler") => Some(ScheduleKind::Trailing),
        _ => None,
    }
}

/// A file's name, which some nodes wrap with its picture.
fn file_name(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("content")?.as_str()).map(stem)
}

/// The sampler whose latent comes from an empty one; else one that takes no other sampler's result.
fn first_pass<'a>(graph: &Graph<'a>) -> Option<Link<'a>> {
    let rank = |sampler: &Link<'a>| {
        let later = graph.search(*sampler, is_latent, is_sampler, |node| is_sampler(node).then_some(()));
        let begins =
            graph.search(*sampler, is_latent, is_sampler, |node| is_empty_latent(node).then_some(()));
        (later.is_some(), begins.is_none())
    };
    // The first of those that are equal.
    graph.nodes().filter(|node| is_sampler(*node)).min_by_key(rank)
}

fn is_sampler(node: Link<'_>) -> bool {
    let takes = |key: &str| matches!(key, "positive" | "latent_image" | "guider") || is_bundle(key);
    node.class().contains("sampler") && node.inputs().any(|(key, value)| takes(key) && value.is_array())
}

/// Whether an input may lead to the latent that a sampler begins with.
fn is_latent(key: &str) -> bool {
    let others = [
        "model", "clip", "vae", "positive", "negative", "cond", "noise", "sigmas", "sampler", "seed",
        "control",
    ];
    !others.iter().any(|other| key.contains(other)) && key != "guider"
}

fn is_empty_latent(node: Link<'_>) -> bool {
    let class = node.class();
    (class.contains("empty") && class.contains("latent")) || node.input("empty_latent_width").is_some()
}

/// A guider with one conditioning runs the network once a step, as guidance 1 does.
fn without_guidance(graph: &Graph<'_>, sampler: Link<'_>) -> Option<f64> {
    graph.behind(sampler, "guider").filter(|guider| guider.class().contains("basicguider")).map(|_| 1.0)
}

/// A value of a node: written there, in a node that the input links to, or in one that hands it on.
fn held<'a, T>(graph: &Graph<'a>, node: Link<'a>, keys: &[&str], read: fn(&Value) -> Option<T>) -> Option<T> {
    let own = keys.iter().find_map(|key| {
        let value = node.input(key)?;
        read(value).or_else(|| behind(graph, graph.linked(node, value)?, key, read))
    });
    own.or_else(|| {
        let hands_on =
            |key: &str| matches!(key, "noise" | "sigmas" | "sampler" | "optional_seed") || is_bundle(key);
        graph.links(node, hands_on).into_iter().find_map(|node| held(graph, node, keys, read))
    })
}

/// The value that a node stands for.
fn behind<'a, T>(graph: &Graph<'a>, node: Link<'a>, key: &str, read: fn(&Value) -> Option<T>) -> Option<T> {
    let seeds: &[&str] = if key.contains("seed") { &["seed", "noise_seed"] } else { &[] };
    let names = std::iter::once(&key).chain(seeds).chain(&HELD);
    let own = names.copied().find_map(|name| read(node.input(name)?));
    own.or_else(|| behind(graph, graph.only_link(node)?, key, read))
}

#[cfg(test)]
mod tests;
