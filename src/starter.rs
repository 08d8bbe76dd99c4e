//! The starter model inside the binary: the same form as a model on disk, read from static bytes.

use crate::checkpoint::{Checkpoint, CheckpointError};

/// Bytes at an address where any number may start, so that tensors are used where they lie.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!("../assets/starter/model.safetensors"));

/// The weights, CompVis names, f16.
pub static WEIGHTS: &[u8] = &ALIGNED.0;
/// The config.
pub static CONFIG: &str = include_str!("../assets/starter/config.yaml");
/// What `cond_stage_config.params.tokenizer` names.
pub static TOKENIZER: &[u8] = include_bytes!("../assets/starter/tokenizer.json");
/// Settings that suit it.
pub static SETTINGS: &str = include_str!("../assets/starter/settings.json");
/// What it knows, a thing a line.
pub static CONCEPTS: &str = include_str!("../assets/starter/concepts.txt");
/// The reference's run on these weights.
pub static REQUEST: &[u8] = include_bytes!("../assets/starter/request.json");
/// What the reference computed in that run.
pub static EXPECTED: &[u8] = include_bytes!("../assets/starter/expected.safetensors");

/// The starter's weights by name.
///
/// # Errors
/// If the binary is damaged.
pub fn weights() -> Result<Checkpoint, CheckpointError> {
    Checkpoint::embedded("the starter model inside the program", WEIGHTS)
}
