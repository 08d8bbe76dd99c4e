//! cloneofsimo's files: layers without names, `unet:5:up`, numbered in the order in which that program
//! walks through the modules of its day's diffusers.
//!
//! Traps: the middle block comes last, attention before residual blocks, and within a transformer block
//! `attn1`, `ff`, `attn2` where newer versions have `ff` at the end; the shapes tell which it was.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::delta::Delta;
use super::ends::PartOf;
use super::names::Known;
use super::{Alphas, Parts};

/// Layers by their numbers.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    unet: BTreeMap<usize, Parts>,
    texts: BTreeMap<usize, Parts>,
    /// The classes of modules that were changed.
    classes: [Vec<String>; 2],
    words: Vec<String>,
}

/// A layer's name in the file, and its place in the model with what is added there.
type Placed<'k> = (String, Option<(&'k str, Delta)>);

impl Numbered {
    /// What the header says of them.
    pub(super) fn of(metadata: &Map<String, Value>) -> Self {
        let list = |key: &str| {
            let text = metadata.get(key).and_then(Value::as_str).unwrap_or_default();
            serde_json::from_str::<Vec<String>>(text).unwrap_or_default()
        };
        let embeds = metadata.iter().filter(|(_, value)| value.as_str() == Some("<embed>"));
        let words = embeds.map(|(word, _)| word.clone()).collect();
        Self { classes: [list("unet"), list("text_encoder")], words, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub(super) fn count(&self) -> usize {
        self.unet.len() + self.texts.len()
    }

    pub(super) fn ranks(&self) -> impl Iterator<Item = usize> + '_ {
        let parts = self.unet.values().chain(self.texts.values());
        parts.filter_map(|parts| parts.get(&PartOf::Down)?.shape.first().copied())
    }

    /// Whether the header calls the tensor of this name an embedding.
    pub(super) fn is_word(&self, name: &str) -> bool {
        self.words.iter().any(|word| word == name)
    }

    /// The layer that a tensor of this name is a part of, if the name is a number.
    pub(super) fn layer(&mut self, name: &str) -> Option<(&mut Parts, PartOf)> {
        let [model, number, part] = *name.split(':').collect::<Vec<_>>() else { return None };
        let layers = match model {
            "unet" => &mut self.unet,
            "text_encoder" => &mut self.texts,
            _ => return None,
        };
        let part = match part {
            "up" => PartOf::Up,
            "down" => PartOf::Down,
            _ => return None,
        };
        Some((layers.entry(number.parse().ok()?).or_default(), part))
    }

    /// Each layer's name in the file with its place among the model's layers, if all of a network fit.
    pub(super) fn fit<'k>(&self, known: &'k Known, layers: &BTreeMap<String, Vec<usize>>) -> Vec<Placed<'k>> {
        let [unet, texts] = &self.classes;
        let unets = [true, false].map(|early| walk_unet(&known.unet, unet, early));
        let mut placed = place("unet", &self.unet, &unets, layers);
        placed.extend(place("text_encoder", &self.texts, &[walk_texts(&known.texts, texts)], layers));
        placed
    }
}

/// Places layers along the first of the walks that all of them fit.
fn place<'k>(
    network: &str,
    numbered: &BTreeMap<usize, Parts>,
    walks: &[Vec<&'k str>],
    layers: &BTreeMap<String, Vec<usize>>,
) -> Vec<Placed<'k>> {
    let along = |walk: &Vec<&'k str>| -> Vec<Placed<'k>> {
        let one = |(number, parts): (&usize, &Parts)| {
            let delta = walk.get(*number).and_then(|path| {
                let shape = layers.get(*path)?;
                Some((*path, Delta::of(parts, shape, Alphas::default().of_module(""))?))
            });
            (format!("{network}:{number}"), delta)
        };
        numbered.iter().map(one).collect()
    };
    let mut best = Vec::new();
    for walk in walks {
        best = along(walk);
        if best.iter().all(|(_, place)| place.is_some()) {
            break;
        }
    }
    best
}

/// The text encoder's layers in order: of each attention k, v, q, out.
fn walk_texts<'k>(texts: &'k BTreeMap<String, String>, classes: &[String]) -> Vec<&'k str> {
    const ATTENTION: [&str; 4] = ["k_proj", "v_proj", "q_proj", "out_proj"];
    if !classes.is_empty() && !classes.iter().any(|class| class == "CLIPAttention") {
        return Vec::new();
    }
    let layers = (0..).map(|layer| format!("encoder.layers.{layer}.self_attn."));
    let layers = layers.take_while(|start| texts.contains_key(&format!("{start}q_proj")));
    let named = layers.flat_map(|start| ATTENTION.map(|end| format!("{start}{end}")));
    named.filter_map(|name| texts.get(&name).map(String::as_str)).collect()
}

/// The UNet's layers in order; `early` for `ff` before `attn2`.
fn walk_unet<'k>(unet: &'k BTreeMap<String, String>, classes: &[String], early: bool) -> Vec<&'k str> {
    let wanted = |class: &str| {
        let default = ["CrossAttention", "Attention", "GEGLU"];
        if classes.is_empty() { default.contains(&class) } else { classes.iter().any(|own| own == class) }
    };
    let mut walk = Vec::new();
    let mut take = |name: String| {
        if let Some(path) = unet.get(&name) {
            walk.push(path.as_str());
        }
    };
    let attention = wanted("CrossAttention") || wanted("Attention");
    let numbers = |group: &str| (0..16).map(|block| format!("{group}_blocks.{block}.")).collect::<Vec<_>>();
    for block in numbers("down").into_iter().chain(numbers("up")).chain(["mid_block.".to_owned()]) {
        for place in 0..16 {
            for inner in 0..16 {
                let start = format!("{block}attentions.{place}.transformer_blocks.{inner}.");
                let parts = if early { ["attn1", "ff", "attn2"] } else { ["attn1", "attn2", "ff"] };
                for part in parts {
                    match part {
                        "ff" if wanted("GEGLU") => take(format!("{start}ff.net.0.proj")),
                        "ff" => {}
                        attn if attention => {
                            for end in ["to_q", "to_k", "to_v", "to_out.0"] {
                                take(format!("{start}{attn}.{end}"));
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        if wanted("ResnetBlock2D") {
            for place in 0..16 {
                for end in ["conv1", "time_emb_proj", "conv2", "conv_shortcut"] {
                    take(format!("{block}resnets.{place}.{end}"));
                }
            }
        }
    }
    walk
}
