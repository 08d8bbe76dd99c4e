//! A diffusers folder's settings as the equivalent CompVis config.
//!
//! Traps: a UNet's `attention_head_dim` is the *number* of heads; diffusers' `scaled_linear` is
//! CompVis's `linear`, and its `linear` is CompVis's `sqrt_linear`.

use std::path::Path;

use serde_json::{Value, json};

use crate::note::{FileNote, Note};

use super::folder::{is_exact_gelu, unet_folder};
use super::json::Settings;
use super::unet::{multiples, unet_config};
use crate::checkpoint::error::{CheckpointError, Problem};
use crate::checkpoint::formats::CheckpointKind;
use crate::checkpoint::found_config::{
    AUTOENCODER_TARGET, CLIP_TARGET, Channels, Diffusion, FoundConfig, OPEN_CLIP_TARGET, TINY_TARGET,
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
        channels.check()?;
        let diffusion = diffusion(scheduler.as_ref(), &unet, vae.as_ref())?;
        let cond_stage = match &text {
            Some(text) if open_clip => open_clip_config(text)?,
            Some(text) => clip_config(text)?,
            None => text_encoder_of(checkpoint, notes)?,
        };
        Ok(latent_diffusion(&diffusion, &channels, unet_config(&unet)?, first_stage, cond_stage))
    };
    let config = config(&mut notes).map_err(|problem| problem.at(folder))?;
    Ok(FoundConfig { config, notes, is_prediction_open: open_clip && !has_scheduler })
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
    let usual = |vae: &Settings| if vae.text("_class_name") == Some(TINY) { 1.0 } else { 0.18215 };
    let scale_factor = vae.map_or(Ok(0.18215), |vae| vae.number_or("scaling_factor", usual(vae)))?;
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

fn first_stage_config(vae: &Settings) -> Result<Value, Problem> {
    if vae.text("_class_name") == Some(TINY) {
        return tiny_config(vae);
    }
    if vae.text("_class_name").is_some_and(|class| class != "AutoencoderKL") {
        return Err(vae.unlike("_class_name", "AutoencoderKL"));
    }
    for key in ["use_quant_conv", "use_post_quant_conv", "mid_block_add_attention"] {
        if vae.get(key).is_some() && !vae.is_true(key) {
            return Err(vae.unlike(key, "true"));
        }
    }
    if let Some(key) = ["latents_mean", "latents_std"].iter().find(|key| vae.get(key).is_some()) {
        return Err(vae.unlike(key, "nothing"));
    }
    if vae.number_or("shift_factor", 0.0)? != 0.0 {
        return Err(vae.unlike("shift_factor", "0"));
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

/// The class of a tiny first stage; its scale is 1 where nothing is said.
const TINY: &str = "AutoencoderTiny";

fn tiny_config(vae: &Settings) -> Result<Value, Problem> {
    for (key, usual) in [("act_fn", "relu"), ("upsample_fn", "nearest")] {
        if vae.text(key).is_some_and(|found| found != usual) {
            return Err(vae.unlike(key, usual));
        }
    }
    for (key, usual) in [("latent_magnitude", 3.0), ("upsampling_scaling_factor", 2.0), ("shift_factor", 0.0)]
    {
        if vae.number_or(key, usual)? != usual {
            return Err(vae.unlike(key, &usual.to_string()));
        }
    }
    let widths = match vae.get("decoder_block_out_channels") {
        Some(_) => vae.sizes("decoder_block_out_channels", None)?,
        None => vec![64; 4],
    };
    if widths.iter().any(|width| *width != widths[0]) {
        return Err(vae.unlike("decoder_block_out_channels", "the same number for every stage"));
    }
    let blocks = match vae.get("num_decoder_blocks") {
        Some(_) => vae.sizes("num_decoder_blocks", Some(widths.len()))?,
        None => vec![3, 3, 3, 1],
    };
    let latent = vae.size_or("latent_channels", 4)?;
    let params = json!({ "latent_channels": latent, "width": widths[0], "num_decoder_blocks": blocks });
    Ok(component(TINY_TARGET, params))
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
