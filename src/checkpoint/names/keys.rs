//! diffusers' names and CompVis's: ordered tables, and the counting that the blocks need.
//!
//! Invariant: no name is guessed. One that no table knows stays a leftover under its own part
//! (`unet/…`), which `inspect` reports.

use std::collections::BTreeMap;

use crate::checkpoint::tensor::stored::Tensors;

/// Diffusers on the left, CompVis on the right; the first that fits decides.
type Table = &'static [(&'static str, &'static str)];

pub(crate) const UNET: &str = "model.diffusion_model.";
pub(crate) const FIRST_STAGE: &str = "first_stage_model.";
pub(crate) const CLIP: &str = "cond_stage_model.transformer.text_model.";
pub(crate) const OPEN_CLIP: &str = "cond_stage_model.model.";
pub(crate) const EMA: &str = "model_ema.";

const UNET_ENDS: Table = &[
    ("time_embedding.linear_1.", "time_embed.0."),
    ("time_embedding.linear_2.", "time_embed.2."),
    ("time_embedding.cond_proj.", "time_embed.cond_proj."),
    ("class_embedding.linear_1.", "label_emb.0.0."),
    ("class_embedding.linear_2.", "label_emb.0.2."),
    ("class_embedding.", "label_emb."),
    ("conv_in.", "input_blocks.0.0."),
    ("conv_norm_out.", "out.0."),
    ("conv_out.", "out.2."),
];

const UNET_MIDDLE: Table = &[
    ("mid_block.resnets.0.", "middle_block.0."),
    ("mid_block.attentions.0.", "middle_block.1."),
    ("mid_block.resnets.1.", "middle_block.2."),
];

const UNET_RESNET: Table = &[
    ("norm1.", "in_layers.0."),
    ("conv1.", "in_layers.2."),
    ("time_emb_proj.", "emb_layers.1."),
    ("norm2.", "out_layers.0."),
    ("conv2.", "out_layers.3."),
    ("conv_shortcut.", "skip_connection."),
];

const VAE_ENDS: Table = &[
    ("encoder.conv_in.", "encoder.conv_in."),
    ("encoder.conv_norm_out.", "encoder.norm_out."),
    ("encoder.conv_out.", "encoder.conv_out."),
    ("decoder.conv_in.", "decoder.conv_in."),
    ("decoder.conv_norm_out.", "decoder.norm_out."),
    ("decoder.conv_out.", "decoder.conv_out."),
    ("quant_conv.", "quant_conv."),
    ("post_quant_conv.", "post_quant_conv."),
];

const VAE_MIDDLE: Table = &[
    ("mid_block.resnets.0.", "mid.block_1."),
    ("mid_block.attentions.0.", "mid.attn_1."),
    ("mid_block.resnets.1.", "mid.block_2."),
];

const VAE_RESNET: Table = &[
    ("norm1.", "norm1."),
    ("conv1.", "conv1."),
    ("norm2.", "norm2."),
    ("conv2.", "conv2."),
    ("conv_shortcut.", "nin_shortcut."),
];

/// The second spelling of each is from before diffusers 0.15.
const VAE_ATTENTION: Table = &[
    ("group_norm.", "norm."),
    ("to_q.", "q."),
    ("query.", "q."),
    ("to_k.", "k."),
    ("key.", "k."),
    ("to_v.", "v."),
    ("value.", "v."),
    ("to_out.0.", "proj_out."),
    ("proj_attn.", "proj_out."),
];

/// One layer of Stable Diffusion 2's text encoder; q, k and v lie in one tensor there.
pub(crate) const OPEN_CLIP_LAYER: Table = &[
    ("self_attn.out_proj.", "attn.out_proj."),
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
];

pub(crate) const OPEN_CLIP_ENDS: Table = &[
    ("embeddings.token_embedding.weight", "token_embedding.weight"),
    ("embeddings.position_embedding.weight", "positional_embedding"),
    ("final_layer_norm.", "ln_final."),
];

/// The name of a UNet weight's averaged copy: without its dots, as `LitEma` makes it.
pub(crate) fn ema_name(name: &str) -> Option<String> {
    let inner = name.strip_prefix("model.").filter(|_| name.starts_with(UNET))?;
    Some(format!("{EMA}{}", inner.replace('.', "")))
}

/// Replaces the beginning that the table knows.
pub(crate) fn replace(table: Table, name: &str) -> Option<String> {
    table.iter().find_map(|(from, to)| Some(format!("{to}{}", name.strip_prefix(from)?)))
}

/// How a component's blocks are numbered, counted from its names.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Residual blocks of each down block.
    down: BTreeMap<usize, usize>,
    /// Residual blocks of each up block, and whether attention follows them.
    up: BTreeMap<usize, (usize, bool)>,
}

impl Blocks {
    /// Counts the blocks. Takes a VAE's names without `encoder.` or `decoder.`.
    pub(crate) fn count<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let mut blocks = Self::default();
        for name in names {
            if let Some(place) = Place::of("down_blocks.", name) {
                let count = blocks.down.entry(place.block).or_default();
                if place.kind == "resnets" {
                    *count = (*count).max(place.layer + 1);
                }
            } else if let Some(place) = Place::of("up_blocks.", name) {
                let (count, attention) = blocks.up.entry(place.block).or_default();
                match place.kind {
                    "resnets" => *count = (*count).max(place.layer + 1),
                    "attentions" => *attention = true,
                    _ => {}
                }
            }
        }
        blocks
    }

    /// The UNet's input block that holds a down block's first residual block: block 0 is the first
    /// convolution, and each level ends with its downsampling.
    fn input_block(&self, block: usize) -> usize {
        1 + self.down.range(..block).map(|(_, count)| count + 1).sum::<usize>()
    }

    /// The UNet's output block that holds an up block's first residual block.
    fn output_block(&self, block: usize) -> usize {
        self.up.range(..block).map(|(_, (count, _))| count).sum()
    }
}

/// The pieces of `down_blocks.1.resnets.0.conv1.weight`.
struct Place<'n> {
    block: usize,
    kind: &'n str,
    layer: usize,
    rest: &'n str,
}

impl<'n> Place<'n> {
    /// Numbers above this are no block's.
    const MOST: usize = 1000;

    fn of(prefix: &str, name: &'n str) -> Option<Self> {
        let mut parts = name.strip_prefix(prefix)?.splitn(4, '.');
        let number = |text: Option<&str>| text?.parse().ok().filter(|n| *n < Self::MOST);
        let block = number(parts.next())?;
        let kind = parts.next()?;
        let layer = number(parts.next())?;
        Some(Self { block, kind, layer, rest: parts.next()? })
    }
}

/// A UNet weight's CompVis name.
pub(crate) fn unet_name(name: &str, blocks: &Blocks) -> Option<String> {
    unet_part(name, blocks).map(|part| format!("{UNET}{part}"))
}

fn unet_part(name: &str, blocks: &Blocks) -> Option<String> {
    if let Some(part) = replace(UNET_ENDS, name) {
        return Some(part);
    }
    if let Some(rest) = name.strip_prefix("mid_block.attentions.0.") {
        return Some(format!("middle_block.1.{rest}"));
    }
    if let Some((middle, rest)) =
        UNET_MIDDLE.iter().find_map(|(from, to)| Some((to, name.strip_prefix(from)?)))
    {
        return Some(format!("{middle}{}", replace(UNET_RESNET, rest)?));
    }
    if let Some(Place { block, kind, layer, rest }) = Place::of("down_blocks.", name) {
        let first = blocks.input_block(block);
        return match kind {
            "resnets" => Some(format!("input_blocks.{}.0.{}", first + layer, replace(UNET_RESNET, rest)?)),
            "attentions" => Some(format!("input_blocks.{}.1.{rest}", first + layer)),
            "downsamplers" => {
                let last = first + blocks.down.get(&block)?;
                Some(format!("input_blocks.{last}.0.op.{}", rest.strip_prefix("conv.")?))
            }
            _ => None,
        };
    }
    let Place { block, kind, layer, rest } = Place::of("up_blocks.", name)?;
    let first = blocks.output_block(block);
    match kind {
        "resnets" => Some(format!("output_blocks.{}.0.{}", first + layer, replace(UNET_RESNET, rest)?)),
        "attentions" => Some(format!("output_blocks.{}.1.{rest}", first + layer)),
        "upsamplers" => {
            // Upsampling is the last part of the level's last block, behind its attention.
            let (count, attention) = blocks.up.get(&block)?;
            let last = (first + count).checked_sub(1)?;
            let part = if *attention { 2 } else { 1 };
            Some(format!("output_blocks.{last}.{part}.conv.{}", rest.strip_prefix("conv.")?))
        }
        _ => None,
    }
}

/// A first stage weight's CompVis name.
pub(crate) fn first_stage_name(name: &str, decoder: &Blocks) -> Option<String> {
    first_stage_part(name, decoder).map(|part| format!("{FIRST_STAGE}{part}"))
}

fn first_stage_part(name: &str, decoder: &Blocks) -> Option<String> {
    if let Some(part) = replace(VAE_ENDS, name) {
        return Some(part);
    }
    // A tiny one keeps its names.
    if ["encoder.layers.", "decoder.layers."].iter().any(|start| name.starts_with(start)) {
        return Some(name.to_owned());
    }
    let (half, inner) = name.split_once('.').filter(|(half, _)| matches!(*half, "encoder" | "decoder"))?;
    let attention = "mid_block.attentions.0.";
    if let Some(rest) = inner.strip_prefix(attention) {
        return Some(format!("{half}.{}{}", replace(VAE_MIDDLE, attention)?, replace(VAE_ATTENTION, rest)?));
    }
    if let Some((middle, rest)) =
        VAE_MIDDLE.iter().find_map(|(from, to)| Some((to, inner.strip_prefix(from)?)))
    {
        return Some(format!("{half}.{middle}{}", replace(VAE_RESNET, rest)?));
    }
    if let Some(Place { block, kind, layer, rest }) = Place::of("down_blocks.", inner) {
        return match kind {
            "resnets" => Some(format!("{half}.down.{block}.block.{layer}.{}", replace(VAE_RESNET, rest)?)),
            "attentions" => {
                Some(format!("{half}.down.{block}.attn.{layer}.{}", replace(VAE_ATTENTION, rest)?))
            }
            "downsamplers" => Some(format!("{half}.down.{block}.downsample.{rest}")),
            _ => None,
        };
    }
    let Place { block, kind, layer, rest } = Place::of("up_blocks.", inner)?;
    // CompVis counts the decoder's levels from the picture's side, diffusers from the latent's.
    let level = decoder.up.len().checked_sub(block + 1)?;
    match kind {
        "resnets" => Some(format!("{half}.up.{level}.block.{layer}.{}", replace(VAE_RESNET, rest)?)),
        "attentions" => Some(format!("{half}.up.{level}.attn.{layer}.{}", replace(VAE_ATTENTION, rest)?)),
        "upsamplers" => Some(format!("{half}.up.{level}.upsample.{rest}")),
        _ => None,
    }
}

/// A text encoder weight's CompVis name; files spell it with and without `text_model.`.
pub(crate) fn clip_name(name: &str) -> Option<String> {
    let rest = name.strip_prefix("text_model.").unwrap_or(name);
    let known = ["embeddings.", "encoder.layers.", "final_layer_norm."];
    known.iter().any(|start| rest.starts_with(start)).then(|| format!("{CLIP}{rest}"))
}

/// Names under a UNet of CompVis's, without the prefix of a whole model; ComfyUI's GGUF files have them so.
const BARE: [&str; 7] =
    ["input_blocks.", "middle_block.", "output_blocks.", "time_embed.", "label_emb.", "out.0.", "out.2."];

/// A bare UNet's tensors under a whole model's names. Other networks copy parts of a UNet: one without its
/// last convolution is none.
pub(crate) fn with_unet_prefix(tensors: Tensors) -> Tensors {
    let has = |name: &str| tensors.contains_key(name);
    if !(has("input_blocks.0.0.weight") && has("time_embed.0.weight") && has("out.2.weight")) {
        return tensors;
    }
    let named = |name: String| match BARE.iter().any(|start| name.starts_with(start)) {
        true => format!("{UNET}{name}"),
        false => name,
    };
    tensors.into_iter().map(|(name, tensor)| (named(name), tensor)).collect()
}

/// A single file's name as the reference spells it: some writers leave `text_model.` out.
pub(crate) fn single_file_name(name: String) -> String {
    if let Some(rest) = name.strip_prefix("model.diffusion_model.time_embedding.cond_proj.") {
        return format!("{UNET}time_embed.cond_proj.{rest}");
    }
    if let Some(own) = tiny_decoder_name(&name).or_else(|| attention_name(&name)) {
        return own;
    }
    match name.strip_prefix("cond_stage_model.transformer.").map(clip_name) {
        Some(Some(known)) => known,
        _ => name,
    }
}

/// A name in the first stage's attention as the reference spells it. Scripts that turn a diffusers folder into a
/// single file know the older of diffusers' two spellings alone, and leave the other within CompVis's names.
pub(crate) fn attention_name(name: &str) -> Option<String> {
    let at = name.strip_prefix(FIRST_STAGE)?.find(".attn_1.")? + FIRST_STAGE.len() + ".attn_1.".len();
    Some(format!("{}{}", &name[..at], replace(VAE_ATTENTION, &name[at..])?))
}

/// A tiny decoder's name as diffusers spells it; the original counts the clamp as layer 0.
fn tiny_decoder_name(name: &str) -> Option<String> {
    let (layer, rest) = name.strip_prefix("first_stage_model.decoder.")?.split_once('.')?;
    let layer: usize = layer.parse().ok()?;
    Some(format!("{FIRST_STAGE}decoder.layers.{}.{rest}", layer.checked_sub(1)?))
}

/// The first stage's attention: linear layers in diffusers, 1×1 convolutions in CompVis.
pub(crate) fn attention_to_convolution(tensors: &mut Tensors) {
    for (name, tensor) in tensors.range_mut(FIRST_STAGE.to_owned()..) {
        let attention =
            name.starts_with(FIRST_STAGE) && (name.contains(".attn_1.") || name.contains(".attn."));
        if attention && name.ends_with(".weight") && tensor.shape.len() == 2 {
            tensor.shape.extend([1, 1]);
            tensor
                .pieces
                .iter_mut()
                .filter_map(|piece| piece.strides.as_mut())
                .for_each(|s| s.extend([1, 1]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1_blocks() -> Blocks {
        let mut names = Vec::new();
        for block in 0..4 {
            names.extend((0..2).map(|layer| format!("down_blocks.{block}.resnets.{layer}.conv1.bias")));
            names.extend((0..3).map(|layer| format!("up_blocks.{block}.resnets.{layer}.conv1.bias")));
            if block > 0 {
                names.push(format!("up_blocks.{block}.attentions.0.norm.bias"));
            }
        }
        Blocks::count(names.iter().map(String::as_str))
    }

    #[test]
    fn v1_blocks_are_numbered_as_in_the_reference() {
        let blocks = v1_blocks();
        let named = |name: &str| unet_part(name, &blocks).unwrap();
        assert_eq!(named("down_blocks.0.downsamplers.0.conv.bias"), "input_blocks.3.0.op.bias");
        assert_eq!(named("down_blocks.3.resnets.1.conv2.bias"), "input_blocks.11.0.out_layers.3.bias");
        assert_eq!(named("up_blocks.0.upsamplers.0.conv.bias"), "output_blocks.2.1.conv.bias");
        assert_eq!(named("up_blocks.1.upsamplers.0.conv.bias"), "output_blocks.5.2.conv.bias");
        assert_eq!(named("up_blocks.3.attentions.2.proj_in.bias"), "output_blocks.11.1.proj_in.bias");
        assert_eq!(named("mid_block.resnets.1.norm1.bias"), "middle_block.2.in_layers.0.bias");
    }

    #[test]
    fn the_decoder_counts_from_the_picture() {
        let blocks = v1_blocks();
        let named = |name: &str| first_stage_part(name, &blocks).unwrap();
        assert_eq!(named("decoder.up_blocks.0.resnets.2.conv1.bias"), "decoder.up.3.block.2.conv1.bias");
        assert_eq!(named("decoder.up_blocks.2.upsamplers.0.conv.bias"), "decoder.up.1.upsample.conv.bias");
        assert_eq!(
            named("encoder.mid_block.attentions.0.proj_attn.bias"),
            "encoder.mid.attn_1.proj_out.bias"
        );
        assert_eq!(named("encoder.mid_block.attentions.0.to_out.0.bias"), "encoder.mid.attn_1.proj_out.bias");
        assert_eq!(named("encoder.mid_block.resnets.0.norm1.bias"), "encoder.mid.block_1.norm1.bias");
    }

    #[test]
    fn unknown_names_are_not_guessed() {
        let blocks = v1_blocks();
        for name in
            ["add_embedding.linear_1.bias", "down_blocks.0.motion_modules.0.x", "up_blocks.99999.resnets.0.x"]
        {
            assert_eq!(unet_part(name, &blocks), None, "{name}");
        }
        assert_eq!(first_stage_part("decoder.up_blocks.9.resnets.0.conv1.bias", &blocks), None);
        assert_eq!(clip_name("text_projection.weight"), None);
    }

    #[test]
    fn both_spellings_of_the_text_encoder() {
        let full = "cond_stage_model.transformer.text_model.final_layer_norm.bias";
        assert_eq!(clip_name("final_layer_norm.bias").as_deref(), Some(full));
        assert_eq!(clip_name("text_model.final_layer_norm.bias").as_deref(), Some(full));
        assert_eq!(single_file_name("cond_stage_model.transformer.final_layer_norm.bias".into()), full);
        assert_eq!(single_file_name(full.into()), full);
        assert_eq!(single_file_name("betas".into()), "betas");
        let query = "first_stage_model.decoder.mid.attn_1.q.weight";
        assert_eq!(single_file_name(query.replace(".q.", ".to_q.")), query);
        assert_eq!(single_file_name(query.into()), query);
    }
}
