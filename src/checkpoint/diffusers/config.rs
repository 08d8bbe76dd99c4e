//! A diffusers folder's settings as the equivalent CompVis config.
//!
//! Traps: a UNet's `attention_head_dim` is the *number* of heads; diffusers' `scaled_linear` is
//! CompVis's `linear`, and its `linear` is CompVis's `sqrt_linear`.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::note::{FileNote, Note};

use super::folder::{is_exact_gelu, unet_folder};
use super::json::Settings;
use crate::checkpoint::error::{CheckpointError, Problem};
use crate::checkpoint::formats::CheckpointKind;
use crate::checkpoint::found_config::{
    AUTOENCODER_TARGET, CLIP_TARGET, Channels, Diffusion, FoundConfig, OPEN_CLIP_TARGET, UNET_TARGET,
    component, latent_diffusion,
};
use crate::checkpoint::guess::{first_stage_of, text_encoder_of};
use crate::checkpoint::open::Checkpoint;
use crate::checkpoint::part::ModelPart;

/// The CompVis config of a diffusers folder.
///
/// # Errors
/// One sentence if the checkpoint is no folder, a config is missing or damaged, or it sets what
/// Stable Diffusion v1 and v2 do not have.
pub fn diffusers_config(checkpoint: &Checkpoint) -> Result<FoundConfig, CheckpointError> {
    let folder = checkpoint.path();
    if checkpoint.kind() != CheckpointKind::DiffusersFolder {
        return Err(Problem::NoModelInFolder.at(folder));
    }
    let averages = unet_folder(folder) == "unet_ema";
    let unet = Settings::read(folder, if averages { "unet_ema/config.json" } else { "unet/config.json" })?;
    // A part that comes from another file need not be in the folder.
    let laid_over =
        |part: ModelPart| checkpoint.overlays.file(part).is_some() && !folder.join(part.folder()).is_dir();
    let vae = (!laid_over(ModelPart::Vae)).then(|| Settings::read(folder, "vae/config.json")).transpose()?;
    let text =
        (!laid_over(ModelPart::TextEncoder)).then(|| Settings::read(folder, "text_encoder/config.json"));
    let text = text.transpose()?.map(|text| text.nested("text_config"));
    let has_scheduler = folder.join("scheduler/scheduler_config.json").is_file();
    let scheduler =
        has_scheduler.then(|| Settings::read(folder, "scheduler/scheduler_config.json")).transpose()?;
    let open_clip = text.as_ref().is_some_and(is_exact_gelu);
    let mut notes = notes(folder);
    if !has_scheduler {
        notes.push(Note::File(FileNote::SchedulerAssumed));
    }
    let config = |notes: &mut Vec<Note>| -> Result<Value, Problem> {
        let (first_stage, latent) = match &vae {
            Some(vae) => (first_stage_config(vae)?, vae.size_or("latent_channels", 4)?),
            None => first_stage_of(checkpoint, notes)?,
        };
        let channels = Channels { input: unet.size_or("in_channels", 4)?, latent };
        if channels.input != channels.latent && channels.input != 2 * channels.latent + 1 {
            return Err(unet.unlike("in_channels", "4, or 9 of an inpainting model,"));
        }
        let diffusion = diffusion(scheduler.as_ref(), &unet, vae.as_ref())?;
        let cond_stage = match &text {
            Some(text) if open_clip => open_clip_config(text)?,
            Some(text) => clip_config(text)?,
            None => text_encoder_of(checkpoint, notes)?,
        };
        Ok(latent_diffusion(&diffusion, &channels, unet_config(&unet)?, first_stage, cond_stage))
    };
    let config = config(&mut notes).map_err(|problem| problem.at(folder))?;
    Ok(FoundConfig { config, notes })
}

fn notes(folder: &Path) -> Vec<Note> {
    let mut notes = Vec::new();
    if folder.join("safety_checker").is_dir() {
        notes.push(Note::SafetyChecker);
    }
    notes
}

/// The schedule that the folder tells; v1's where it tells none.
fn diffusion(
    scheduler: Option<&Settings>,
    unet: &Settings,
    vae: Option<&Settings>,
) -> Result<Diffusion, Problem> {
    let image_size = unet.side_or("sample_size", 64)?;
    let scale_factor = vae.map_or(Ok(0.18215), |vae| vae.number_or("scaling_factor", 0.18215))?;
    let Some(scheduler) = scheduler else {
        return Ok(Diffusion { image_size, scale_factor, ..Diffusion::V1 });
    };
    if scheduler.get("trained_betas").is_some() {
        return Err(scheduler.unlike("trained_betas", "nothing"));
    }
    let beta_schedule = match scheduler.text("beta_schedule").unwrap_or("linear") {
        "scaled_linear" => "linear",
        "linear" => "sqrt_linear",
        "squaredcos_cap_v2" => "cosine",
        _ => return Err(scheduler.unlike("beta_schedule", "scaled_linear, linear or squaredcos_cap_v2")),
    };
    let parameterization = match scheduler.text("prediction_type").unwrap_or("epsilon") {
        "epsilon" => "eps",
        "v_prediction" => "v",
        _ => return Err(scheduler.unlike("prediction_type", "epsilon or v_prediction")),
    };
    Ok(Diffusion {
        linear_start: scheduler.number_or("beta_start", 0.0001)?,
        linear_end: scheduler.number_or("beta_end", 0.02)?,
        beta_schedule,
        timesteps: scheduler.size_or("num_train_timesteps", 1000)?,
        parameterization,
        zero_terminal_snr: scheduler.is_true("rescale_betas_zero_snr"),
        image_size,
        scale_factor,
        scale_by_std: false,
    })
}

/// Settings that Stable Diffusion leaves unset; each would change what the network computes.
const UNET_UNSET: &[&str] = &[
    "addition_embed_type",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
    "time_cond_proj_dim",
    "class_embed_type",
    "num_class_embeds",
    "cross_attention_norm",
    "timestep_post_act",
    "time_embedding_act_fn",
    "time_embedding_dim",
    "reverse_transformer_layers_per_block",
];

fn unet_config(unet: &Settings) -> Result<Value, Problem> {
    check_unet(unet)?;
    let widths = unet.sizes("block_out_channels", None)?;
    let levels = widths.len();
    let blocks = unet.texts("down_block_types")?;
    if blocks.len() != levels {
        return Err(unet.unlike("down_block_types", "one block for each of block_out_channels"));
    }
    let mut attention_resolutions = Vec::new();
    for (level, block) in blocks.iter().enumerate() {
        match *block {
            "CrossAttnDownBlock2D" => attention_resolutions.insert(0, 1u64 << level),
            "DownBlock2D" => {}
            _ => return Err(unet.unlike("down_block_types", "CrossAttnDownBlock2D or DownBlock2D")),
        }
    }
    let model_channels = widths[0];
    let multiples = multiples(unet, &widths)?;
    let mut params = Map::new();
    let mut set = |key: &str, value: Value| params.insert(key.to_owned(), value);
    set("image_size", json!(32));
    set("in_channels", json!(unet.size_or("in_channels", 4)?));
    set("out_channels", json!(unet.size_or("out_channels", 4)?));
    set("model_channels", json!(model_channels));
    set("attention_resolutions", json!(attention_resolutions));
    set("num_res_blocks", json!(equal(unet, "layers_per_block", levels)?));
    set("channel_mult", json!(multiples));
    let (key, heads) = heads(unet, &widths)?;
    set(key, json!(heads));
    set("use_spatial_transformer", json!(true));
    if unet.is_true("use_linear_projection") {
        set("use_linear_in_transformer", json!(true));
    }
    set("transformer_depth", json!(equal_or(unet, "transformer_layers_per_block", levels, 1)?));
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
    for key in
        ["center_input_sample", "dual_cross_attention", "only_cross_attention", "class_embeddings_concat"]
    {
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

fn multiples(settings: &Settings, widths: &[u64]) -> Result<Vec<u64>, Problem> {
    match widths.iter().all(|width| width % widths[0] == 0) {
        true => Ok(widths.iter().map(|width| width / widths[0]).collect()),
        false => Err(settings.unlike("block_out_channels", "multiples of the first number")),
    }
}

/// The number of heads, or where levels differ the width of each head.
fn heads(unet: &Settings, widths: &[u64]) -> Result<(&'static str, u64), Problem> {
    let key =
        if unet.get("num_attention_heads").is_some() { "num_attention_heads" } else { "attention_head_dim" };
    let heads =
        if unet.get(key).is_some() { unet.sizes(key, Some(widths.len()))? } else { vec![8; widths.len()] };
    if heads.iter().all(|count| *count == heads[0]) {
        return Ok(("num_heads", heads[0]));
    }
    let wide: Option<Vec<u64>> =
        widths.iter().zip(&heads).map(|(width, count)| (width % count == 0).then(|| width / count)).collect();
    match wide {
        Some(wide) if wide.iter().all(|width| *width == wide[0]) => Ok(("num_head_channels", wide[0])),
        _ => Err(unet.unlike(key, "one number of heads, or one width of a head,")),
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

fn equal_or(settings: &Settings, key: &str, levels: usize, unset: u64) -> Result<u64, Problem> {
    if settings.get(key).is_some() { equal(settings, key, levels) } else { Ok(unset) }
}

fn first_stage_config(vae: &Settings) -> Result<Value, Problem> {
    if vae.text("_class_name").is_some_and(|class| class != "AutoencoderKL") {
        return Err(vae.unlike("_class_name", "AutoencoderKL"));
    }
    for key in ["use_quant_conv", "use_post_quant_conv", "mid_block_add_attention"] {
        if vae.get(key).is_some() && !vae.is_true(key) {
            return Err(vae.unlike(key, "true"));
        }
    }
    if let Some(key) =
        ["shift_factor", "latents_mean", "latents_std"].iter().find(|key| vae.get(key).is_some())
    {
        return Err(vae.unlike(key, "nothing"));
    }
    let widths = vae.sizes("block_out_channels", None)?;
    let mut ddconfig = json!({
        "double_z": true,
        "z_channels": vae.size_or("latent_channels", 4)?,
        "resolution": vae.side_or("sample_size", 256)?,
        "in_channels": vae.size_or("in_channels", 3)?,
        "out_ch": vae.size_or("out_channels", 3)?,
        "ch": widths[0],
        "ch_mult": multiples(vae, &widths)?,
        "num_res_blocks": vae.size_or("layers_per_block", 1)?,
        "attn_resolutions": [],
        "dropout": 0.0,
    });
    if vae.size_or("norm_num_groups", 32)? != 32 {
        ddconfig["norm_num_groups"] = json!(vae.size("norm_num_groups")?);
    }
    let params = json!({
        "embed_dim": vae.size_or("latent_channels", 4)?,
        "ddconfig": ddconfig,
        "lossconfig": { "target": "torch.nn.Identity" },
    });
    Ok(component(AUTOENCODER_TARGET, params))
}

fn clip_config(text: &Settings) -> Result<Value, Problem> {
    if text.text("hidden_act").is_some_and(|act| act != "quick_gelu") {
        return Err(text.unlike("hidden_act", "quick_gelu or gelu"));
    }
    Ok(component(CLIP_TARGET, text_dimensions(text, 0)?))
}

/// Stable Diffusion 2: the folder leaves out the last block, which the reference has but skips.
fn open_clip_config(text: &Settings) -> Result<Value, Problem> {
    let mut params = json!({ "freeze": true, "layer": "penultimate" });
    if let (Value::Object(all), Value::Object(dimensions)) = (&mut params, text_dimensions(text, 1)?) {
        all.extend(dimensions);
    }
    Ok(component(OPEN_CLIP_TARGET, params))
}

fn text_dimensions(text: &Settings, skipped_layers: u64) -> Result<Value, Problem> {
    let hidden_size = text.size_or("hidden_size", 768)?;
    if text.size_or("intermediate_size", 4 * hidden_size)? != 4 * hidden_size {
        return Err(text.unlike("intermediate_size", "4 × hidden_size"));
    }
    Ok(json!({
        "hidden_size": hidden_size,
        "num_hidden_layers": text.size_or("num_hidden_layers", 12)? + skipped_layers,
        "num_attention_heads": text.size_or("num_attention_heads", 12)?,
        "max_length": text.size_or("max_position_embeddings", 77)?,
    }))
}
