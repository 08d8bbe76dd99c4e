//! What one file or diffusers folder is, by its headers, and the license that it names.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::entry::{Facts, Refusal, Sort};
use crate::checkpoint::{Checkpoint, CheckpointError, Kind, Problem};
use crate::told::quoted;

/// A README's head holds what the hub knows of a model.
const README_MAX: u64 = 64 << 10;
/// Where writers of safetensors put a license.
const LICENSE_KEYS: [&str; 2] = ["modelspec.license", "license"];
/// Where they put what an addition was made for.
const BASE_KEYS: [&str; 3] = ["ss_base_model_version", "modelspec.architecture", "base_model"];

/// Reads the headers of a file or folder; `None` if it is gone or the system refuses it.
pub(super) fn look(path: &Path) -> Option<Facts> {
    match Checkpoint::open(path) {
        Ok(checkpoint) => Some(facts(&checkpoint)),
        Err(CheckpointError {
            problem: Problem::Unreadable(_) | Problem::Missing | Problem::Changed,
            ..
        }) => None,
        Err(error) => Some(Facts {
            sort: Sort::Other,
            detail: error.problem.to_string(),
            format: String::new(),
            dtype: None,
            license: None,
            hashed_file: path.to_owned(),
            refusal: Some(Refusal::of(&error)),
        }),
    }
}

/// What an open file or folder is.
pub fn facts(checkpoint: &Checkpoint) -> Facts {
    let refused = checkpoint.refuse_other_kinds().err();
    let (sort, detail) = what(checkpoint, refused.as_ref());
    let metadata = checkpoint.metadata();
    let base = BASE_KEYS.iter().find_map(|key| text(metadata, key));
    let detail = match (sort, base) {
        (Sort::Lora, Some(base)) => base,
        _ => detail,
    };
    Facts {
        sort,
        detail,
        format: checkpoint.kind().name().to_owned(),
        dtype: dtype(checkpoint),
        license: LICENSE_KEYS
            .iter()
            .find_map(|key| text(metadata, key))
            .or_else(|| license_beside(checkpoint.path())),
        hashed_file: checkpoint.hashed_file().to_owned(),
        refusal: refused.filter(|_| sort == Sort::Other).map(|error| Refusal::of(&error)),
    }
}

/// What it can be used for, and its family or kind.
fn what(checkpoint: &Checkpoint, refused: Option<&CheckpointError>) -> (Sort, String) {
    let Some(error) = refused else {
        return (Sort::Model, checkpoint.family().to_owned());
    };
    match checkpoint.other_kind() {
        Some(Kind::Addition("LoRA")) => (Sort::Lora, "LoRA".to_owned()),
        Some(Kind::FirstStage) => (Sort::Vae, "VAE".to_owned()),
        Some(Kind::TinyFirstStage) => (Sort::Taesd, "TAESD".to_owned()),
        Some(Kind::TextEncoder) => (Sort::TextEncoder, "CLIP".to_owned()),
        Some(Kind::Embedding | Kind::XL_EMBEDDING) => (Sort::Embedding, "textual inversion".to_owned()),
        Some(Kind::Family(name) | Kind::Addition(name)) => (Sort::Other, name.to_owned()),
        Some(Kind::OtherTextEncoder(name)) => (Sort::Other, format!("text encoder ({name})")),
        Some(Kind::OtherFirstStage) => (Sort::Other, "VAE of another family".to_owned()),
        Some(Kind::Hypernetwork) => (Sort::Other, "hypernetwork".to_owned()),
        Some(Kind::Upscaler) => (Sort::Other, "upscaler".to_owned()),
        Some(Kind::LanguageModel) => (Sort::Other, "language model".to_owned()),
        Some(Kind::ImageEncoder) => (Sort::Other, "image encoder".to_owned()),
        Some(Kind::Unet) => (Sort::Other, "UNet alone".to_owned()),
        None => (Sort::Other, error.problem.to_string()),
    }
}

/// The number type that takes most bytes.
fn dtype(checkpoint: &Checkpoint) -> Option<String> {
    let mut bytes: BTreeMap<&'static str, u64> = BTreeMap::new();
    for tensor in checkpoint.tensors() {
        *bytes.entry(tensor.element.name()).or_default() += tensor.bytes;
    }
    bytes.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(name, _)| name.to_owned())
}

/// A short text of a header.
fn text(metadata: &Map<String, Value>, key: &str) -> Option<String> {
    let text = quoted(metadata.get(key)?.as_str()?);
    (!text.is_empty()).then_some(text)
}

/// The license in the head of a README of the hub, in the folder or beside the file.
pub(super) fn license_beside(path: &Path) -> Option<String> {
    let folder = if path.is_dir() { path } else { path.parent()? };
    let mut readme = String::new();
    let file = std::fs::File::open(folder.join("README.md")).ok()?;
    file.take(README_MAX).read_to_string(&mut readme).ok()?;
    license_of_card(&readme)
}

/// `license: …` between the two lines `---` that a model card begins with; `license_name` says more than "other".
pub fn license_of_card(card: &str) -> Option<String> {
    let mut lines = card.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim() != "---" {
        return None;
    }
    let head: Vec<&str> = lines.take_while(|line| line.trim() != "---").collect();
    let value = |key: &str| {
        let found = head.iter().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?;
        let found = quoted(found.trim().trim_matches(['"', '\'']));
        (!found.is_empty()).then_some(found)
    };
    match value("license") {
        Some(other) if other == "other" => value("license_name").or(Some(other)),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_card_names_its_license() {
        let card = "---\nlicense: creativeml-openrail-m\ntags:\n- x\n---\n# license: mit\n";
        assert_eq!(license_of_card(card).as_deref(), Some("creativeml-openrail-m"));
        let other = "\u{feff}---\nlicense: other\nlicense_name: \"sai-nc\"\n---\n";
        assert_eq!(license_of_card(other).as_deref(), Some("sai-nc"));
        for none in ["", "# A model\nlicense: mit\n", "---\ntags: []\n---\nlicense: mit"] {
            assert_eq!(license_of_card(none), None, "{none}");
        }
    }
}
