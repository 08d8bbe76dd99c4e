//! `FoundConfig`: a CompVis config assembled from what a checkpoint shows of itself.
//!
//! Keys and values are the reference's, so that such a model is built by the very code that reads
//! YAML files.

use serde_json::{Map, Value, json};

use crate::checkpoint::error::Problem;
use crate::note::Note;

/// A config as the YAML file would say it, and what had to be assumed.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundConfig {
    /// `model: {target, params: {…}}`.
    pub config: Value,
    /// One sentence for each assumption that the checkpoint cannot confirm.
    pub notes: Vec<Note>,
    /// Nothing tells what the network predicts, and models of its shapes differ in it: a call can tell.
    pub is_prediction_open: bool,
}

/// The noise schedule and what the model predicts.
pub(crate) struct Diffusion {
    pub(crate) linear_start: f64,
    pub(crate) linear_end: f64,
    /// As CompVis names it; `linear` there is linear in the square roots.
    pub(crate) beta_schedule: &'static str,
    pub(crate) timesteps: u64,
    /// `eps` or `v`.
    pub(crate) parameterization: &'static str,
    /// Whether the schedule is stretched to end without signal.
    pub(crate) zero_terminal_snr: bool,
    /// Side of the latent the model was trained for.
    pub(crate) image_size: u64,
    pub(crate) scale_factor: f64,
    /// Whether the file itself stores the scale factor.
    pub(crate) scale_by_std: bool,
}

impl Diffusion {
    /// The schedule and latent of Stable Diffusion v1.
    pub(crate) const V1: Self = Self {
        linear_start: 0.00085,
        linear_end: 0.012,
        beta_schedule: "linear",
        timesteps: 1000,
        parameterization: "eps",
        zero_terminal_snr: false,
        image_size: 64,
        scale_factor: 0.18215,
        scale_by_std: false,
    };
}

/// The latent's channels.
pub(crate) struct Channels {
    /// What the UNet takes.
    pub(crate) input: u64,
    /// What the first stage returns.
    pub(crate) latent: u64,
}

impl Channels {
    /// Refuses a UNet that takes something else than a latent, or beside it a mask and a latent, another
    /// latent, or a depth map.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let Self { input, latent } = *self;
        if [latent, 2 * latent + 1, 2 * latent, latent + 1].contains(&input) {
            return Ok(());
        }
        Err(Problem::OtherModel(format!(
            "a UNet with {input} input channels for a latent of {latent} (inpainting has {}, editing {}, depth {})",
            2 * latent + 1,
            2 * latent,
            latent + 1
        )))
    }
}

/// Puts the parts together.
pub(crate) fn latent_diffusion(
    diffusion: &Diffusion,
    channels: &Channels,
    unet_config: Value,
    first_stage_config: Value,
    cond_stage_config: Value,
) -> Value {
    let hybrid = channels.input != channels.latent;
    let mut params = Map::new();
    let mut set = |key: &str, value: Value| params.insert(key.to_owned(), value);
    set("linear_start", json!(diffusion.linear_start));
    set("linear_end", json!(diffusion.linear_end));
    if diffusion.beta_schedule != "linear" {
        set("beta_schedule", json!(diffusion.beta_schedule));
    }
    if diffusion.zero_terminal_snr {
        set("rescale_betas_zero_snr", json!(true));
    }
    if diffusion.parameterization != "eps" {
        set("parameterization", json!(diffusion.parameterization));
    }
    set("num_timesteps_cond", json!(1));
    set("timesteps", json!(diffusion.timesteps));
    set("first_stage_key", json!("jpg"));
    set("cond_stage_key", json!("txt"));
    set("image_size", json!(diffusion.image_size));
    set("channels", json!(channels.latent));
    set("cond_stage_trainable", json!(false));
    set("conditioning_key", json!(if hybrid { "hybrid" } else { "crossattn" }));
    set("scale_factor", json!(diffusion.scale_factor));
    if diffusion.scale_by_std {
        set("scale_by_std", json!(true));
    }
    set("use_ema", json!(false));
    set("unet_config", unet_config);
    set("first_stage_config", first_stage_config);
    set("cond_stage_config", cond_stage_config);
    json!({ "model": { "target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": params } })
}

/// A `target` and its `params`.
pub(crate) fn component(target: &str, params: Value) -> Value {
    json!({ "target": target, "params": params })
}

/// A list with a value for each level, or the one value that it repeats.
pub(crate) fn one_or_all<T: PartialEq + serde::Serialize>(values: &[T]) -> Value {
    match values.split_first() {
        Some((first, rest)) if rest.iter().all(|value| value == first) => json!(first),
        _ => json!(values),
    }
}

/// The targets that both ways of finding a config name.
pub(crate) const UNET_TARGET: &str = "ldm.modules.diffusionmodules.openaimodel.UNetModel";
pub(crate) const AUTOENCODER_TARGET: &str = "ldm.models.autoencoder.AutoencoderKL";
pub(crate) const TINY_TARGET: &str = "diffusers.AutoencoderTiny";
pub(crate) const CLIP_TARGET: &str = "ldm.modules.encoders.modules.FrozenCLIPEmbedder";
pub(crate) const OPEN_CLIP_TARGET: &str = "ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder";
