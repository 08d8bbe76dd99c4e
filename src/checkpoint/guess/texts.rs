//! The text encoder's config by its tensors: CLIP's of v1, or open_clip's of v2.

use serde_json::{Value, json};

use super::{Shapes, count};
use crate::checkpoint::error::Problem;
use crate::checkpoint::found_config::{CLIP_TARGET, OPEN_CLIP_TARGET, component};
use crate::checkpoint::names::keys::{CLIP, OPEN_CLIP};
use crate::checkpoint::names::open_clip::WIDTH;
use crate::checkpoint::names::rests::{TextLayout, text_layout};
use crate::note::Note;

/// The layers of v2's text encoder, of which the last does not run; some files leave it out.
const LAYERS_OF_V2: usize = 24;

impl Shapes<'_> {
    /// The layout of the text encoder that goes with the UNet; CLIP's where none does.
    pub(super) fn text_layout(&self) -> TextLayout {
        let has_open_clip = || self.contains(&TextLayout::OpenClip.table());
        let alone = || match has_open_clip() && !self.contains(&TextLayout::Clip.table()) {
            true => TextLayout::OpenClip,
            false => TextLayout::Clip,
        };
        text_layout(&self.checkpoint.tensors).unwrap_or_else(alone)
    }

    pub(super) fn texts(&self, notes: &mut Vec<Note>) -> Result<Value, Problem> {
        match self.text_layout() {
            TextLayout::Clip => self.clip(notes),
            TextLayout::OpenClip => self.open_clip(notes),
        }
    }

    fn clip(&self, notes: &mut Vec<Note>) -> Result<Value, Problem> {
        let hidden_size = self.dimension(&TextLayout::Clip.table(), 1)?;
        let layers =
            count(|layer| self.contains(&format!("{CLIP}encoder.layers.{layer}.layer_norm1.weight")));
        let params = json!({
            "hidden_size": hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads(hidden_size, 768, notes),
            "max_length": self.dimension(&format!("{CLIP}embeddings.position_embedding.weight"), 0)?,
        });
        Ok(component(CLIP_TARGET, params))
    }

    fn open_clip(&self, notes: &mut Vec<Note>) -> Result<Value, Problem> {
        let hidden_size = self.dimension(&TextLayout::OpenClip.table(), 1)?;
        let block = |n| format!("{OPEN_CLIP}transformer.resblocks.{n}.ln_1.weight");
        let mut layers = count(|layer| self.contains(&block(layer)));
        if hidden_size == WIDTH as u64 && layers + 1 == LAYERS_OF_V2 {
            layers = LAYERS_OF_V2;
        }
        let params = json!({
            "freeze": true,
            "layer": "penultimate",
            "hidden_size": hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads(hidden_size, WIDTH as u64, notes),
            "max_length": self.dimension(&format!("{OPEN_CLIP}positional_embedding"), 0)?,
        });
        Ok(component(OPEN_CLIP_TARGET, params))
    }
}

/// Heads that are 64 wide, as in every size that was published; a note unless the width is the `usual` one.
fn heads(hidden_size: u64, usual: u64, notes: &mut Vec<Note>) -> u64 {
    let heads = if hidden_size.is_multiple_of(64) { hidden_size / 64 } else { 1 };
    if hidden_size != usual {
        notes.push(Note::TextHeadsAssumed { heads });
    }
    heads
}
