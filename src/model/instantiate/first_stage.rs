//! The first stage of a config (`first_stage_config`): which autoencoder, and whether it is whole.

use super::{ModelError, class_of, unknown};
use crate::config::Target;
use crate::model::first_stage::{AutoencoderKL, DdConfig, FirstStage, VQModelInterface};
use crate::ops::{self, Weights};

/// A first stage, how many times larger than its latent a picture is, and training-only keys of its config.
type Built = Result<(FirstStage, usize, Vec<String>), ModelError>;

/// The autoencoder that `target` describes; `weights` at `first_stage_model`.
pub(super) fn first_stage(target: Target, weights: &Weights) -> Built {
    let class = class_of(&target.target).to_owned();
    if !["AutoencoderKL", "VQModelInterface", "VQModel"].contains(&class.as_str()) {
        let known = ["ldm.models.autoencoder.AutoencoderKL", "ldm.models.autoencoder.VQModelInterface"];
        return Err(unknown(&target.target, "a first stage", &known));
    }
    let mut params = target.params;
    params.training_only(&[
        "batch_resize_range",
        "ckpt_path",
        "colorize_nlabels",
        "ignore_keys",
        "image_key",
        "learn_logvar",
        "lossconfig",
        "lr_g_factor",
        "monitor",
        "sane_index_shape",
        "scheduler_config",
        "use_ema",
    ]);
    let embed_dim = params.required_count("embed_dim")?;
    let (config, mut seen) = DdConfig::from_params(params.section("ddconfig")?)?;
    let model = if class == "AutoencoderKL" {
        if !config.double_z {
            return Err(params.refuse("double_z", "AutoencoderKL needs true").into());
        }
        seen.extend(params.finish()?);
        FirstStage::Kl(Box::new(AutoencoderKL::new(weights, &config, embed_dim).map_err(half_a_decoder)?))
    } else {
        if params.take("remap").is_some() {
            return Err(params.refuse("remap", "remapped codebooks are not supported; leave it out").into());
        }
        let n_embed = params.required_count("n_embed")?;
        seen.extend(params.finish()?);
        let model = VQModelInterface::new(weights, &config, embed_dim, n_embed).map_err(half_a_decoder)?;
        FirstStage::Vq(Box::new(model))
    };
    Ok((model, config.factor(), seen))
}

/// A tensor that a first stage lacks belongs to its decoder: it may lack an encoder.
fn half_a_decoder(error: ops::Error) -> ModelError {
    match error {
        ops::Error::NoTensor { name, .. } => ModelError::NoWholeDecoder { missing: name },
        error => error.into(),
    }
}
