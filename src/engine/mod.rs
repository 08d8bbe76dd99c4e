//! The inference thread: it owns the model, does one request at a time, sends, then wakes.

mod handle;

pub use handle::{EngineEnds, EngineHandle, SendError, job_of};
