//! Checkpoints: files and folders of named tensors. Names no network.
//!
//! The bytes decide what a file is, never its extension. Files are mapped, not read: tensors are
//! borrowed from the map where they are aligned. Nothing in a file is ever executed, and nothing a
//! file says is believed before it is checked against the file's length.

mod bytes;
pub mod diffusers;
mod element;
mod error;
mod float8;
mod found_config;
mod guess;
mod guess_diffusion;
mod hints;
mod inspect;
mod keys;
mod legacy;
mod open;
mod pickle;
mod rests;
mod safetensors_file;
mod scaled;
mod sniff;
mod state_dict;
mod stored;
mod torch_zip;
mod wrappers;

pub use element::ElementType;
pub use error::{CheckpointError, Problem};
pub use float8::Float8;
pub use found_config::FoundConfig;
pub use guess::guess_config;
pub use inspect::{Part, PartReport, Report, inspect};
pub use open::{Checkpoint, CheckpointKind, TensorInfo};
