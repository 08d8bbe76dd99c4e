//! `GenerateError`: why there is no picture, each in one sentence.

use super::additions::AdditionError;
use super::from::SourceError;
use crate::model::LatentDiffusion;
use crate::ops::{self, Dtype};
use crate::sampler::ScheduleError;
use crate::settings::Setting;
use crate::told::Told;

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GenerateError {
    /// The inference thread has no model.
    #[error("no model is open; open one first")]
    NoModel,
    /// A model that needs more than words.
    #[error(
        "expected a model that makes pictures from words, found one with conditioning_key {key}; use a \
         text-to-image model"
    )]
    NotFromWords {
        /// `conditioning_key`, as the config has it.
        key: String,
    },
    /// A width or height that the model cannot make.
    #[error(
        "expected a {} that is a multiple of {multiple} and at most {most}, found {found}; near it are \
         {lower} and {upper}", .side.name()
    )]
    Size {
        /// The side that does not fit.
        side: Side,
        /// Pixels asked for.
        found: usize,
        /// Pixels are a multiple of this.
        multiple: usize,
        /// The most pixels.
        most: usize,
        /// The nearest below.
        lower: usize,
        /// The nearest above.
        upper: usize,
    },
    /// A number outside its range.
    #[error("expected {} from {least} to {most}, found {found}", with_article(&.what.row().name.replace('_', " ")))]
    Range {
        /// The setting whose number it is.
        what: Setting,
        /// The least that is allowed.
        least: f64,
        /// The most that is allowed.
        most: f64,
        /// What was asked.
        found: f64,
    },
    /// A part of the model gave NaN or infinity.
    #[error(
        "the {} gave numbers that are not finite{}; {}", .part.name(), of_step(*.step), advice(*.part, *.dtype)
    )]
    NotFinite {
        /// The part of the model that failed.
        part: Part,
        /// The step, from 1, where it was the UNet.
        step: Option<usize>,
        /// The UNet's number type.
        dtype: Dtype,
    },
    /// A kept run cannot be taken up.
    #[error("the kept run cannot be taken up: {cause}")]
    Kept {
        /// Why not.
        cause: String,
    },
    /// A LoRA or an embedding cannot be used.
    #[error(transparent)]
    Addition(#[from] AdditionError),
    /// A picture that the run cannot begin from.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Steps that do not exist.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The networks failed, or were stopped.
    #[error(transparent)]
    Ops(#[from] ops::Error),
}

impl GenerateError {
    /// Whether a graphics card failed where the processor may go on.
    pub fn is_of_card(&self) -> bool {
        matches!(self, Self::Ops(error) if error.is_of_card())
    }
}

impl Told for GenerateError {
    fn key(&self) -> &'static str {
        match self {
            Self::NoModel => "error-no-model",
            Self::NotFromWords { .. } => "error-not-from-words",
            Self::Size { side: Side::Width, .. } => "error-width",
            Self::Size { side: Side::Height, .. } => "error-height",
            Self::Range { what, .. } => what.row().error,
            Self::NotFinite { part: Part::TextEncoder, .. } => "error-not-finite-text-encoder",
            Self::NotFinite { part: Part::Unet, .. } => "error-not-finite-unet",
            Self::NotFinite { part: Part::FirstStage, .. } => "error-not-finite-first-stage",
            Self::Kept { .. } => "error-kept-run",
            Self::Addition(error) => error.key(),
            Self::Source(error) => error.key(),
            Self::Schedule(error) => error.key(),
            Self::Ops(error) => error.key(),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Size { found, multiple, most, lower, upper, .. } => vec![
                ("found", found.to_string()),
                ("most", most.to_string()),
                ("multiple", multiple.to_string()),
                ("lower", lower.to_string()),
                ("upper", upper.to_string()),
            ],
            Self::Range { least, most, found, .. } => {
                vec![("least", least.to_string()), ("most", most.to_string()), ("found", found.to_string())]
            }
            Self::Kept { cause } => vec![("cause", cause.clone())],
            Self::Addition(error) => error.values(),
            Self::Source(error) => error.values(),
            Self::Schedule(error) => error.values(),
            Self::Ops(error) => error.values(),
            Self::NoModel | Self::NotFromWords { .. } | Self::NotFinite { .. } => Vec::new(),
        }
    }
}

/// A side of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The width, in pixels.
    Width,
    /// The height, in pixels.
    Height,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Width => "width",
            Self::Height => "height",
        }
    }
}

fn with_article(name: &str) -> String {
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// A part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The text encoder, `cond_stage_model`.
    TextEncoder,
    /// The UNet, `model.diffusion_model`.
    Unet,
    /// The VAE, `first_stage_model`.
    FirstStage,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::TextEncoder => "text encoder",
            Self::Unet => "UNet",
            Self::FirstStage => "first stage (VAE)",
        }
    }
}

fn of_step(step: Option<usize>) -> String {
    step.map_or_else(String::new, |step| format!(" in step {step}"))
}

/// What helps against numbers that are not finite: f32, where that is not what failed.
fn advice(part: Part, dtype: Dtype) -> &'static str {
    if part == Part::Unet && dtype != Dtype::F32 {
        "use --dtype f32 or another model file"
    } else {
        "the model file is damaged or badly converted; use another"
    }
}

/// Refuses numbers of `part` that are not finite.
///
/// # Errors
/// If there is one.
pub(super) fn check_finite(
    model: &LatentDiffusion,
    part: Part,
    numbers: &[f32],
) -> Result<(), GenerateError> {
    if numbers.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(GenerateError::NotFinite { part, step: None, dtype: model.device().dtype() })
}
