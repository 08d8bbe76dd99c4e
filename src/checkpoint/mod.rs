//! Checkpoints: files and folders of named tensors. Names no network.
//!
//! The bytes decide what a file is, never its extension. A file is read by position: headers when it is
//! opened, each tensor when a network asks for it, and again when a part is built again. Nothing in a
//! file is ever executed, and nothing a file says is believed before it is checked against the file's
//! length.

mod bytes;
pub mod diffusers;
mod element;
mod error;
mod file_kind;
mod float8;
mod found_config;
mod guess;
mod guess_diffusion;
mod hints;
mod inspect;
mod keys;
mod kind;
mod legacy;
mod locate;
mod open;
mod overlay;
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
pub use file_kind::FileKind;
pub use float8::Float8;
pub use found_config::FoundConfig;
pub use guess::guess_config;
pub use inspect::{Part, PartReport, Report, inspect};
pub use kind::Kind;
pub use open::{Checkpoint, CheckpointKind, TensorInfo};
pub use overlay::{ModelPart, Overlays};
