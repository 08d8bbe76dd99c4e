//! Checkpoints: files and folders of named tensors. Names no network.
//!
//! The bytes decide what a file is, never its extension. Reads go by position: headers when a file is
//! opened, each tensor when a network asks for it, and again when a part is rebuilt. Invariant: nothing
//! in a file is executed, and every length in it is checked against the file's own before use.
//!
//! `formats` lists a file's tensors, `names` renames them to CompVis's, [`diffusers`] does both for a
//! folder, [`Checkpoint`] reads them, and [`guess_config`] derives the config from their shapes.

pub mod diffusers;
mod embedding;
mod error;
mod formats;
mod found_config;
mod guess;
mod inspect;
mod kind;
mod locate;
mod lora;
mod model_name;
mod names;
mod open;
mod overlay;
mod part;
mod positions;
mod tensor;
mod upscaler;

pub use embedding::{LearnedWord, read_embedding};
pub use error::{CheckpointError, Problem};
pub use formats::file_kind::FileKind;
pub use formats::{CheckpointKind, ENDINGS, has_model_ending};
pub use found_config::FoundConfig;
pub use guess::{first_stage_laid_over, guess_config, side_of_v2};
pub use inspect::{PartReport, Report, inspect};
pub use kind::Kind;
pub use lora::{Fit, Lora};
pub use model_name::model_name;
pub use open::{Checkpoint, TensorInfo};
pub use part::{ModelPart, Overlays, Part};
pub use tensor::blocks::Blocks;
pub use tensor::element::ElementType;
pub use tensor::float8::Float8;
pub use upscaler::open_upscaler;
