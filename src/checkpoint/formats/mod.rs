//! The file formats of weights: each reader lists a file's named tensors without reading their elements.
//!
//! A new format is a file here, a line in [`sniff`] that tells it by its first bytes, an arm in [`list`], and
//! its ending in [`ENDINGS`].

pub(crate) mod file_kind;
mod gguf;
pub(crate) mod hints;
mod pickle;
mod safetensors;
mod sniff;
mod state_dict;
mod torch_legacy;
mod torch_tar;
mod torch_zip;

use std::path::Path;

use serde_json::{Map, Value};

use crate::note::{FileNote, Note};

use super::error::{CheckpointError, Problem};
use super::names::wrappers;
use super::tensor::model_file::ModelFile;
use super::tensor::scaled;
use super::tensor::stored::Tensors;

/// Bytes that tell what a file is; a web page may begin with blank lines.
const FIRST_LOOK: usize = 4096;

/// Endings of the names of model files, in lower case. They say which files of a folder are looked at and
/// what a model is called; what a file is, its bytes say.
pub const ENDINGS: [&str; 7] = ["safetensors", "sft", "gguf", "ckpt", "pt", "pth", "bin"];

/// Whether a name ends as a model file's does, in capitals or not.
pub fn has_model_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// What a checkpoint is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// One safetensors file.
    Safetensors,
    /// One file of torch 1.6 or later.
    TorchZip,
    /// One file of an earlier torch.
    TorchLegacy,
    /// One file of the first torch.
    TorchTar,
    /// One GGUF file.
    Gguf,
    /// A folder that diffusers wrote.
    DiffusersFolder,
}

impl CheckpointKind {
    /// The kind in plain words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors file",
            Self::TorchZip => "torch checkpoint",
            Self::TorchLegacy => "torch checkpoint (before 1.6)",
            Self::TorchTar => "torch checkpoint (a tar, of torch's first versions)",
            Self::Gguf => "GGUF file",
            Self::DiffusersFolder => "diffusers folder",
        }
    }
}

/// Tensors listed from one file.
pub(crate) struct Listed {
    pub(crate) kind: CheckpointKind,
    pub(crate) tensors: Tensors,
    pub(crate) has_state_dict: bool,
    pub(crate) beside: Vec<String>,
    /// A safetensors header's.
    pub(crate) metadata: Map<String, Value>,
    pub(crate) notes: Vec<Note>,
}

/// Lists a single file's tensors under their stored names, less what wrappers of torch add to them.
pub(crate) fn list(file: &ModelFile, number: usize) -> Result<Listed, CheckpointError> {
    let listed = || -> Result<Listed, Problem> {
        let (kind, found) = match sniff::sniff(&file.head(FIRST_LOOK)?)? {
            sniff::Format::Safetensors => return safetensors::list(file, number).map(Listed::from),
            sniff::Format::Gguf => {
                let (tensors, metadata) = gguf::list(file, number)?;
                return Ok(Listed {
                    kind: CheckpointKind::Gguf,
                    tensors,
                    has_state_dict: false,
                    beside: Vec::new(),
                    metadata,
                    notes: Vec::new(),
                });
            }
            sniff::Format::Zip => (CheckpointKind::TorchZip, torch_zip::list(file, number)?),
            sniff::Format::Tar => (CheckpointKind::TorchTar, torch_tar::list(file, number)?),
            sniff::Format::Pickle => (CheckpointKind::TorchLegacy, torch_legacy::list(file, number)?),
        };
        Ok(Listed {
            kind,
            tensors: found.tensors,
            has_state_dict: found.has_key,
            beside: found.beside,
            metadata: Map::new(),
            notes: Vec::new(),
        })
    };
    let mut listed = listed().map_err(|problem| problem.at(file.path()))?;
    scaled::attach(&mut listed.tensors);
    listed.notes.extend(wrappers::unwrap_modules(&mut listed.tensors).map(Note::from));
    Ok(listed)
}

impl From<safetensors::Found> for Listed {
    fn from(found: safetensors::Found) -> Self {
        let beyond = Note::File(FileNote::BytesBehindTheEnd { bytes: found.beyond });
        Self {
            kind: CheckpointKind::Safetensors,
            tensors: found.tensors,
            has_state_dict: false,
            beside: Vec::new(),
            metadata: found.metadata,
            notes: if found.beyond > 0 { vec![beyond] } else { Vec::new() },
        }
    }
}
