//! The inference thread: it owns the model, does one request at a time, sends, then wakes.

mod companions;
mod compute;
mod denoise;
pub mod generate;
mod generate_error;
mod handle;
mod hash;
mod job;
mod open;
mod preview;
mod worker;
mod workspace;

pub use crate::checkpoint::ModelPart;
pub use companions::first_settings;
pub use compute::{compute_of, device_offers, is_offered, with_compute};
pub use denoise::{ConditionedModel, to_latent, to_tensor};
pub use handle::{EngineEnds, EngineHandle, SendError, job_of};
pub use hash::{Busyness, ModelHash};
pub use open::{ModelConfig, OpenError, OpenModel, Opening, find_config, is_model, of_model, open_model};
pub(crate) use preview::Previewer;
pub use preview::steps_kept::StepError;
pub use worker::{EngineOptions, spawn};
pub use workspace::Waker;
