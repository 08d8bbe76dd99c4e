//! The texts behind a sampler's conditioning, through whatever nodes lie between.
//!
//! Invariant: a text is returned whole and on its own side, or not at all. A part of a joined text that
//! cannot be followed costs the whole of it, and a node that has both sides is asked for the one that
//! its outcome, or the walk, stands for.

use serde_json::Value;

use super::graph::{Graph, Link, is_bundle};

/// Inputs that hold a text; of an encoder's two halves the first that has words.
const TEXT_KEYS: [&str; 12] = [
    "text", "string", "value", "prompt", "String", "Text", "text_g", "t5xxl", "text_l", "clip_l", "content",
    "text_0",
];

/// Which of the two texts is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Positive,
    Negative,
}

impl Side {
    /// The inputs that are this side's.
    fn keys(self) -> [&'static str; 4] {
        match self {
            Self::Positive => ["positive", "positive_prompt", "text_positive", "base_positive"],
            Self::Negative => ["negative", "negative_prompt", "text_negative", "base_negative"],
        }
    }
}

/// The text behind the conditioning that a node makes, or a sampler takes.
pub(super) fn conditioning<'a>(graph: &Graph<'a>, link: Link<'a>, side: Side) -> Option<String> {
    let class = link.class();
    if class.contains("zeroout") {
        return Some(String::new());
    }
    let side = side_of(link, &class, side);
    if let Some(value) = side.keys().iter().find_map(|key| link.input(key)) {
        return match value {
            Value::String(text) => Some(text.clone()),
            value => conditioning(graph, graph.linked(link, value)?, side),
        };
    }
    if side == Side::Negative && class.contains("guider") {
        // A guider without a negative side has no use for one.
        return Some(String::new());
    }
    let is_part = |key: &str| key.starts_with("cond") && !key.contains("strength");
    let parts = graph.links(link, is_part);
    if !parts.is_empty() {
        // An average counts as its first input.
        let count = if class.contains("average") { 1 } else { parts.len() };
        let texts = parts[..count].iter().map(|part| conditioning(graph, *part, side));
        return joined(texts.collect::<Option<Vec<_>>>()?, ", ");
    }
    if let Some(text) = own_text(graph, link, side) {
        return text;
    }
    let bundles = graph.links(link, is_bundle);
    let found = bundles.into_iter().find_map(|bundle| conditioning(graph, bundle, side));
    found.or_else(|| conditioning(graph, graph.only_link(link)?, side))
}

/// The side that an outcome stands for, where a node hands on both as its first two.
fn side_of(link: Link<'_>, class: &str, side: Side) -> Side {
    let hands_on = ["controlnet", "conditioning", "inpaint"].iter().any(|part| class.contains(part));
    match link.output {
        Some(0) if hands_on && link.links_to("positive") => Side::Positive,
        Some(1) if hands_on && link.links_to("negative") => Side::Negative,
        _ => side,
    }
}

/// A text, or the one behind a link.
fn text<'a>(graph: &Graph<'a>, from: Link<'a>, value: &'a Value, side: Side) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        value => text_of(graph, graph.linked(from, value)?, side),
    }
}

fn text_of<'a>(graph: &Graph<'a>, link: Link<'a>, side: Side) -> Option<String> {
    own_text(graph, link, side).unwrap_or_else(|| text_of(graph, graph.only_link(link)?, side))
}

/// The text that a node holds or puts together; `Some(None)` if it has one that cannot be told.
fn own_text<'a>(graph: &Graph<'a>, link: Link<'a>, side: Side) -> Option<Option<String>> {
    let of = |key: &str| text(graph, link, link.input(key)?, side);
    let class = link.class();
    if let Some(chosen) = chosen(link) {
        return Some(chosen.and_then(|key| of(&key)));
    }
    if link.input("populated_text").is_some() {
        return Some(of("populated_text"));
    }
    if class.contains("wildcard") || class.contains("randomgenerator") {
        // Randomly chosen text is not in the graph.
        return Some(None);
    }
    if let Some(replaced) = replaced(link, of) {
        return Some(replaced);
    }
    let parts = parts(link);
    if parts.len() > 1 {
        let texts: Option<Vec<String>> = parts.iter().map(|key| of(key)).collect();
        return Some(texts.and_then(|texts| joined(texts, &between(link))));
    }
    let sides = side.keys();
    let keys = sides.iter().chain(&TEXT_KEYS).copied().chain(parts.first().map(String::as_str));
    let keys: Vec<&str> = keys
        .filter(|key| link.input(key).is_some_and(|value| value.is_string() || value.is_array()))
        .collect();
    keys.first()?;
    let told = keys.into_iter().map(of).find(|text| text.as_deref() != Some(""));
    Some(told.unwrap_or_else(|| Some(String::new())))
}

/// The outcome of a node that replaces words in a text.
fn replaced(link: Link<'_>, of: impl Fn(&str) -> Option<String>) -> Option<Option<String>> {
    let has = |key: &str| link.input(key).is_some();
    let replaced = |whole: &str, find: &str, replace: &str| {
        let (whole, find) = (of(whole)?, of(find)?);
        Some(if find.is_empty() { whole } else { whole.replace(&find, &of(replace)?) })
    };
    if link.input("action").and_then(Value::as_str) == Some("replace") {
        return Some(replaced("text_a", "text_b", "text_c"));
    }
    let whole = if has("string") { "string" } else { "text" };
    (has("find") && has("replace")).then(|| replaced(whole, "find", "replace"))
}

/// What a node puts between the parts of a text.
fn between(link: Link<'_>) -> String {
    let literal = |key: &str| link.input(key).and_then(Value::as_str);
    let tidy = literal("tidy_tags") == Some("yes");
    let written = literal("delimiter").or_else(|| literal("separator"));
    written.unwrap_or(if tidy { ", " } else { "" }).replace("\\n", "\n")
}

/// The input that a switch lets through; `Some(None)` if that cannot be told.
fn chosen(link: Link<'_>) -> Option<Option<String>> {
    if let Some(select) = link.input("select") {
        return Some(select.as_u64().map(|number| format!("input{number}")));
    }
    let way = link.input("switch").or_else(|| link.input("boolean"))?;
    link.input("on_true").or_else(|| link.input("on_false"))?;
    Some(way.as_bool().map(|on| if on { "on_true" } else { "on_false" }.to_owned()))
}

/// The inputs that are parts of one text, in their order: `text_a`, `text_b`; `string1`, `string2`;
/// `prefix`, `text`, `suffix`.
fn parts(link: Link<'_>) -> Vec<String> {
    let mut parts: Vec<(u32, String)> = Vec::new();
    for (key, value) in link.inputs().filter(|(_, value)| value.is_string() || value.is_array()) {
        let lower = key.to_lowercase();
        let place = match lower.as_str() {
            "prefix" | "prepend" | "text_prepend" => Some(0),
            "suffix" | "append" | "text_append" => Some(u32::MAX),
            "text" | "string" | "prompt" => Some(1),
            _ => ["text", "string", "str", "prompt"].iter().find_map(|stem| place(lower.strip_prefix(stem)?)),
        };
        // What a node displayed in its last run is not an input.
        if let Some(place) = place.filter(|_| key != "text_0" && value.as_str() != Some("undefined")) {
            parts.push((place, key.to_owned()));
        }
    }
    parts.sort();
    parts.into_iter().map(|(_, key)| key).collect()
}

/// The order of a numbered or lettered input.
fn place(suffix: &str) -> Option<u32> {
    let suffix = suffix.trim_start_matches(['_', ' ', '-']);
    match suffix.as_bytes() {
        // The two halves of one encoder's text, and the languages of others, are no parts.
        [letter @ b'a'..=b'f'] => Some(u32::from(letter - b'a') + 2),
        _ => suffix.parse::<u32>().ok().filter(|number| *number < 1000).map(|number| number + 2),
    }
}

fn joined(texts: Vec<String>, between: &str) -> Option<String> {
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
    Some(texts.join(between))
}
