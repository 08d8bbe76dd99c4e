//! The UNet's config by its tensors' shapes.
//!
//! Trap: shapes do not show the number of attention heads. v1 has 8 at each level, v2 heads of 64 channels,
//! and each is a note.

use serde_json::{Map, Value, json};

use super::{MOST, Shapes, all_multiples, count, groups_for, other};
use crate::checkpoint::error::Problem;
use crate::checkpoint::found_config::{UNET_TARGET, component, one_or_all};
use crate::checkpoint::names::keys::UNET;
use crate::checkpoint::names::rests::TextLayout;
use crate::note::{ModelNote, Note};

/// What the blocks of one level show.
struct Level {
    width: u64,
    blocks: u64,
    /// The spatial transformer of its first block.
    transformer: Option<String>,
}

/// What shapes do not show, as the reference names it.
struct Heads {
    key: &'static str,
    value: Value,
    note: Note,
}

impl Shapes<'_> {
    /// The config, and the channels that the UNet takes.
    pub(super) fn unet(&self, notes: &mut Vec<Note>) -> Result<(Value, u64), Problem> {
        let first = format!("{UNET}input_blocks.0.0.weight");
        let model_channels = self.dimension(&first, 0)?;
        let in_channels = self.dimension(&first, 1)?;
        if self.begins_in_unet("label_emb.") {
            return Err(other("a UNet that takes labels beside the words".into()));
        }
        let levels = self.levels(model_channels)?;
        let context_dim = self.context_dim(&levels)?;
        let heads = self.heads(&levels, context_dim)?;
        notes.push(heads.note);
        let mut params = Map::new();
        let mut set = |key: &str, value: Value| params.insert(key.to_owned(), value);
        set("image_size", json!(32));
        set("in_channels", json!(in_channels));
        set("out_channels", json!(self.dimension(&format!("{UNET}out.2.weight"), 0)?));
        set("model_channels", json!(model_channels));
        let attended = levels.iter().enumerate().filter(|(_, level)| level.transformer.is_some());
        let resolutions: Vec<u64> = attended.map(|(level, _)| 1u64 << level.min(32)).rev().collect();
        set("attention_resolutions", json!(resolutions));
        set("num_res_blocks", one_or_all(&levels.iter().map(|level| level.blocks).collect::<Vec<_>>()));
        let widths: Vec<u64> = levels.iter().map(|level| level.width).collect();
        set("channel_mult", json!(widths.iter().map(|width| width / model_channels).collect::<Vec<_>>()));
        set(heads.key, heads.value);
        set("use_spatial_transformer", json!(true));
        if self.has_linear_projections(&levels) {
            set("use_linear_in_transformer", json!(true));
        }
        set("transformer_depth", one_or_all(&self.depths(&levels)));
        let crossing: Vec<Value> =
            levels.iter().map(|level| json!(self.reads_text_first(level, context_dim))).collect();
        if crossing.contains(&json!(true)) {
            set("only_cross_attention", json!(crossing));
        }
        if !self.begins_in_unet("middle_block.") {
            set("use_middle_block", json!(false));
        }
        let cond_proj = format!("{UNET}time_embed.cond_proj.weight");
        if self.contains(&cond_proj) {
            set("time_cond_proj_dim", json!(self.dimension(&cond_proj, 1)?));
        }
        set("context_dim", json!(context_dim));
        set("use_checkpoint", json!(false));
        set("legacy", json!(false));
        if let Some(groups) = groups_for(&widths) {
            set("norm_num_groups", json!(groups));
            notes.push(Note::GroupsAssumed { groups });
        }
        Ok((component(UNET_TARGET, Value::Object(params)), in_channels))
    }

    /// Whether any of the UNet's names begins so.
    fn begins_in_unet(&self, start: &str) -> bool {
        match self.averages {
            false => self.begins(&format!("{UNET}{start}")),
            true => self.begins(&format!("model_ema.diffusion_model{}", start.replace('.', ""))),
        }
    }

    /// Walks the input blocks: residual blocks of a level, then its downsampling.
    fn levels(&self, model_channels: u64) -> Result<Vec<Level>, Problem> {
        let mut levels: Vec<Level> = Vec::new();
        let mut begun = false;
        for index in 1..MOST {
            let block = format!("{UNET}input_blocks.{index}.");
            if self.contains(&format!("{block}0.op.weight")) {
                begun = false;
                continue;
            }
            let Ok(width) = self.dimension(&format!("{block}0.out_layers.3.weight"), 0) else { break };
            let has_transformer = self.contains(&format!("{block}1.transformer_blocks.0.attn2.to_k.weight"));
            let transformer = has_transformer.then(|| format!("{block}1."));
            match levels.last_mut() {
                Some(level) if begun => level.blocks += 1,
                _ => levels.push(Level { width, blocks: 1, transformer }),
            }
            begun = true;
        }
        let sound = begun && levels.iter().all(|level| level.width.is_multiple_of(model_channels));
        if !sound {
            return Err(other("a UNet whose levels are not built as v1's and v2's are".into()));
        }
        Ok(levels)
    }

    /// The context's channels.
    fn context_dim(&self, levels: &[Level]) -> Result<u64, Problem> {
        let transformer = levels.iter().find_map(|level| level.transformer.as_ref());
        let transformer = transformer.ok_or_else(|| other("a UNet that takes no words".into()))?;
        self.dimension(&format!("{transformer}transformer_blocks.0.attn2.to_k.weight"), 1)
    }

    fn has_linear_projections(&self, levels: &[Level]) -> bool {
        let shape = |transformer: &String| self.shape(&format!("{transformer}proj_in.weight"));
        let first = levels.iter().find_map(|level| level.transformer.as_ref());
        first.and_then(shape).is_some_and(|shape| shape.len() == 2)
    }

    /// Transformer blocks of each level.
    fn depths(&self, levels: &[Level]) -> Vec<usize> {
        let depth = |transformer: &String| {
            count(|n| self.contains(&format!("{transformer}transformer_blocks.{n}.norm1.weight")))
        };
        levels.iter().map(|level| level.transformer.as_ref().map_or(1, depth)).collect()
    }

    /// Whether the first attention of a level's blocks takes its keys from the context.
    fn reads_text_first(&self, level: &Level, context_dim: u64) -> bool {
        level.transformer.as_ref().is_some_and(|transformer| {
            let at = |name: &str, axis| {
                self.dimension(&format!("{transformer}transformer_blocks.0.attn1.{name}.weight"), axis)
            };
            let own = at("to_q", 1).ok();
            own.is_some() && own != Some(context_dim) && at("to_k", 1).ok() == Some(context_dim)
        })
    }

    fn heads(&self, levels: &[Level], context_dim: u64) -> Result<Heads, Problem> {
        let widths: Vec<u64> = levels.iter().map(|level| level.width).collect();
        let divides = |number: &u64| all_multiples(&widths, *number);
        if self.text_layout() == TextLayout::Clip {
            let heads = [8, 4, 2].into_iter().find(divides).unwrap_or(1);
            return Ok(Heads { key: "num_heads", value: json!(heads), note: Note::HeadsAssumed { heads } });
        }
        let channels = [64, 32, 16, 8].into_iter().find(divides).unwrap_or(1);
        let note = ModelNote::HeadChannelsAssumed { channels }.into();
        // SDXS: where the first attention reads the text, it has one head.
        let crossing = |level: &Level| self.reads_text_first(level, context_dim);
        if !levels.iter().any(crossing) {
            return Ok(Heads { key: "num_head_channels", value: json!(channels), note });
        }
        let heads = |level: &Level| if crossing(level) { 1 } else { level.width / channels };
        let heads: Vec<u64> = levels.iter().map(heads).collect();
        Ok(Heads { key: "num_heads", value: json!(heads), note })
    }
}
