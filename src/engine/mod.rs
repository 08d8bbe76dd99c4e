//! The inference thread: it owns the model, does one request at a time, sends, then wakes.

mod denoise;
mod handle;

pub use denoise::{ConditionedModel, to_latent, to_tensor};
pub use handle::{EngineEnds, EngineHandle, SendError, job_of};
