//! The inference thread: it owns the model, does one request at a time, sends, then wakes.

mod adapt;
pub mod additions;
#[cfg(feature = "gpu")]
pub mod cards;
mod companions;
mod compute;
mod denoise;
mod fit;
mod former_starter;
pub mod from;
pub mod generate;
mod generate_error;
mod handle;
mod hash;
#[cfg(feature = "gpu")]
mod ladder;
pub mod lens;
pub mod negative;
mod open;
mod options;
mod pixels;
mod preview;
pub mod prompts;
mod reading;
mod running;
pub mod takeover;
pub mod upscale;
mod worker;
mod workspace;

pub use crate::checkpoint::{ENDINGS as MODEL_ENDINGS, ModelPart, model_name};
pub use companions::first_settings;
pub use compute::{compute_of, device_offers, is_offered, with_compute};
pub use denoise::{ConditionedModel, to_latent, to_tensor};
pub use fit::{Fit, Mismatch, Unused};
pub use former_starter::at_present_size;
pub use handle::{EngineEnds, EngineHandle, SendError, job_of};
pub use hash::{Busy, Busyness, ModelHash};
pub use open::{ModelConfig, OpenError, OpenModel, Opening, STARTER, find_config, fit, is_model, open_model};
pub use options::EngineOptions;
pub use preview::steps_kept::StepError;
pub use preview::{Previewer, decode_half};
pub use worker::spawn;
pub use workspace::Waker;
