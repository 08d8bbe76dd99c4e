//! What can be wrong with a checkpoint, each in one sentence: what was expected, what was found,
//! what to do, and the path last.

use std::path::{Path, PathBuf};

use crate::told::Told;

/// A problem and the file or folder that has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", printable(problem), path.display())]
pub struct CheckpointError {
    /// The file or folder at fault.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Names in a sentence come from the file: they must not steer a terminal or fill it.
fn printable(problem: &Problem) -> String {
    const LONGEST: usize = 500;
    let sentence = problem.to_string();
    sentence.chars().take(LONGEST).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What is wrong, without the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing has this name.
    #[error("expected a model file or folder, found nothing of this name; check the spelling")]
    Missing,
    /// The system refused to read.
    #[error("the system does not let this be read ({0}); check its permissions and the drive")]
    Unreadable(String),
    /// A folder that diffusers did not write.
    #[error(
        "expected a diffusers folder, found no model_index.json in it; name the folder that holds \
         model_index.json, or a single model file"
    )]
    NoModelIndex,
    /// No bytes at all.
    #[error("expected a model, found an empty file; download it again")]
    Empty,
    /// Fewer (or more) bytes than the file itself announces.
    #[error("expected {expected} bytes, found {found}; the download is incomplete, get it again")]
    Truncated {
        /// Bytes that the header asks for.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A zip or pickle that ends before it says how long it should be.
    #[error("expected {expected}, found the end of the file after {found} bytes; get the file again")]
    CutOff {
        /// The part that is missing.
        expected: &'static str,
        /// Bytes that there are.
        found: u64,
    },
    /// git-lfs left its pointer in place of the file.
    #[error("expected a model, found a git-lfs pointer to one; run `git lfs pull` in its repository")]
    LfsPointer,
    /// A web page saved under the model's name.
    #[error("expected a model, found a web page; log in to the site and download the file itself")]
    WebPage,
    /// llama.cpp's format.
    #[error("expected safetensors or a torch checkpoint, found a GGUF file; get the model in one of those")]
    Gguf,
    /// A zip of something else.
    #[error(
        "expected a torch checkpoint, found a zip without a data.pkl in it; unpack it, or name another file"
    )]
    ForeignZip,
    /// Anything else.
    #[error(
        "expected safetensors, a torch checkpoint or a diffusers folder, found a file that begins \
         with {0}; name a model file"
    )]
    Foreign(String),
    /// The file contradicts itself.
    #[error("expected a sound {format} file, found {found}; get the file again")]
    Damaged {
        /// The format's name.
        format: &'static str,
        /// What does not fit.
        found: String,
    },
    /// A pickle that wants to call something.
    #[error(
        "expected weights only, found a file that asks to run `{0}`, which is refused; do not trust \
         it, and get the model from elsewhere, best as safetensors"
    )]
    AsksToRun(String),
    /// Written on a big-endian machine.
    #[error("expected little-endian numbers, found big-endian ones; save the model again as safetensors")]
    BigEndian,
    /// A model of another family.
    #[error("expected Stable Diffusion v1, found {0}; choose a v1 model")]
    OtherModel(String),
    /// A part of a diffusers folder is missing.
    #[error("expected {part} weights ({looked_for}), found none; get the whole folder")]
    MissingPart {
        /// The subfolder.
        part: &'static str,
        /// A file name that would serve.
        looked_for: &'static str,
    },
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
    /// No such tensor.
    #[error("expected a tensor called {0}, found none; the model file is not of the config's kind")]
    NoTensor(String),
    /// A tensor with another shape.
    #[error("expected {name} of shape {expected:?}, found {found:?}; the config is not this file's")]
    Shape {
        /// The tensor's name.
        name: String,
        /// The shape asked for.
        expected: Vec<usize>,
        /// The shape stored.
        found: Vec<usize>,
    },
    /// Numbers of a kind that the program does not read.
    #[error("expected {name} as F32, F16 or BF16, found {found}; get the model in one of those")]
    ElementType {
        /// The tensor's name.
        name: String,
        /// The stored type.
        found: &'static str,
    },
    /// The stop flag was raised.
    #[error("reading was stopped")]
    Stopped,
}

impl Told for CheckpointError {
    fn key(&self) -> &'static str {
        match &self.problem {
            Problem::Missing => "error-model-missing",
            Problem::Unreadable(_) => "error-unreadable",
            Problem::NoModelIndex => "error-no-model-index",
            Problem::Empty => "error-empty",
            Problem::Truncated { .. } | Problem::CutOff { .. } => "error-incomplete",
            Problem::LfsPointer => "error-lfs-pointer",
            Problem::WebPage => "error-web-page",
            Problem::Gguf => "error-gguf",
            Problem::ForeignZip => "error-foreign-zip",
            Problem::Foreign(_) => "error-foreign",
            Problem::Damaged { .. } => "error-damaged",
            Problem::AsksToRun(_) => "error-asks-to-run",
            Problem::BigEndian => "error-big-endian",
            Problem::OtherModel(_) => "error-other-model",
            Problem::MissingPart { .. } => "error-missing-part",
            Problem::NoWholeDecoder { .. } => "error-no-whole-decoder",
            Problem::Unsupported { .. } => "error-unsupported",
            Problem::NoTensor(_) | Problem::Shape { .. } => "error-wrong-kind",
            Problem::ElementType { .. } => "error-element-type",
            Problem::Stopped => "error-stopped",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let mut values = vec![("file", self.file_name())];
        values.extend(match &self.problem {
            Problem::AsksToRun(name) => Some(("name", name.clone())),
            Problem::OtherModel(found) => Some(("found", found.clone())),
            Problem::MissingPart { part, .. } => Some(("part", (*part).to_owned())),
            Problem::ElementType { found, .. } => Some(("found", (*found).to_owned())),
            _ => None,
        });
        values
    }
}

impl CheckpointError {
    /// The last part of the path.
    fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

impl Problem {
    /// Adds the path.
    pub(crate) fn at(self, path: &Path) -> CheckpointError {
        CheckpointError { path: path.to_path_buf(), problem: self }
    }

    /// A contradiction in a file of the named format.
    pub(crate) fn damaged(format: &'static str, found: impl Into<String>) -> Self {
        Self::Damaged { format, found: found.into() }
    }
}
