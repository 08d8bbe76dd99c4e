//! `instantiate_from_config`: target string → constructor, one `match` a kind of module.
//!
//! Invariant: an unknown target is an error that names it and what is known.

mod cond_stage;
mod error;
mod first_stage;

use serde_json::Value;

use super::conditioning::ConditioningKey;
use super::decoding::Decoding;
use super::latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
use super::recent::Recent;
use super::schedule_check;
use super::unet::{UNetConfig, UNetModel};
use crate::config::{ConfigError, Params, Target};
use crate::note::{FileNote, Note};
use crate::ops::{Dtype, Weights};
use crate::sampler::{BetaSchedule, DiffusionSchedule, Parameterization};

use cond_stage::Built;
pub use error::ModelError;

/// Reads the bytes of a `tokenizer.json` that a config names.
pub type ReadTokenizer<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// Builds the model that a config describes, from named weights.
///
/// `read_tokenizer` gives the file that `params.tokenizer` of a text encoder names, relative to the
/// config.
///
/// # Errors
/// If the config is wrong or the weights do not fit it; the first tensor that differs is named.
pub fn instantiate_from_config(
    config: &Value,
    weights: &Weights,
    read_tokenizer: ReadTokenizer<'_>,
) -> Result<LatentDiffusion, ModelError> {
    let model = config
        .get("model")
        .ok_or_else(|| ConfigError::Key("the key model is missing from the config".into()))?;
    let target = Target::from_value(model, "model")?;
    match class_of(&target.target) {
        class if LATENT_DIFFUSION.contains(&class) => {
            latent_diffusion(target.params, weights, read_tokenizer)
        }
        _ => Err(unknown(&target.target, "a model", &["ldm.models.diffusion.ddpm.LatentDiffusion"])),
    }
}

/// The model's class, and those that differ from it in training, or in what makes the picture beside the words.
const LATENT_DIFFUSION: [&str; 3] =
    ["LatentDiffusion", "LatentInpaintDiffusion", "LatentDepth2ImageDiffusion"];

/// Whether a value has the form of a config for [`instantiate_from_config`].
pub fn is_config(config: &Value) -> bool {
    let target = config.pointer("/model/target").and_then(Value::as_str);
    target.is_some_and(|target| LATENT_DIFFUSION.contains(&class_of(target)))
}

/// The class in a dotted name; forks move the modules but keep the classes.
fn class_of(target: &str) -> &str {
    target.rsplit('.').next().unwrap_or(target)
}

fn unknown(target: &str, what: &str, known: &[&str]) -> ModelError {
    ConfigError::Key(format!("the target {target} is unknown as {what}; known: {}", known.join(", "))).into()
}

fn latent_diffusion(
    mut params: Params,
    weights: &Weights,
    read_tokenizer: ReadTokenizer<'_>,
) -> Result<LatentDiffusion, ModelError> {
    params.training_only(&TRAINING_ONLY);
    params.training_only_like(is_of_training);
    let unet_target = params.target("unet_config")?;
    let first_stage_target = params.target("first_stage_config")?;
    let (texts, pictures) = beside_unet(weights);
    let (cond_stage_target, cond_stage_weights) = cond_stage::find(&mut params, &texts)?;
    let schedule = schedule(&mut params)?;
    let parameterization = parameterization(&mut params)?;
    let conditioning_key = conditioning_key(&mut params, &cond_stage_target)?;
    let mut notes = Vec::new();
    let use_ema = which_copy(weights, params.flag("use_ema", true)?, &mut notes);
    let image_size = params.count("image_size")?.unwrap_or(256);
    let channels = params.count("channels")?.unwrap_or(3);
    let scale_by_std = params.flag("scale_by_std", false)?;
    let mut scale_factor = params.number("scale_factor")?.unwrap_or(1.0);
    if scale_by_std {
        // Trained models of this kind carry the measured factor in the checkpoint.
        scale_factor = f64::from(weights.get_f32("scale_factor", &[])?[0]);
    }
    let mut training_only = params.finish()?;

    let unet_weights = weights.pp("model").pp("diffusion_model");
    let unet_weights = if use_ema { unet_weights.renamed(ema_name) } else { unet_weights };
    let (unet_config, seen) = unet_config(unet_target)?;
    training_only.extend(seen);
    let Built { stage: cond_stage, training_only: seen, notes: odd } =
        cond_stage::cond_stage(cond_stage_target, &cond_stage_weights, read_tokenizer)?;
    cond_stage::check_vector(&cond_stage, &unet_config)?;
    training_only.extend(seen);
    notes.extend(odd);
    let unet = UNetModel::new(&unet_weights, unet_config.clone())?;
    let (first_stage, first_stage_factor, seen) =
        first_stage::first_stage(first_stage_target, &pictures.pp("first_stage_model"))?;
    training_only.extend(seen);
    if !first_stage.encoder().is_whole() {
        notes.push(Note::File(FileNote::EncoderAbsent));
    }
    let (schedule, differences) = schedule_check::agreed(weights, schedule);
    notes.extend(differences);
    Ok(LatentDiffusion {
        config: LatentDiffusionConfig {
            schedule,
            parameterization,
            scale_factor,
            conditioning_key,
            image_size,
            channels,
            first_stage_factor,
            unet: unet_config,
            training_only,
            use_ema,
            notes,
        },
        device: weights.device().clone(),
        unet,
        first_stage,
        cond_stage,
        decoding: Decoding::default(),
        adapters: weights.adapters().clone(),
        wrapping: weights.wrapping().clone(),
        texts: Recent::default(),
        weighted_texts: Recent::default(),
    })
}

/// The weights for the text encoders and for the first stage. The parts that decide pictures in f16 most are small:
/// they stay in f32. A card decodes in f16 all the same, but looks at what each stage makes.
fn beside_unet(weights: &Weights) -> (Weights, Weights) {
    let exact = weights.with_dtype(Dtype::F32);
    let texts = weights.texts_on().map_or_else(|| exact.clone(), |device| exact.on(device));
    (texts, if weights.device().is_card() { weights.clone() } else { exact })
}

/// Arguments of `DDPM` and `LatentDiffusion` that decide nothing while sampling.
const TRAINING_ONLY: [&str; 39] = [
    "base_learning_rate",
    "ckpt_path",
    "clip_denoised",
    "cond_stage_forward",
    "cond_stage_key",
    "cond_stage_trainable",
    "concat_keys",
    "depth_stage_config",
    "embedding_reg_weight",
    "finetune_keys",
    "first_stage_key",
    "ignore_keys",
    "keep_finetune_dims",
    "keep_num_ema_updates",
    "l_simple_weight",
    "learn_logvar",
    "load_only_unet",
    "log_every_t",
    "logvar_init",
    "loss_type",
    "lossconfig",
    "make_it_fit",
    "masked_image_key",
    "model_lr",
    "monitor",
    "num_timesteps_cond",
    "original_elbo_weight",
    "personalization_config",
    "reg_weight",
    "reset_ema",
    "reset_num_ema_updates",
    "scheduler_config",
    "ucg_training",
    "unet_trainable",
    "unfreeze_model",
    "use_positional_encodings",
    "v_posterior",
    "weight_decay",
    "weight_decay_embedding",
];

/// Whether a key is one that trainers invent: rates, weights of a loss, optimizers, logs.
fn is_of_training(key: &str) -> bool {
    let ends = ["_lr", "_learning_rate", "_reg_weight", "_loss_weight", "_wd"];
    let starts = ["lr_", "optimizer", "log_", "train_", "unfreeze_", "freeze_", "ema_"];
    ends.iter().any(|end| key.ends_with(end)) || starts.iter().any(|start| key.starts_with(start))
}

/// Whether the UNet's averaged copy runs: as the config says, but a file need not hold both.
fn which_copy(weights: &Weights, use_ema: bool, notes: &mut Vec<Note>) -> bool {
    const FIRST: &str = "model.diffusion_model.input_blocks.0.0.weight";
    match (use_ema, weights.stores(FIRST), weights.stores(&ema_name(FIRST))) {
        (true, true, false) => {
            notes.push(Note::File(FileNote::EmaAbsent));
            false
        }
        (false, false, true) => {
            notes.push(Note::File(FileNote::EmaOnly));
            true
        }
        _ => use_ema,
    }
}

/// The file's name of an EMA copy: the weight's name without its dots, as `LitEma` makes it.
fn ema_name(name: &str) -> String {
    match name.strip_prefix("model.") {
        Some(inner) => format!("model_ema.{}", inner.replace('.', "")),
        None => name.to_owned(),
    }
}

fn schedule(params: &mut Params) -> Result<DiffusionSchedule, ModelError> {
    let name = params.text("beta_schedule")?.unwrap_or_else(|| "linear".to_owned());
    let beta_schedule = BetaSchedule::from_name(&name).ok_or_else(|| {
        params.refuse("beta_schedule", &format!("expected linear, cosine, sqrt_linear or sqrt, found {name}"))
    })?;
    let timesteps = params.count("timesteps")?.unwrap_or(1000);
    if !(1..=1_000_000).contains(&timesteps) {
        return Err(params.refuse("timesteps", &format!("expected 1 to 1000000, found {timesteps}")).into());
    }
    let linear_start = params.number("linear_start")?.unwrap_or(1e-4);
    let linear_end = params.number("linear_end")?.unwrap_or(2e-2);
    let cosine_s = params.number("cosine_s")?.unwrap_or(8e-3);
    if params.take("given_betas").is_some() {
        return Err(params.refuse("given_betas", "betas come from beta_schedule here; leave it out").into());
    }
    let schedule = DiffusionSchedule::new(beta_schedule, timesteps, linear_start, linear_end, cosine_s);
    // diffusers' word for it; the reference has none.
    let stretched = params.flag("rescale_betas_zero_snr", false)?;
    Ok(if stretched { schedule.with_zero_terminal_snr() } else { schedule })
}

fn parameterization(params: &mut Params) -> Result<Parameterization, ModelError> {
    match params.text("parameterization")?.as_deref() {
        None | Some("eps") => Ok(Parameterization::Eps),
        Some("v") => Ok(Parameterization::V),
        Some(other) => {
            Err(params.refuse("parameterization", &format!("expected eps or v, found {other}")).into())
        }
    }
}

/// As `LatentDiffusion.__init__`: no key means concat (or crossattn without `concat_mode`), and an
/// unconditional model has none whatever is written.
fn conditioning_key(params: &mut Params, cond_stage: &Target) -> Result<ConditioningKey, ModelError> {
    let concat_mode = params.flag("concat_mode", true)?;
    let name = params.text("conditioning_key")?;
    if cond_stage.target == "__is_unconditional__" {
        return Ok(ConditioningKey::None);
    }
    match name.as_deref() {
        None if concat_mode => Ok(ConditioningKey::Concat),
        None => Ok(ConditioningKey::Crossattn),
        Some(name) => ConditioningKey::from_name(name).ok_or_else(|| {
            let sentence = format!("expected null, concat, crossattn, hybrid or adm, found {name}");
            params.refuse("conditioning_key", &sentence).into()
        }),
    }
}

fn unet_config(target: Target) -> Result<(UNetConfig, Vec<String>), ModelError> {
    match class_of(&target.target) {
        "UNetModel" => Ok(UNetConfig::from_params(target.params)?),
        _ => Err(unknown(&target.target, "a UNet", &["ldm.modules.diffusionmodules.openaimodel.UNetModel"])),
    }
}

#[cfg(test)]
mod tests {
    use super::ema_name;

    #[test]
    fn copies_are_named_without_dots() {
        let name = ema_name("model.diffusion_model.input_blocks.0.0.weight");
        assert_eq!(name, "model_ema.diffusion_modelinput_blocks00weight");
    }
}
