//! The model: one file a CompVis module, built from a config and named weights.
//!
//! Invariant: nothing here names a file, a thread or a sampling loop; weights come through
//! [`crate::ops::Weights`], arithmetic through [`crate::ops`], schedules from [`crate::sampler`].

mod attention;
mod autoencoder;
mod class_embedder;
mod clip;
mod conditioning;
mod encoder_half;
mod first_stage;
mod first_stage_blocks;
mod instantiate;
mod latent_diffusion;
mod resblock;
mod resident;
mod schedule_check;
pub mod synthetic;
mod taesd;
mod time_embedding;
pub mod tokenizer;
mod unet;
mod unet_config;
mod vector_quantizer;

pub use autoencoder::{AutoencoderKL, DiagonalGaussianDistribution};
pub use class_embedder::ClassEmbedder;
pub use clip::{FrozenCLIPEmbedder, TextEncoder};
pub use conditioning::{Conditioning, ConditioningKey};
pub use first_stage::{Encoded, FirstStage};
pub use instantiate::{CondStage, ModelError, ReadTokenizer, instantiate_from_config, is_config};
pub use latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
pub use taesd::TinyDecoder;
pub use unet::UNetModel;
pub use unet_config::UNetConfig;
pub use vector_quantizer::VQModelInterface;
