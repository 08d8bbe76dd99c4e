//! The model: one file a CompVis module, built from a config and named weights.
//!
//! Invariant: nothing here names a file, a thread or a sampling loop; weights come through
//! [`crate::ops::Weights`], arithmetic through [`crate::ops`], schedules from [`crate::sampler`].

pub mod cond;
mod conditioning;
mod decoding;
pub mod first_stage;
mod instantiate;
mod latent_diffusion;
mod recent;
mod resident;
mod schedule_check;
pub mod synthetic;
pub mod unet;
mod upscaler;

pub use cond::{
    ClassEmbedder, CondStage, Emphasis, FrozenCLIPEmbedder, GeneralConditioner, Laid, Piece, PieceWord,
    TextEmbedding, TextEncoder, WeightedTexts, Weighting, tokenizer,
};
pub use conditioning::{Conditioning, ConditioningKey};
pub use first_stage::{
    AutoencoderKL, DiagonalGaussianDistribution, Encoded, FirstStage, TinyDecoder, TinyShape,
    VQModelInterface,
};
pub use instantiate::{ModelError, ReadTokenizer, instantiate_from_config, is_config};
pub use latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
pub use unet::{AttentionMaps, UNetConfig, UNetModel};
pub use upscaler::Upscaler;
