//! The starter model inside the binary: the same form as a model on disk, read from static bytes.

use crate::checkpoint::{Checkpoint, CheckpointError};

/// Aligned bytes, so that tensors are used in place.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!("../assets/starter/model.safetensors"));

/// The weights, CompVis names, f16.
pub static WEIGHTS: &[u8] = &ALIGNED.0;
/// SHA-256 of [`WEIGHTS`] in hex, and the file's name, as `sha256sum` writes it.
static CHECKSUM: &str = include_str!("../assets/starter/model.safetensors.sha256");
/// The model's YAML config.
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

/// The weights' model hash: the first ten hex digits of their SHA-256. Stored, because hashing the weights
/// would delay the first picture at every start.
pub fn hash() -> &'static str {
    CHECKSUM.get(..10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_of_these_weights() {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(WEIGHTS);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(CHECKSUM, format!("{hex}  model.safetensors\n"));
        assert_eq!(hash(), &hex[..10]);
    }
}
