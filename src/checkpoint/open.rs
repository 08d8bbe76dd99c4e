//! A checkpoint that is open: its named tensors and what is known about it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::note::{FileNote, Note};
use crate::ops;
use crate::ops::host::{HostTensor, TensorRows, TensorSource};
use crate::told::quoted;

use super::error::{CheckpointError, Problem};
use super::formats::hints::{Hints, Prediction};
use super::formats::{self, CheckpointKind};
use super::kind::Kind;
use super::names::{gaps, keys, open_clip, rests, wrappers};
use super::overlay::{holds, is_of_xl, lay_over};
use super::part::{ModelPart, Overlays};
use super::tensor::element::ElementType;
use super::tensor::model_file::ModelFile;
use super::tensor::stored::{StoredTensor, Tensors, same_but_trailing_ones};
use super::{diffusers, locate, positions};

/// Named tensors in open files. Names are CompVis's, whatever the layout.
#[derive(Debug)]
pub struct Checkpoint {
    pub(crate) path: PathBuf,
    kind: CheckpointKind,
    files: Vec<ModelFile>,
    pub(crate) tensors: Tensors,
    has_state_dict: bool,
    beside: Vec<String>,
    hints: Hints,
    /// What a safetensors or GGUF file says of itself.
    metadata: Map<String, Value>,
    notes: Vec<Note>,
    /// The parts of other files that replace its own.
    pub(crate) overlays: Overlays,
}

/// One tensor's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorInfo<'a> {
    /// The CompVis name, whatever the file calls it.
    pub name: &'a str,
    /// The stored element type.
    pub element: ElementType,
    /// Dimensions, outermost first.
    pub shape: &'a [usize],
    /// Bytes that its elements take.
    pub bytes: u64,
}

impl Checkpoint {
    /// Opens a file, a diffusers folder, or a folder that holds one of these. Reads headers only.
    ///
    /// # Errors
    /// One sentence if there is nothing, or it is no checkpoint, damaged, or asks to run something.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Self::open_with(path, &Overlays::default())
    }

    /// Opens a model with the parts of other files laid over its own.
    ///
    /// # Errors
    /// As [`Checkpoint::open`], of each file, and if a part does not go with the model.
    pub fn open_with(path: impl AsRef<Path>, overlays: &Overlays) -> Result<Self, CheckpointError> {
        let (path, found) = locate::locate(path.as_ref())?;
        let mut checkpoint = if path.is_dir() {
            let listed = diffusers::folder::list(&path, overlays)?;
            Self {
                path,
                kind: CheckpointKind::DiffusersFolder,
                files: listed.files,
                tensors: listed.tensors,
                has_state_dict: false,
                beside: Vec::new(),
                hints: Hints::default(),
                metadata: Map::new(),
                notes: listed.notes,
                overlays: Overlays::default(),
            }
        } else {
            Self::of_file(ModelFile::open(&path)?)?
        };
        checkpoint.notes.extend(found);
        for part in ModelPart::ALL {
            if let Some(file) = overlays.file(part) {
                lay_over(file, part, &mut checkpoint.files, &mut checkpoint.tensors)?;
                checkpoint.notes.push(laid_over(part, file));
                let is_of_xl = part == ModelPart::Vae && is_of_xl(file);
                checkpoint.notes.extend(is_of_xl.then_some(Note::File(FileNote::VaeOfXl)));
            }
        }
        checkpoint.notes.extend(positions::note(&checkpoint.tensors, &checkpoint.files));
        checkpoint.overlays = overlays.clone();
        Ok(checkpoint)
    }

    /// Opens a single file that is part of the program. Tensors borrow aligned bytes, where those of
    /// a file on a drive are copies. `name` stands for the path.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Result<Self, CheckpointError> {
        Self::of_file(ModelFile::embedded(name, bytes))
    }

    fn of_file(file: ModelFile) -> Result<Self, CheckpointError> {
        let mut listed = formats::list(&file, 0)?;
        let mut notes = listed.notes;
        notes.extend(wrappers::unwrap_prefixes(&mut listed.tensors).map(Note::from));
        let named = |(name, tensor)| (keys::single_file_name(name), tensor);
        let tensors: Tensors = keys::with_unet_prefix(listed.tensors).into_iter().map(named).collect();
        let tensors =
            open_clip::named_as_its_own(gaps::close(tensors)).map_err(|problem| problem.at(file.path()))?;
        if let Some(layout) = rests::text_layout(&tensors) {
            notes.extend(rests::notes(&tensors, layout));
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
            metadata: listed.metadata,
            notes,
            overlays: Overlays::default(),
        })
    }

    /// Refuses everything but a model of Stable Diffusion v1 or v2.
    ///
    /// # Errors
    /// If it is anything else; the error names what it is.
    pub fn refuse_other_kinds(&self) -> Result<(), CheckpointError> {
        let problem = match Kind::of(&self.tensors) {
            Some(kind) => {
                let is_part = matches!(kind, Kind::FirstStage | Kind::TextEncoder | Kind::Unet);
                let whole = is_part.then(|| locate::whole_of(&self.path)).flatten();
                whole.unwrap_or(Problem::OtherKind(kind))
            }
            None if self.names_with(keys::UNET).next().is_some() || self.has_ema() => return Ok(()),
            None => {
                let first = self.tensors.keys().next().map(|name| quoted(name)).unwrap_or_default();
                Problem::Unknown { tensors: self.tensors.len(), first }
            }
        };
        Err(problem.at(&self.path))
    }

    /// What it is where it is no whole model: a model of another family, a part, an addition; `None` where it is
    /// unknown as well.
    pub fn other_kind(&self) -> Option<Kind> {
        Kind::of(&self.tensors)
    }

    /// The family of a model with a UNet, by the width of the context that it reads.
    pub fn family(&self) -> &'static str {
        let reads = self.tensors.iter().find(|(name, _)| name.ends_with("attn2.to_k.weight"));
        match reads.and_then(|(_, tensor)| tensor.shape.get(1)) {
            Some(768) => "Stable Diffusion 1",
            Some(1024) => "Stable Diffusion 2",
            _ => "latent diffusion",
        }
    }

    /// Refuses a model that lacks one of these parts.
    ///
    /// # Errors
    /// If any is missing; the error names all that are.
    pub fn refuse_gaps(&self, needed: &[ModelPart]) -> Result<(), CheckpointError> {
        let missing: Vec<ModelPart> =
            needed.iter().copied().filter(|part| !holds(&self.tensors, *part)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Problem::Lacks(missing).at(&self.path)) }
    }

    fn names_with(&self, start: &'static str) -> impl Iterator<Item = &String> {
        self.tensors
            .range(start.to_owned()..)
            .map(|(name, _)| name)
            .take_while(move |name| name.starts_with(start))
    }

    /// The file format or folder layout.
    pub fn kind(&self) -> CheckpointKind {
        self.kind
    }

    /// Where the file or folder lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all its weight files.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len() as u64).sum()
    }

    /// Every tensor, in the order of the names.
    pub fn tensors(&self) -> impl Iterator<Item = TensorInfo<'_>> {
        self.tensors.iter().map(|(name, tensor)| TensorInfo {
            name,
            element: tensor.element,
            shape: &tensor.shape,
            bytes: tensor.size(),
        })
    }

    /// Whether a tensor has this name.
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

    /// Whether the file holds moving averages of the UNet's weights.
    pub fn has_ema(&self) -> bool {
        self.names_with("model_ema.diffusion_model").next().is_some()
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

    /// What a safetensors or GGUF file says of itself, as its writer put it.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
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
    /// One sentence if there is no such name, its type is not read, or the file has changed.
    pub fn tensor(&self, name: &str) -> Result<HostTensor<'_>, CheckpointError> {
        let tensor = self.stored(name)?;
        tensor.read(name, &self.files, &tensor.shape).map_err(|problem| problem.at(self.file_of(tensor)))
    }

    /// The file's SHA-256 in hexadecimal digits; of a folder, that of the UNet's (first) file. Reads the whole file: seconds for a full model.
    ///
    /// Calls `go_on` before each piece; it may block.
    ///
    /// # Errors
    /// If `go_on` returns false, or the file has changed since it was opened.
    pub fn sha256(&self, go_on: &mut dyn FnMut() -> bool) -> Result<String, CheckpointError> {
        const CHUNK: usize = 1 << 20;
        let mut hash = Sha256::new();
        // A folder's files begin with the UNet's.
        let Some(file) = self.files.first() else { return Ok(String::new()) };
        let mut chunk = vec![0; CHUNK.min(file.len())];
        for start in (0..file.len()).step_by(CHUNK) {
            if !go_on() {
                return Err(Problem::Stopped.at(&self.path));
            }
            let chunk = &mut chunk[..CHUNK.min(file.len() - start)];
            file.read_at(start, chunk).map_err(|problem| problem.at(file.path()))?;
            hash.update(chunk);
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The file whose bytes [`Checkpoint::sha256`] reads.
    pub fn hashed_file(&self) -> &Path {
        self.files.first().map_or(&self.path, |file| file.path())
    }

    /// The file that holds a tensor; a model's tensors may come from several.
    fn file_of(&self, tensor: &StoredTensor) -> &Path {
        let file = tensor.pieces.first().and_then(|piece| self.files.get(piece.file));
        file.map_or(&self.path, |file| file.path())
    }

    /// The tensor of a name, if it can be read as `shape`.
    fn stored_as(&self, name: &str, shape: &[usize]) -> Result<Cow<'_, StoredTensor>, CheckpointError> {
        let tensor = self.stored(name)?;
        if let Some(first) = first_words(name, tensor, shape) {
            return Ok(Cow::Owned(first));
        }
        if same_but_trailing_ones(&tensor.shape, shape) {
            return Ok(Cow::Borrowed(tensor));
        }
        let found = tensor.shape.clone();
        Err(Problem::Shape { name: name.to_owned(), expected: shape.to_vec(), found }.at(&self.path))
    }

    fn stored(&self, name: &str) -> Result<&StoredTensor, CheckpointError> {
        self.tensors.get(name).ok_or_else(|| Problem::NoTensor(name.to_owned()).at(&self.path))
    }
}

impl TensorSource for Checkpoint {
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        let tensor = self.tensors.get(name)?;
        // A 1×1 convolution and a linear layer hold the same elements; writers mix them up.
        let same = same_but_trailing_ones(&tensor.shape, expected);
        let fits = same || first_words(name, tensor, expected).is_some();
        Some(if fits { expected.to_vec() } else { tensor.shape.clone() })
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let tensor = self.stored_as(name, shape)?;
        Ok(tensor.read(name, &self.files, shape).map_err(|problem| problem.at(self.file_of(&tensor)))?)
    }

    fn rows(&self, name: &str, shape: &[usize]) -> ops::Result<TensorRows<'_>> {
        let tensor = self.stored_as(name, shape)?;
        Ok(tensor.rows(name, &self.files, shape).map_err(|problem| problem.at(self.file_of(&tensor)))?)
    }

    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }
}

fn laid_over(part: ModelPart, file: &Path) -> Note {
    let file = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    match part {
        ModelPart::Vae => Note::File(FileNote::VaeLaidOver { file }),
        ModelPart::TextEncoder => Note::File(FileNote::TextEncoderLaidOver { file }),
    }
}

/// A text encoder's table with rows for words that were added to it, without those.
fn first_words(name: &str, tensor: &StoredTensor, shape: &[usize]) -> Option<StoredTensor> {
    if name.ends_with("token_embedding.weight") { tensor.first_rows(shape) } else { None }
}
