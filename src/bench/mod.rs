//! `safelight bench`: how long each part of a model takes, and how much memory.
//!
//! It measures what runs: the same networks, sampler and buffers as a picture's, on weights of a file or
//! drawn from names, so that no download is needed. Every part runs once to warm up (buffers, caches) unless
//! it is a load or a whole run.

mod cancel;
mod kernels;
mod lora;
mod measured;
mod part;
mod previews;
mod processor;
mod row;
mod subject;
mod suite;
mod write;

pub use part::Part;
pub use row::{KernelRow, OperationRow, Row};
pub use subject::{Subject, SubjectError, Synthesis};
pub use suite::Suite;
pub use write::write_synthetic;
