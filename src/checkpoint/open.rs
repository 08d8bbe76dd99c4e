//! A checkpoint that is open: its named tensors and what is known about it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::note::{FileNote, Note};
use crate::ops::host::{HostTensor, TensorSource};

use super::bytes::MappedFile;
use super::element::ElementType;
use super::error::{CheckpointError, Problem};
use super::hints::{Hints, Prediction};
use super::stored::{StoredTensor, same_but_trailing_ones};
use super::wrappers::{self, Renamed};
use super::{diffusers, keys, legacy, rests, safetensors_file, scaled, sniff, torch_zip};

/// What a checkpoint is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// One safetensors file.
    Safetensors,
    /// One file of torch 1.6 or later.
    TorchZip,
    /// One file of an earlier torch.
    TorchLegacy,
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
            Self::DiffusersFolder => "diffusers folder",
        }
    }
}

/// Named tensors in mapped files. Names are CompVis's, whatever the layout.
#[derive(Debug)]
pub struct Checkpoint {
    pub(crate) path: PathBuf,
    kind: CheckpointKind,
    files: Vec<MappedFile>,
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
    has_state_dict: bool,
    beside: Vec<String>,
    hints: Hints,
    notes: Vec<Note>,
}

/// One tensor's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorInfo<'a> {
    /// The CompVis name.
    pub name: &'a str,
    /// The stored element type.
    pub element: ElementType,
    /// Dimensions, outermost first.
    pub shape: &'a [usize],
    /// Bytes the numbers take.
    pub bytes: u64,
}

/// Tensors listed from one file.
pub(crate) struct Listed {
    pub(crate) kind: CheckpointKind,
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
    has_state_dict: bool,
    beside: Vec<String>,
    /// A safetensors header's.
    metadata: Map<String, Value>,
    pub(crate) notes: Vec<Note>,
}

impl Checkpoint {
    /// Opens a file or a diffusers folder. Reads headers only.
    ///
    /// # Errors
    /// One sentence if there is nothing, or it is no checkpoint, damaged, or asks to run something.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        if fs::metadata(path).is_ok_and(|found| found.is_dir()) {
            let (files, tensors, notes) = diffusers::folder::list(path)?;
            return Ok(Self {
                path: path.to_path_buf(),
                kind: CheckpointKind::DiffusersFolder,
                files,
                tensors,
                has_state_dict: false,
                beside: Vec::new(),
                hints: Hints::default(),
                notes,
            });
        }
        Self::of_file(MappedFile::open(path)?)
    }

    /// Opens a single file that is part of the program. Numbers are borrowed where the bytes lie
    /// aligned. `name` stands for the path.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Result<Self, CheckpointError> {
        Self::of_file(MappedFile::embedded(name, bytes))
    }

    fn of_file(file: MappedFile) -> Result<Self, CheckpointError> {
        let mut listed = list(&file, 0)?;
        let mut notes = listed.notes;
        notes.extend(wrappers::unwrap_prefixes(&mut listed.tensors).map(renamed));
        let named = |(name, tensor)| (keys::single_file_name(name), tensor);
        let tensors: BTreeMap<String, StoredTensor> = listed.tensors.into_iter().map(named).collect();
        if rests::is_whole_v1(&tensors) {
            notes.extend(rests::notes(&tensors));
        }
        let names = tensors.keys().chain(&listed.beside).map(String::as_str);
        let hints = Hints::of(&listed.metadata, names);
        Ok(Self {
            path: file.path().to_path_buf(),
            kind: listed.kind,
            files: vec![file],
            tensors,
            has_state_dict: listed.has_state_dict,
            beside: listed.beside,
            hints,
            notes,
        })
    }

    /// What it is stored as.
    pub fn kind(&self) -> CheckpointKind {
        self.kind
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all its weight files.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len() as u64).sum()
    }

    /// Every tensor, by name.
    pub fn tensors(&self) -> impl Iterator<Item = TensorInfo<'_>> {
        self.tensors.iter().map(|(name, tensor)| TensorInfo {
            name,
            element: tensor.element,
            shape: &tensor.shape,
            bytes: tensor.size(),
        })
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor's stored element type.
    pub fn element(&self, name: &str) -> Option<ElementType> {
        self.tensors.get(name).map(|tensor| tensor.element)
    }

    /// A tensor's stored shape.
    pub fn stored_shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// Whether training left moving averages of the UNet's weights.
    pub fn has_ema(&self) -> bool {
        let first = "model_ema.diffusion_model";
        self.tensors.range(first.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(first))
    }

    /// Whether a torch file keeps its weights under a key such as `state_dict`.
    pub fn has_state_dict(&self) -> bool {
        self.has_state_dict
    }

    /// What else a torch file carries (`optimizer_states`, `callbacks`, …), sorted.
    pub fn beside(&self) -> &[String] {
        &self.beside
    }

    /// What a single file itself says that its network predicts: `eps` or `v`.
    pub fn told_prediction(&self) -> Option<&'static str> {
        match self.hints.prediction.as_ref()? {
            Prediction::Eps => Some("eps"),
            Prediction::V => Some("v"),
            Prediction::Unknown(_) => None,
        }
    }

    /// What a single file says of its prediction and schedule.
    pub(crate) fn hints(&self) -> &Hints {
        &self.hints
    }

    /// What is odd about its files, and what was left out.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Reads one tensor as stored.
    ///
    /// # Errors
    /// One sentence if there is no such name or its type is not read.
    pub fn tensor(&self, name: &str) -> Result<HostTensor<'_>, CheckpointError> {
        let tensor = self.stored(name)?;
        tensor.read(name, &self.files, &tensor.shape).map_err(|problem| problem.at(&self.path))
    }

    /// The first ten hexadecimal digits of the file's SHA-256, as other programs show it; of a
    /// folder, those of the UNet's (first) file. Reads the whole file: seconds for a full model.
    ///
    /// `go_on` is asked before each piece and may wait.
    ///
    /// # Errors
    /// If `go_on` answers no.
    pub fn sha256_10(&self, go_on: &mut dyn FnMut() -> bool) -> Result<String, CheckpointError> {
        const CHUNK: usize = 4 << 20;
        let mut hash = Sha256::new();
        // A folder's files begin with the UNet's.
        let Some(file) = self.files.first() else { return Ok(String::new()) };
        for (number, chunk) in file.chunks(CHUNK).enumerate() {
            if !go_on() {
                return Err(Problem::Stopped.at(&self.path));
            }
            hash.update(chunk);
            file.forget(number * CHUNK..number * CHUNK + chunk.len());
        }
        let digits = hash.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        Ok(digits)
    }

    /// The file whose bytes [`Checkpoint::sha256_10`] reads.
    pub fn hashed_file(&self) -> &Path {
        self.files.first().map_or(&self.path, |file| file.path())
    }

    fn stored(&self, name: &str) -> Result<&StoredTensor, CheckpointError> {
        self.tensors.get(name).ok_or_else(|| Problem::NoTensor(name.to_owned()).at(&self.path))
    }
}

impl TensorSource for Checkpoint {
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        let tensor = self.tensors.get(name)?;
        // A 1×1 convolution and a linear layer hold the same numbers; writers mix them up.
        let same = same_but_trailing_ones(&tensor.shape, expected);
        let fits = same || first_words(name, tensor, expected).is_some();
        Some(if fits { expected.to_vec() } else { tensor.shape.clone() })
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>, String> {
        let tensor = self.stored(name).map_err(|error| error.to_string())?;
        let first = first_words(name, tensor, shape);
        let problem = if first.is_some() || same_but_trailing_ones(&tensor.shape, shape) {
            match first.as_ref().unwrap_or(tensor).read(name, &self.files, shape) {
                Ok(read) => return Ok(read),
                Err(problem) => problem,
            }
        } else {
            Problem::Shape { name: name.to_owned(), expected: shape.to_vec(), found: tensor.shape.clone() }
        };
        Err(problem.at(&self.path).to_string())
    }

    fn release(&self, name: &str) {
        for piece in self.tensors.get(name).into_iter().flat_map(|tensor| &tensor.pieces) {
            self.files[piece.file].forget(piece.bytes.clone());
        }
    }

    fn release_all(&self) {
        for file in &self.files {
            file.forget(0..file.len());
        }
    }

    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }
}

/// A text encoder's table with rows for words that were added to it, without those.
fn first_words(name: &str, tensor: &StoredTensor, shape: &[usize]) -> Option<StoredTensor> {
    if name.ends_with("token_embedding.weight") { tensor.first_rows(shape) } else { None }
}

fn renamed(Renamed { tensors, stored, read_as }: Renamed) -> Note {
    Note::File(FileNote::NamesUnwrapped { tensors, stored, read_as })
}

/// Lists a single file's tensors under their stored names, less what wrappers of torch add to them.
pub(crate) fn list(file: &MappedFile, number: usize) -> Result<Listed, CheckpointError> {
    let listed = || -> Result<Listed, Problem> {
        let (kind, found) = match sniff::sniff(file)? {
            sniff::Format::Safetensors => return safetensors_file::list(file, number).map(Listed::from),
            sniff::Format::Zip => (CheckpointKind::TorchZip, torch_zip::list(file, number)?),
            sniff::Format::Pickle => (CheckpointKind::TorchLegacy, legacy::list(file, number)?),
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
    listed.notes.extend(wrappers::unwrap_modules(&mut listed.tensors).map(renamed));
    Ok(listed)
}

impl From<safetensors_file::Found> for Listed {
    fn from(found: safetensors_file::Found) -> Self {
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
