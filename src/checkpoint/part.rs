//! The parts of a model, and the files that stand in for two of them.

use std::path::{Path, PathBuf};

use super::names::keys::{CLIP, EMA, FIRST_STAGE, OPEN_CLIP, UNET};

/// A part of a model, by its tensors' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The text encoder, `cond_stage_model.…`.
    TextEncoder,
    /// The UNet, `model.diffusion_model.…`.
    Unet,
    /// The VAE, `first_stage_model.…`.
    FirstStage,
    /// `model_ema.…`: moving averages of the UNet.
    Ema,
    /// The noise schedule's buffers.
    Schedule,
    /// Names that belong to no part.
    Other,
}

impl Part {
    /// The part in plain words.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextEncoder => "text encoder",
            Self::Unet => "UNet",
            Self::FirstStage => "first stage",
            Self::Ema => "EMA",
            Self::Schedule => "schedule",
            Self::Other => "other",
        }
    }

    /// The part that a tensor's name belongs to.
    pub fn of(name: &str) -> Self {
        const SCHEDULE: &[&str] = &[
            "alphas_cumprod",
            "betas",
            "posterior_",
            "sqrt_",
            "log_one_minus",
            "scale_factor",
            "v_pred",
            "ztsnr",
        ];
        let starts = |start: &str| name.starts_with(start);
        if starts(UNET) {
            Self::Unet
        } else if starts(FIRST_STAGE) {
            Self::FirstStage
        } else if starts(CLIP) || starts(OPEN_CLIP) || starts("cond_stage_model.") {
            Self::TextEncoder
        } else if starts(EMA) {
            Self::Ema
        } else if SCHEDULE.iter().any(|start| starts(start)) {
            Self::Schedule
        } else {
            Self::Other
        }
    }
}

/// A part of a model that can come from a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPart {
    /// The first stage: encoder and decoder of pictures.
    Vae,
    /// The network that makes a context of words.
    TextEncoder,
}

impl ModelPart {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Vae, Self::TextEncoder];

    /// The part in plain words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vae => "VAE",
            Self::TextEncoder => "text encoder",
        }
    }

    /// The part in plain words, with its article.
    pub(crate) fn with_article(self) -> &'static str {
        match self {
            Self::Vae => "a VAE",
            Self::TextEncoder => "a text encoder",
        }
    }

    /// The command line's option that names such a file.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Vae => "--vae",
            Self::TextEncoder => "--text-encoder",
        }
    }

    /// The name of its subfolder in a diffusers folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Vae => "vae",
            Self::TextEncoder => "text_encoder",
        }
    }

    /// The part whose subfolder in a diffusers folder is called so.
    pub(crate) fn of_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.folder() == folder)
    }

    /// The part that its tensors' names belong to.
    pub(crate) fn part(self) -> Part {
        match self {
            Self::Vae => Part::FirstStage,
            Self::TextEncoder => Part::TextEncoder,
        }
    }
}

/// Files whose part stands in for the model's own, or for one that it lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlays {
    /// A VAE's file or folder.
    pub vae: Option<PathBuf>,
    /// A text encoder's file or folder.
    pub text_encoder: Option<PathBuf>,
}

impl Overlays {
    /// The file or folder that stands in for a part.
    pub fn file(&self, part: ModelPart) -> Option<&Path> {
        match part {
            ModelPart::Vae => self.vae.as_deref(),
            ModelPart::TextEncoder => self.text_encoder.as_deref(),
        }
    }
}
