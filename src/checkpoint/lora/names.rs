//! Which layer of a model a name in a LoRA file means.
//!
//! The model's own layers are named as every writer would name them, and a file's name is looked up among
//! these. All are compared with underscores for dots, since kohya's names have no dots.
//! Invariant: a name that no layer has stays unknown.

use std::collections::{BTreeMap, HashMap};

use crate::checkpoint::names::keys::{CLIP, OPEN_CLIP, UNET};

/// diffusers' names for CompVis's, within a residual block.
const RESNET: &[(&str, &str)] = &[
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
];

/// The same of layers in no block.
const ENDS: &[(&str, &str)] = &[
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"),
    ("out.2", "conv_out"),
];

/// transformers' names for open_clip's, within a layer. A third of `in_proj` is a layer of its own.
const OPEN_CLIP_LAYER: &[(&str, &str)] = &[
    ("attn.in_proj_weight.0", "self_attn.q_proj"),
    ("attn.in_proj_weight.1", "self_attn.k_proj"),
    ("attn.in_proj_weight.2", "self_attn.v_proj"),
    ("attn.out_proj", "self_attn.out_proj"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
];

/// What writers put before a layer's name, each taken off in turn.
const PREFIXES: &[&str] = &[
    "lora_unet_",
    "lora_te1_",
    "lora_te_",
    "lycoris_",
    "unet_",
    "text_encoder_",
    "base_model_model_",
    "model_diffusion_model_",
    "diffusion_model_",
    "cond_stage_model_transformer_",
    "cond_stage_model_model_",
];

/// The second text encoder of Stable Diffusion XL, which no model here has.
const SECOND: &[&str] = &["lora_te2_", "text_encoder_2"];

/// A model's layers under the names of all writers.
pub(super) struct Known {
    paths: HashMap<String, String>,
    /// The UNet's layers by diffusers' dotted names.
    pub(super) unet: BTreeMap<String, String>,
    /// The text encoder's by transformers' names.
    pub(super) texts: BTreeMap<String, String>,
}

impl Known {
    /// Names the layers at these paths, which are CompVis's.
    pub(super) fn of<'n>(paths: impl Iterator<Item = &'n str> + Clone) -> Self {
        let blocks = Blocks::count(paths.clone().filter_map(|path| path.strip_prefix(UNET)));
        let mut known = Self { paths: HashMap::new(), unet: BTreeMap::new(), texts: BTreeMap::new() };
        for path in paths {
            if let Some(part) = path.strip_prefix(UNET) {
                known.put(part, path);
                if let Some(name) = blocks.diffusers_name(part) {
                    known.put(&name, path);
                    known.unet.insert(name, path.to_owned());
                }
            } else if let Some(part) = path.strip_prefix(CLIP) {
                known.put_text(part, path);
            } else if let Some(part) = path.strip_prefix(OPEN_CLIP) {
                known.put(part, path);
                if let Some(name) = transformers_name(part) {
                    known.put_text(&name, path);
                }
            }
        }
        known
    }

    /// A layer of the text encoder by its name in transformers.
    fn put_text(&mut self, name: &str, path: &str) {
        self.put(name, path);
        self.put(&format!("text_model.{name}"), path);
        self.texts.insert(name.to_owned(), path.to_owned());
    }

    fn put(&mut self, name: &str, path: &str) {
        let name = name.replace('.', "_");
        if let Some(before) = name.strip_suffix("_to_out_0") {
            self.paths.insert(format!("{before}_to_out"), path.to_owned());
        }
        if name.contains("_self_attn_") {
            // diffusers' older files name the text encoder's layers as the UNet's.
            for (own, theirs) in
                [("q_proj", "to_q"), ("k_proj", "to_k"), ("v_proj", "to_v"), ("out_proj", "to_out")]
            {
                if let Some(before) = name.strip_suffix(own) {
                    self.paths.insert(format!("{before}{theirs}"), path.to_owned());
                }
            }
        }
        self.paths.insert(name, path.to_owned());
    }

    /// The path of the layer that a file calls `module`.
    pub(super) fn layer(&self, module: &str) -> Option<&str> {
        let name = module.replace(".processor", "").replace('.', "_");
        if SECOND.iter().any(|second| name.starts_with(second)) {
            return None;
        }
        let mut name = name.as_str();
        loop {
            if let Some(path) = self.paths.get(name) {
                return Some(path);
            }
            name = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
        }
    }
}

/// What transformers calls a layer of open_clip's encoder.
fn transformers_name(part: &str) -> Option<String> {
    let (number, rest) = numbered(part, "transformer.resblocks.")?;
    let (_, name) = OPEN_CLIP_LAYER.iter().find(|(own, _)| *own == rest)?;
    Some(format!("encoder.layers.{number}.{name}"))
}

/// How the UNet's blocks are numbered in diffusers.
#[derive(Default)]
struct Blocks {
    /// Level and place in it of each input block that has a residual block; the level of each that halves.
    input: BTreeMap<usize, (usize, usize)>,
    halves: BTreeMap<usize, usize>,
    output: BTreeMap<usize, (usize, usize)>,
}

/// The number behind `start`, and what follows it.
fn numbered<'n>(name: &'n str, start: &str) -> Option<(usize, &'n str)> {
    let (number, rest) = name.strip_prefix(start)?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

impl Blocks {
    fn count<'n>(parts: impl Iterator<Item = &'n str>) -> Self {
        let (mut input, mut output) = (BTreeMap::new(), BTreeMap::new());
        for part in parts {
            if let Some((number, rest)) = numbered(part, "input_blocks.").filter(|(number, _)| *number > 0) {
                *input.entry(number).or_insert(false) |= rest == "0.op";
            } else if let Some((number, rest)) = numbered(part, "output_blocks.") {
                *output.entry(number).or_insert(false) |= rest.ends_with(".conv");
            }
        }
        let mut blocks = Self::default();
        let (mut level, mut place) = (0, 0);
        for (number, halves) in input {
            if halves {
                blocks.halves.insert(number, level);
                (level, place) = (level + 1, 0);
            } else {
                blocks.input.insert(number, (level, place));
                place += 1;
            }
        }
        (level, place) = (0, 0);
        for (number, doubles) in output {
            blocks.output.insert(number, (level, place));
            (level, place) = if doubles { (level + 1, 0) } else { (level, place + 1) };
        }
        blocks
    }

    /// What diffusers calls a layer of the UNet.
    fn diffusers_name(&self, part: &str) -> Option<String> {
        if let Some((_, name)) = ENDS.iter().find(|(own, _)| *own == part) {
            return Some((*name).to_owned());
        }
        let resnet = |rest: &str| RESNET.iter().find(|(own, _)| *own == rest).map(|(_, name)| *name);
        if let Some((number, rest)) = numbered(part, "middle_block.") {
            return match number {
                0 => Some(format!("mid_block.resnets.0.{}", resnet(rest)?)),
                1 => Some(format!("mid_block.attentions.0.{rest}")),
                _ => Some(format!("mid_block.resnets.1.{}", resnet(rest)?)),
            };
        }
        if let Some((number, rest)) = numbered(part, "input_blocks.") {
            if let Some(level) = self.halves.get(&number) {
                return Some(format!("down_blocks.{level}.downsamplers.0.conv"));
            }
            let (level, place) = self.input.get(&number)?;
            return match rest.split_once('.')? {
                ("0", rest) => Some(format!("down_blocks.{level}.resnets.{place}.{}", resnet(rest)?)),
                (_, rest) => Some(format!("down_blocks.{level}.attentions.{place}.{rest}")),
            };
        }
        let (number, rest) = numbered(part, "output_blocks.")?;
        let (level, place) = self.output.get(&number)?;
        match rest.split_once('.')? {
            ("0", rest) => Some(format!("up_blocks.{level}.resnets.{place}.{}", resnet(rest)?)),
            (_, "conv") => Some(format!("up_blocks.{level}.upsamplers.0.conv")),
            (_, rest) => Some(format!("up_blocks.{level}.attentions.{place}.{rest}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNET_PATHS: [&str; 9] = [
        "model.diffusion_model.input_blocks.0.0",
        "model.diffusion_model.input_blocks.1.0.in_layers.2",
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_out.0",
        "model.diffusion_model.input_blocks.2.0.op",
        "model.diffusion_model.input_blocks.3.1.proj_in",
        "model.diffusion_model.middle_block.2.out_layers.3",
        "model.diffusion_model.output_blocks.0.2.conv",
        "model.diffusion_model.output_blocks.1.0.skip_connection",
        "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj",
    ];

    #[test]
    fn all_writers_mean_the_same_layers() {
        let known = Known::of(UNET_PATHS.into_iter());
        for (name, place) in [
            ("lora_unet_conv_in", 0),
            ("lora_unet_down_blocks_0_resnets_0_conv1", 1),
            ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0", 2),
            ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_out", 2),
            ("base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0", 2),
            ("lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_out_0", 2),
            ("lora_unet_down_blocks_0_downsamplers_0_conv", 3),
            ("lycoris_unet_down_blocks_1_attentions_0_proj_in", 4),
            ("lora_unet_mid_block_resnets_1_conv2", 5),
            ("lora_unet_up_blocks_0_upsamplers_0_conv", 6),
            ("lora_unet_up_blocks_1_resnets_0_conv_shortcut", 7),
            ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", 8),
            ("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", 8),
            ("text_encoder.text_model.encoder.layers.0.self_attn.to_q", 8),
            ("text_encoder.encoder.layers.0.self_attn.q_proj", 8),
        ] {
            assert_eq!(known.layer(name), Some(UNET_PATHS[place]), "{name}");
        }
        for name in [
            "lora_te2_text_model_encoder_layers_0_self_attn_q_proj",
            "text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj",
            "lora_unet_down_blocks_2_attentions_0_proj_in",
            "lora_unet_",
        ] {
            assert_eq!(known.layer(name), None, "{name}");
        }
    }

    #[test]
    fn layers_of_open_clip_have_transformers_names_too() {
        let block = "cond_stage_model.model.transformer.resblocks.3.";
        let ends = ["attn.in_proj_weight.0", "attn.in_proj_weight.2", "attn.out_proj", "mlp.c_fc"];
        let paths = ends.map(|end| format!("{block}{end}"));
        let known = Known::of(paths.iter().map(String::as_str));
        for (name, place) in [
            ("lora_te_text_model_encoder_layers_3_self_attn_q_proj", 0),
            ("text_encoder.text_model.encoder.layers.3.self_attn.v_proj", 1),
            ("text_encoder.text_model.encoder.layers.3.self_attn.to_out", 2),
            ("base_model.model.encoder.layers.3.mlp.fc1", 3),
            ("cond_stage_model.model.transformer.resblocks.3.mlp.c_fc", 3),
        ] {
            assert_eq!(known.layer(name), Some(paths[place].as_str()), "{name}");
        }
        for name in
            ["lora_te_text_model_encoder_layers_4_mlp_fc1", "lora_te2_text_model_encoder_layers_3_mlp_fc1"]
        {
            assert_eq!(known.layer(name), None, "{name}");
        }
    }
}
