//! Leftovers of other networks in a file with a whole model, from merging and training.

use std::collections::BTreeMap;

use crate::note::{FileNote, Note};

use super::keys::{CLIP, EMA, OPEN_CLIP, UNET};
use crate::checkpoint::tensor::stored::{StoredTensor, Tensors};

/// Prefixes of such tensors, and the network that they belong to.
const BEGINNINGS: [(&str, &str); 10] = [
    (CLIP, "CLIP"),
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

/// The layout of a model's text encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextLayout {
    /// v1's, by Hugging Face's names.
    Clip,
    /// v2's, by open_clip's names.
    OpenClip,
}

impl TextLayout {
    /// Its table of tokens.
    pub(crate) fn table(self) -> String {
        match self {
            Self::Clip => format!("{CLIP}embeddings.token_embedding.weight"),
            Self::OpenClip => format!("{OPEN_CLIP}token_embedding.weight"),
        }
    }
}

/// The text encoder whose context has the width that the UNet takes, if there are both.
pub(crate) fn text_layout(tensors: &Tensors) -> Option<TextLayout> {
    let begins =
        |start: &str| tensors.range(start.to_owned()..).next().is_some_and(|(n, _)| n.starts_with(start));
    let to_k = |(name, _): &(&String, &StoredTensor)| {
        (name.starts_with(UNET) && name.ends_with("attn2.to_k.weight"))
            || (name.starts_with(EMA) && name.ends_with("attn2to_kweight"))
    };
    let read = tensors.iter().find(to_k).and_then(|(_, tensor)| tensor.shape.get(1));
    let says = |layout: &TextLayout| {
        let table = tensors.get(&layout.table());
        read.is_some() && read == table.and_then(|table| table.shape.get(1))
    };
    let layout = [TextLayout::Clip, TextLayout::OpenClip].into_iter().find(says);
    layout.filter(|_| begins(UNET) || begins(EMA))
}

/// A note for each other network than a model with this text encoder that left tensors.
pub(crate) fn notes(tensors: &Tensors, layout: TextLayout) -> Vec<Note> {
    let own = match layout {
        TextLayout::Clip => CLIP,
        TextLayout::OpenClip => OPEN_CLIP,
    };
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for name in tensors.keys() {
        let begins = BEGINNINGS.iter().find(|(start, _)| *start != own && name.starts_with(start));
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
