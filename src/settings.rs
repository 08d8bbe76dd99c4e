//! `Settings`: what a user chooses for a picture, apart from the model.

use crate::sampler::{RngKind, SamplerKind, TimestepSpacing};

/// What a person chose: all that decides a picture, apart from the model.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// What the picture shall show.
    pub prompt: String,
    /// What it shall not show; often empty.
    pub negative_prompt: String,
    /// Steps asked for, 1 to 1000 (the schedule may run a few more or fewer).
    pub steps: usize,
    /// `unconditional_guidance_scale`; 1 means no guidance.
    pub guidance: f64,
    /// Share of fresh noise in each step, 0 to 1.
    pub eta: f64,
    /// The seed; `cpu` and `cpu-libm` use its low 32 bits.
    pub seed: u64,
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// The update rule.
    pub sampler: SamplerKind,
    /// How steps are spread.
    pub timesteps: TimestepSpacing,
    /// Whose noise the seed names.
    pub rng: RngKind,
    /// Scales the fresh noise of each step; 1 is the reference.
    pub temperature: f64,
}

/// How each step's picture is made for the eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PreviewMode {
    /// The best that costs under a tenth of a step, or under 100 ms.
    #[default]
    Auto,
    /// The model's own decoder.
    Full,
    /// TAESD, where its file is at hand.
    Tiny,
    /// A linear map fitted to the decoder.
    Fast,
    /// None.
    Off,
}
