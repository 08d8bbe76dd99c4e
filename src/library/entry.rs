//! `Entry`: one file or diffusers folder of the library, as plain data.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint::model_name;
use crate::hashes::short;
use crate::told::Told;

/// What an entry can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A whole model that makes pictures.
    Model,
    /// An addition that changes a model.
    Lora,
    /// A VAE alone.
    Vae,
    /// TAESD, which makes previews.
    Taesd,
    /// A text encoder alone.
    TextEncoder,
    /// Words taught to a text encoder.
    Embedding,
    /// Of another family or kind, damaged, or unknown.
    Other,
}

impl Sort {
    /// All of them, in the order of a list.
    pub const ALL: [Self; 7] =
        [Self::Model, Self::Lora, Self::Vae, Self::Taesd, Self::TextEncoder, Self::Embedding, Self::Other];

    /// As the command line and its JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Lora => "lora",
            Self::Vae => "vae",
            Self::Taesd => "taesd",
            Self::TextEncoder => "text_encoder",
            Self::Embedding => "embedding",
            Self::Other => "other",
        }
    }

    /// The sort of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a file cannot be used, as a sentence that is not in words yet and can be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The name under which the words of each language stand.
    pub key: String,
    /// The values in it, by name.
    pub values: Vec<(String, String)>,
}

impl Refusal {
    /// The sentence of an error.
    pub fn of(error: &impl Told) -> Self {
        let values = error.values().into_iter().map(|(name, value)| (name.to_owned(), value));
        Self { key: error.key().to_owned(), values: values.collect() }
    }
}

/// What a file's headers tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What it can be used for.
    pub sort: Sort,
    /// The family, the kind, or what is wrong with it, in English.
    pub detail: String,
    /// The file format or folder layout.
    pub format: String,
    /// The number type of most of its bytes.
    pub dtype: Option<String>,
    /// The license that the file or its folder names.
    pub license: Option<String>,
    /// The file whose hash stands for it: itself, or a folder's UNet.
    pub hashed_file: PathBuf,
    /// Why it cannot be used, if it cannot.
    #[serde(default)]
    pub refusal: Option<Refusal>,
}

/// One file or diffusers folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file or folder.
    pub path: PathBuf,
    /// The folder of the library that it was found in.
    pub folder: PathBuf,
    /// Its repository on the hub, where it lies in the hub's cache.
    pub repository: Option<String>,
    /// Bytes of its weight files.
    pub bytes: u64,
    /// What its headers tell.
    pub facts: Facts,
    /// The SHA-256 of the file, or of a folder's UNet, where it is known.
    pub sha256: Option<String>,
}

/// Stems of files that every repository has, so that the folder's name says more.
const VAGUE: [&str; 8] = [
    "model",
    "diffusion_pytorch_model",
    "diffusion_pytorch_model.fp16",
    "pytorch_model",
    "pytorch_lora_weights",
    "adapter_model",
    "learned_embeds",
    "unet",
];

/// A name for a file: its own, or where every repository has a file of that name, the repository's or folder's.
pub fn name_of(path: &Path, repository: Option<&str>) -> String {
    let own = model_name(path);
    if !VAGUE.contains(&own.as_str()) {
        return own;
    }
    let of_repository = repository.and_then(|id| id.rsplit('/').next()).map(str::to_owned);
    let above = || path.parent()?.file_name()?.to_str().map(str::to_owned);
    of_repository.or_else(above).unwrap_or(own)
}

impl Entry {
    /// The name that lists show and options take.
    pub fn name(&self) -> String {
        name_of(&self.path, self.repository.as_deref())
    }

    /// What it can be used for.
    pub fn sort(&self) -> Sort {
        self.facts.sort
    }

    /// The short hash, as A1111 shows it, where it is known.
    pub fn hash(&self) -> Option<&str> {
        self.sha256.as_deref().map(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_every_repository_has_is_called_after_its_place() {
        let name = |path: &str, repository| name_of(Path::new(path), repository);
        assert_eq!(name("m/v1-5.safetensors", None), "v1-5");
        assert_eq!(name("m/v1-5.safetensors", Some("a/b")), "v1-5");
        assert_eq!(name("m/s/pytorch_lora_weights.safetensors", Some("a/lcm-lora")), "lcm-lora");
        assert_eq!(name("lcm/pytorch_lora_weights.safetensors", None), "lcm");
        assert_eq!(name("vae_approx/taesd.safetensors", None), "taesd");
    }
}
