//! What can be wrong with a checkpoint, each in one sentence: what was expected, what was found,
//! what to do, and the path last.

use std::path::{Path, PathBuf};

use crate::ops;
use crate::ops::cpu::OutOfMemory;
use crate::told::Told;

use super::formats::file_kind::FileKind;
use super::kind::Kind;
use super::part::ModelPart;

/// A problem, and the file or folder at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", printable(problem), path.display())]
pub struct CheckpointError {
    /// The file or folder at fault.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Names in a sentence come from the file: they must neither control a terminal nor flood it.
fn printable(problem: &Problem) -> String {
    const LONGEST: usize = 500;
    let sentence = problem.to_string();
    sentence.chars().take(LONGEST).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What is wrong, without the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing has this name.
    #[error("expected a model file or folder, found nothing of this name; check the path")]
    Missing,
    /// The system refused to read.
    #[error("the system refuses to read this ({0}); check its permissions and the drive")]
    Unreadable(String),
    /// The file has another length or another time of change than when it was opened.
    #[error("the model file has changed since it was opened; open it again")]
    Changed,
    /// The system gave no memory for what is read.
    #[error("{0}; close other programs, or choose a smaller model")]
    OutOfMemory(OutOfMemory),
    /// A folder without a model.
    #[error(
        "expected a folder with a model, found none in it; name the folder that holds model_index.json, or a \
         single model file"
    )]
    NoModelInFolder,
    /// A folder with more than one model.
    #[error("expected one model, found several in this folder; name one of them ({})", .0.join(", "))]
    SeveralModels(
        /// Some of their names.
        Vec<String>,
    ),
    /// A part of a diffusers folder.
    #[error(
        "expected a whole model, found the {part} of a diffusers folder; name that folder, {}", .folder.display()
    )]
    PartOfFolder {
        /// The subfolder's name.
        part: String,
        /// The diffusers folder around it.
        folder: PathBuf,
    },
    /// No bytes at all.
    #[error("expected a model, found an empty file; download it again")]
    Empty,
    /// Fewer (or more) bytes than the file itself announces.
    #[error("expected {expected} bytes, found {found}; the file is incomplete, download it again")]
    Truncated {
        /// Bytes that the header asks for.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A zip or pickle that ends before it says how long it should be.
    #[error("expected {expected}, found the end of the file after {found} bytes; download the file again")]
    CutOff {
        /// The part that is missing.
        expected: &'static str,
        /// Bytes that there are.
        found: u64,
    },
    /// git-lfs left its pointer in place of the file.
    #[error("expected a model, found a git-lfs pointer to one; run `git lfs pull` in its repository")]
    LfsPointer,
    /// A file that holds no tensors, or in a format that is not read.
    #[error("expected a model, {0}")]
    OtherFile(FileKind),
    /// A zip of something else.
    #[error(
        "expected a torch checkpoint, found a zip without a data.pkl in it; unpack it, or name another file"
    )]
    ForeignZip,
    /// A file in no format that is known.
    #[error(
        "expected safetensors, GGUF, a torch checkpoint or a diffusers folder, found a file that begins \
         with {0}; name a model file"
    )]
    Foreign(String),
    /// The file contradicts itself.
    #[error("expected a sound {format} file, found {found}; download it again")]
    Damaged {
        /// The format's name.
        format: &'static str,
        /// What does not fit.
        found: String,
    },
    /// A pickle that asks to call something.
    #[error(
        "expected weights only, found a file that asks to run `{0}`, which is refused; do not trust \
         it, and get the model from elsewhere, ideally as safetensors"
    )]
    AsksToRun(String),
    /// Written on a big-endian machine.
    #[error("expected little-endian numbers, found big-endian ones; save the model again as safetensors")]
    BigEndian,
    /// Something other than a model of Stable Diffusion v1 or v2.
    #[error("expected a model of Stable Diffusion v1 or v2, {0}")]
    OtherKind(Kind),
    /// A diffusers folder of another family.
    #[error(
        "expected a model of Stable Diffusion v1 or v2, found a diffusers {0:?}; choose a v1 or v2 model"
    )]
    OtherPipeline(
        /// `_class_name` in model_index.json.
        String,
    ),
    /// Shapes of another family.
    #[error("expected a model of Stable Diffusion v1 or v2, found {0}; choose a v1 or v2 model")]
    OtherModel(String),
    /// No name that is known.
    #[error(
        "expected a model of Stable Diffusion v1 or v2, found {tensors} tensors of another kind (the first is called \
         {first}); choose a v1 or v2 model"
    )]
    Unknown {
        /// How many there are.
        tensors: usize,
        /// The first one's name.
        first: String,
    },
    /// A model without its VAE, its text encoder, or both.
    #[error("expected a whole model, found no {} in it; give {}", names(.0), options(.0))]
    Lacks(
        /// The parts that it lacks.
        Vec<ModelPart>,
    ),
    /// A file given for one part of a model that holds something else.
    #[error("expected {}, {}", .part.with_article(), found_instead(*.part, *.found))]
    NotThePart {
        /// The part that the file was to hold.
        part: ModelPart,
        /// What it is, where that is known.
        found: Option<Kind>,
    },
    /// A VAE or text encoder of another family.
    #[error(
        "expected {} of {expected} channels, as the model's UNet takes them, found {found}; choose another",
        .part.with_article()
    )]
    PartWidth {
        /// The part that does not fit.
        part: ModelPart,
        /// What the UNet takes.
        expected: usize,
        /// What the file has.
        found: usize,
    },
    /// A part of a diffusers folder is missing.
    #[error(
        "expected {part} weights ({looked_for}), found none; download the whole folder{}",
        or_lay_over(part)
    )]
    MissingPart {
        /// The part's subfolder.
        part: &'static str,
        /// A file name that would serve.
        looked_for: &'static str,
    },
    /// A file of a diffusers folder is missing.
    #[error("expected {0} in the diffusers folder, found no such file; get the whole folder")]
    MissingFile(
        /// Its path within the folder.
        String,
    ),
    /// A first stage whose decoder lacks a tensor.
    #[error("expected a whole VAE, found no whole decoder in it (no {missing}); use a whole model or VAE")]
    NoWholeDecoder {
        /// The first name that is missing.
        missing: String,
    },
    /// A setting that has no place in the config.
    #[error("expected {expected}, found {found}; choose another model, or give a config with --config")]
    Unsupported {
        /// What can be used.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// The config needs a tensor that the file lacks.
    #[error(
        "expected a tensor called {0}, found none; get the whole file, or give the config that belongs to it"
    )]
    NoTensor(String),
    /// A tensor with another shape.
    #[error(
        "expected {name} of shape {expected:?}, found {found:?}; give the config that belongs to this file, or get \
         the file again"
    )]
    Shape {
        /// The tensor's name.
        name: String,
        /// The shape that the config needs.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// Elements of a type that the program does not read.
    #[error("expected {name} as F32, F16 or BF16, found {found}; get the model in one of those types")]
    ElementType {
        /// The tensor's name.
        name: String,
        /// The type in the file.
        found: &'static str,
    },
    /// A file that was given as a LoRA and is none.
    #[error("expected a LoRA for v1 or v2 models, {}; choose another file", found_kind(*.0))]
    NoLora(
        /// What it is, if it is known.
        Option<Kind>,
    ),
    /// A file that was given as an embedding and is none.
    #[error("expected an embedding (textual inversion), {}; choose another file", found_kind(*.0))]
    NoEmbedding(
        /// What it is, if it is known.
        Option<Kind>,
    ),
    /// A file that was given as an upscaler and is none of the kind that is known.
    #[error("expected an upscaler of the ESRGAN family (RRDBNet or SRVGGNetCompact), {}; choose another file", found_kind(*.0))]
    NoUpscaler(
        /// What it is, if it is known.
        Option<Kind>,
    ),
    /// The stop flag was raised.
    #[error("reading was stopped")]
    Stopped,
}

impl From<OutOfMemory> for Problem {
    fn from(refused: OutOfMemory) -> Self {
        Self::OutOfMemory(refused)
    }
}

/// The same as an error of the operations, for a problem while a network is being built.
impl From<CheckpointError> for ops::Error {
    fn from(error: CheckpointError) -> Self {
        match error.problem {
            Problem::Changed => Self::FileChanged { path: error.path },
            Problem::Unreadable(cause) => Self::Unreadable { path: error.path, cause },
            Problem::OutOfMemory(refused) => refused.into(),
            Problem::Stopped => Self::Stopped,
            _ => Self::Weights(error.to_string()),
        }
    }
}

impl Told for CheckpointError {
    fn key(&self) -> &'static str {
        match &self.problem {
            Problem::Missing => "error-model-missing",
            Problem::Unreadable(_) => "error-unreadable",
            Problem::Changed => "error-file-changed",
            Problem::OutOfMemory(_) => "error-out-of-memory",
            Problem::NoModelInFolder => "error-no-model-in-folder",
            Problem::SeveralModels(_) => "error-several-models",
            Problem::PartOfFolder { .. } => "error-part-of-folder",
            Problem::Empty => "error-empty",
            Problem::Truncated { .. } | Problem::CutOff { .. } => "error-incomplete",
            Problem::LfsPointer => "error-lfs-pointer",
            Problem::OtherFile(kind) => kind.key(),
            Problem::ForeignZip => "error-foreign-zip",
            Problem::Foreign(_) => "error-foreign",
            Problem::Damaged { .. } => "error-damaged",
            Problem::AsksToRun(_) => "error-asks-to-run",
            Problem::BigEndian => "error-big-endian",
            Problem::OtherKind(kind) => kind.key(),
            Problem::OtherPipeline(_) => "error-other-family",
            Problem::OtherModel(_) => "error-other-model",
            Problem::Unknown { .. } => "error-foreign",
            Problem::Lacks(parts) => match parts.as_slice() {
                [ModelPart::Vae] => "error-lacks-vae",
                [ModelPart::TextEncoder] => "error-lacks-text-encoder",
                _ => "error-lacks-both",
            },
            Problem::NotThePart { part: ModelPart::Vae, .. } => "error-not-a-vae",
            Problem::NotThePart { part: ModelPart::TextEncoder, .. } => "error-not-a-text-encoder",
            Problem::PartWidth { .. } => "error-part-width",
            Problem::MissingFile(_) => "error-missing-file",
            Problem::MissingPart { .. } => "error-missing-part",
            Problem::NoWholeDecoder { .. } => "error-no-whole-decoder",
            Problem::Unsupported { .. } => "error-unsupported",
            Problem::NoTensor(_) | Problem::Shape { .. } => "error-wrong-kind",
            Problem::ElementType { .. } => "error-element-type",
            Problem::NoLora(_) => "error-not-a-lora",
            Problem::NoEmbedding(_) => "error-not-an-embedding",
            Problem::NoUpscaler(_) => "error-not-an-upscaler",
            Problem::Stopped => "error-stopped",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let mut values = vec![("file", last_part(&self.path))];
        values.extend(match &self.problem {
            Problem::AsksToRun(name) => Some(("name", name.clone())),
            Problem::OtherModel(found) => Some(("found", found.clone())),
            Problem::OtherPipeline(name) => Some(("name", name.clone())),
            Problem::OtherKind(kind) => kind.name().map(|name| ("name", name.to_owned())),
            Problem::OtherFile(kind) => kind.name().map(|name| ("name", name.to_owned())),
            Problem::SeveralModels(names) => Some(("names", names.join(", "))),
            Problem::PartOfFolder { folder, .. } => Some(("folder", last_part(folder))),
            Problem::MissingFile(name) => Some(("name", name.clone())),
            Problem::MissingPart { part, .. } => Some(("part", (*part).to_owned())),
            Problem::ElementType { found, .. } => Some(("found", (*found).to_owned())),
            _ => None,
        });
        values
    }
}

impl CheckpointError {
    /// Whether TAESD, which makes previews, was found where a whole model was expected.
    pub fn is_tiny_decoder(&self) -> bool {
        matches!(self.problem, Problem::OtherKind(Kind::TinyFirstStage))
    }

    /// The part of a model that was found where a whole model was expected, if it can be laid over one.
    pub fn part(&self) -> Option<ModelPart> {
        match &self.problem {
            Problem::OtherKind(Kind::FirstStage) => Some(ModelPart::Vae),
            Problem::OtherKind(Kind::TextEncoder) => Some(ModelPart::TextEncoder),
            Problem::PartOfFolder { part, .. } => ModelPart::of_folder(part),
            _ => None,
        }
    }
}

fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn names(parts: &[ModelPart]) -> String {
    parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(" and no ")
}

fn options(parts: &[ModelPart]) -> String {
    let one = |part: &ModelPart| format!("{} with {} FILE", part.with_article(), part.option());
    parts.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn or_lay_over(part: &str) -> String {
    ModelPart::of_folder(part).map_or_else(String::new, |part| format!(", or give {}", options(&[part])))
}

/// What the file holds in place of `part`.
fn found_instead(part: ModelPart, found: Option<Kind>) -> String {
    format!("{}; choose another for {}", found_kind(found), part.option())
}

/// What a file holds in place of what it should.
fn found_kind(found: Option<Kind>) -> String {
    let Some(kind) = found else { return "found neither it nor anything else that is known".to_owned() };
    let told = kind.to_string();
    told.split([';', ',']).next().unwrap_or_default().to_owned()
}

impl Problem {
    /// This problem, of the file or folder at `path`.
    pub(crate) fn at(self, path: &Path) -> CheckpointError {
        CheckpointError { path: path.to_path_buf(), problem: self }
    }

    /// A contradiction in a file of the named format.
    pub(crate) fn damaged(format: &'static str, found: impl Into<String>) -> Self {
        Self::Damaged { format, found: found.into() }
    }
}
