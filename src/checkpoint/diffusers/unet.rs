//! A diffusers UNet's settings as the equivalent CompVis config.
//!
//! Trap: what would change the network and is not known here is refused by its name; nothing is guessed.

use serde_json::{Map, Value, json};

use super::json::Settings;
use crate::checkpoint::error::Problem;
use crate::checkpoint::found_config::{UNET_TARGET, component, one_or_all};

/// Settings that Stable Diffusion leaves unset; each would change what the network computes.
const UNET_UNSET: &[&str] = &[
    "addition_embed_type",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
    "class_embed_type",
    "num_class_embeds",
    "cross_attention_norm",
    "timestep_post_act",
    "time_embedding_act_fn",
    "time_embedding_dim",
    "reverse_transformer_layers_per_block",
];

pub(super) fn unet_config(unet: &Settings) -> Result<Value, Problem> {
    check_unet(unet)?;
    let widths = unet.sizes("block_out_channels", None)?;
    let levels = widths.len();
    let blocks = unet.texts("down_block_types")?;
    if blocks.len() != levels {
        return Err(unet.unlike("down_block_types", "one block for each of block_out_channels"));
    }
    let attention_resolutions = attention_resolutions(unet, &blocks)?;
    let model_channels = widths[0];
    let multiples = multiples(unet, &widths)?;
    let mut params = Map::new();
    let mut set = |key: &str, value: Value| params.insert(key.to_owned(), value);
    set("image_size", json!(32));
    set("in_channels", json!(unet.size_or("in_channels", 4)?));
    set("out_channels", json!(unet.size_or("out_channels", 4)?));
    set("model_channels", json!(model_channels));
    set("attention_resolutions", json!(attention_resolutions));
    set("num_res_blocks", one_or_all(&unet.sizes("layers_per_block", Some(levels))?));
    set("channel_mult", json!(multiples));
    let (key, heads) = heads(unet, &widths)?;
    set(key, json!(heads));
    set("use_spatial_transformer", json!(true));
    if unet.is_true("use_linear_projection") {
        set("use_linear_in_transformer", json!(true));
    }
    let depth = "transformer_layers_per_block";
    let is_deep = unet.get(depth).is_some();
    set("transformer_depth", if is_deep { one_or_all(&unet.sizes(depth, Some(levels))?) } else { json!(1) });
    let crossing = unet.flags("only_cross_attention", levels)?;
    if crossing.contains(&true) {
        set("only_cross_attention", json!(crossing));
    }
    if unet.is_null("mid_block_type") {
        set("use_middle_block", json!(false));
    }
    if unet.get("time_cond_proj_dim").is_some() {
        set("time_cond_proj_dim", json!(unet.size("time_cond_proj_dim")?));
    }
    set("context_dim", json!(equal(unet, "cross_attention_dim", levels)?));
    if unet.text("resnet_time_scale_shift") == Some("scale_shift") {
        set("use_scale_shift_norm", json!(true));
    }
    set("use_checkpoint", json!(false));
    set("legacy", json!(false));
    if unet.size_or("norm_num_groups", 32)? != 32 {
        set("norm_num_groups", json!(unet.size("norm_num_groups")?));
    }
    Ok(component(UNET_TARGET, Value::Object(params)))
}

fn check_unet(unet: &Settings) -> Result<(), Problem> {
    if unet.text("_class_name").is_some_and(|class| class != "UNet2DConditionModel") {
        return Err(unet.unlike("_class_name", "UNet2DConditionModel"));
    }
    if let Some(key) = UNET_UNSET.iter().find(|key| unet.get(key).is_some()) {
        return Err(unet.unlike(key, "nothing"));
    }
    for key in ["center_input_sample", "dual_cross_attention", "class_embeddings_concat"] {
        if unet.is_true(key) {
            return Err(unet.unlike(key, "false"));
        }
    }
    let words = [
        ("mid_block_type", "UNetMidBlock2DCrossAttn"),
        ("act_fn", "silu"),
        ("time_embedding_type", "positional"),
        ("attention_type", "default"),
    ];
    match words.iter().find(|(key, usual)| unet.text(key).is_some_and(|found| found != *usual)) {
        Some((key, usual)) => Err(unet.unlike(key, usual)),
        None => Ok(()),
    }
}

/// The resolutions with attention, which the way up must have as well.
fn attention_resolutions(unet: &Settings, down: &[&str]) -> Result<Vec<u64>, Problem> {
    const UP: &str = "up_block_types";
    let mut resolutions = Vec::new();
    let mut mirrored = Vec::new();
    for (level, block) in down.iter().enumerate() {
        match *block {
            "CrossAttnDownBlock2D" => {
                resolutions.insert(0, 1u64 << level);
                mirrored.insert(0, "CrossAttnUpBlock2D");
            }
            "DownBlock2D" => mirrored.insert(0, "UpBlock2D"),
            _ => return Err(unet.unlike("down_block_types", "CrossAttnDownBlock2D or DownBlock2D")),
        }
    }
    if unet.get(UP).is_some() && unet.texts(UP)? != mirrored {
        return Err(
            unet.unlike(UP, &format!("the blocks of down_block_types from the last on ({mirrored:?})"))
        );
    }
    Ok(resolutions)
}

/// The number of heads; where levels differ, the width of each head or a number for each level.
fn heads(unet: &Settings, widths: &[u64]) -> Result<(&'static str, Value), Problem> {
    let key =
        if unet.get("num_attention_heads").is_some() { "num_attention_heads" } else { "attention_head_dim" };
    let heads =
        if unet.get(key).is_some() { unet.sizes(key, Some(widths.len()))? } else { vec![8; widths.len()] };
    if heads.iter().all(|count| *count == heads[0]) {
        return Ok(("num_heads", json!(heads[0])));
    }
    let wide: Option<Vec<u64>> =
        widths.iter().zip(&heads).map(|(width, count)| (width % count == 0).then(|| width / count)).collect();
    match wide {
        Some(wide) if wide.iter().all(|width| *width == wide[0]) => Ok(("num_head_channels", json!(wide[0]))),
        Some(_) => Ok(("num_heads", json!(heads))),
        None => Err(unet.unlike(key, "numbers of heads that divide block_out_channels")),
    }
}

/// A number that may be given once or for each level, but is the same for all.
fn equal(settings: &Settings, key: &str, levels: usize) -> Result<u64, Problem> {
    let sizes = settings.sizes(key, Some(levels))?;
    match sizes.iter().all(|size| *size == sizes[0]) {
        true => Ok(sizes[0]),
        false => Err(settings.unlike(key, "the same number for every level")),
    }
}

/// Each width in units of the first.
pub(super) fn multiples(settings: &Settings, widths: &[u64]) -> Result<Vec<u64>, Problem> {
    match widths.iter().all(|width| width % widths[0] == 0) {
        true => Ok(widths.iter().map(|width| width / widths[0]).collect()),
        false => Err(settings.unlike("block_out_channels", "multiples of the first number")),
    }
}
