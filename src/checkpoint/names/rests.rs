//! Leftovers of other networks in a file with a whole model, from merging and training.

use std::collections::BTreeMap;

use crate::note::{FileNote, Note};

use super::keys::{CLIP, EMA, OPEN_CLIP, UNET};
use crate::checkpoint::tensor::stored::{StoredTensor, Tensors};

/// Prefixes of such tensors, and the network that they belong to.
const BEGINNINGS: [(&str, &str); 9] = [
    ("conditioner.embedders.", "Stable Diffusion XL"),
    ("control_model.", "ControlNet"),
    ("depth_model.", "MiDaS"),
    ("image_proj.", "IP-Adapter"),
    ("ip_adapter.", "IP-Adapter"),
    ("lora_", "LoRA"),
    (OPEN_CLIP, "OpenCLIP"),
    ("safety_checker.", "safety checker"),
    ("t5xxl.", "T5"),
];
/// The same, in the middle of a name.
const MIDDLES: [(&str, &str); 2] = [(".lora_", "LoRA"), ("motion_modules.", "motion module")];

/// Whether there are a UNet and a text encoder of v1's kind whose contexts have the same width.
pub(crate) fn is_whole_v1(tensors: &Tensors) -> bool {
    let begins =
        |start: &str| tensors.range(start.to_owned()..).next().is_some_and(|(n, _)| n.starts_with(start));
    let to_k = |(name, _): &(&String, &StoredTensor)| {
        (name.starts_with(UNET) && name.ends_with("attn2.to_k.weight"))
            || (name.starts_with(EMA) && name.ends_with("attn2to_kweight"))
    };
    let read = tensors.iter().find(to_k).and_then(|(_, tensor)| tensor.shape.get(1));
    let said = tensors.get(&format!("{CLIP}embeddings.token_embedding.weight"));
    (begins(UNET) || begins(EMA)) && read.is_some() && read == said.and_then(|table| table.shape.get(1))
}

/// A note for each other network that left tensors.
pub(crate) fn notes(tensors: &Tensors) -> Vec<Note> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for name in tensors.keys() {
        let begins = BEGINNINGS.iter().find(|(start, _)| name.starts_with(start));
        let holds = || MIDDLES.iter().find(|(middle, _)| name.contains(middle));
        if let Some((_, network)) = begins.or_else(holds) {
            *found.entry(network).or_default() += 1;
        }
    }
    let note = |(network, tensors): (&str, usize)| {
        Note::File(FileNote::RestsLeftOut { network: network.to_owned(), tensors })
    };
    found.into_iter().map(note).collect()
}
