//! The first stage of a config (`first_stage_config`): which autoencoder, and whether it is whole.

use super::{ModelError, class_of, unknown};
use crate::config::Target;
use crate::model::first_stage::{
    AutoencoderKL, DdConfig, FirstStage, TinyDecoder, TinyFirstStage, TinyShape, VQModelInterface,
};
use crate::ops::{self, Weights};

/// A first stage, how many times larger than its latent a picture is, and training-only keys of its config.
type Built = Result<(FirstStage, usize, Vec<String>), ModelError>;

/// The autoencoder that `target` describes; `weights` at `first_stage_model`.
pub(super) fn first_stage(target: Target, weights: &Weights) -> Built {
    let class = class_of(&target.target).to_owned();
    if class == "AutoencoderTiny" {
        return tiny(target, weights);
    }
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

/// A tiny decoder in diffusers' layout, which is all of the first stage; its keys are diffusers', too.
fn tiny(target: Target, weights: &Weights) -> Built {
    let mut params = target.params;
    let blocks = params.counts("num_decoder_blocks")?.unwrap_or_else(|| vec![3, 3, 3, 1]);
    if !(1..=8).contains(&blocks.len()) || blocks.iter().any(|count| *count > 64) {
        return Err(params.refuse("num_decoder_blocks", "expected up to 8 numbers up to 64").into());
    }
    let shape = TinyShape {
        channels: params.count("latent_channels")?.unwrap_or(4),
        width: params.count("width")?.unwrap_or(64),
        blocks,
        first_layer: 0,
    };
    let seen = params.finish()?;
    let decoder = TinyDecoder::new(&weights.pp("decoder").pp("layers"), &shape).map_err(half_a_decoder)?;
    Ok((FirstStage::Tiny(Box::new(TinyFirstStage::new(decoder))), shape.factor(), seen))
}

/// A tensor that a first stage lacks belongs to its decoder: it may lack an encoder.
fn half_a_decoder(error: ops::Error) -> ModelError {
    match error {
        ops::Error::NoTensor { name, .. } => ModelError::NoWholeDecoder { missing: name },
        error => error.into(),
    }
}
