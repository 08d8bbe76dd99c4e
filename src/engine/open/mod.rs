//! Opening a model: from the binary, a file or a folder to networks that are ready to run.
//!
//! Invariant: only whoever needs the file's hash waits for it ([`ModelHash`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::checkpoint::{self, Checkpoint, CheckpointError, ModelPart, Overlays};
use crate::config::{self, ConfigError};
use crate::message::{DeviceInfo, ModelInfo, ModelSource};
use crate::model::{LatentDiffusion, ModelError, instantiate_from_config, is_config};
use crate::note::{FileNote, Note};
use crate::ops::{self, Device, Progress, Weights};
use crate::told::Told;

use super::companions::{Companions, read_bytes};
use super::hash::{Busyness, FindHash, ModelHash};
use super::model_name::model_name;

/// Why a model could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The file or folder.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The two together.
    #[error("{error}: {}", .file.display())]
    Model {
        /// The config where that is wrong, else the weights.
        file: PathBuf,
        /// What is wrong with it.
        error: ModelError,
    },
    /// A build without the starter.
    #[error(
        "this build carries no starter model; name a model with --model, or build with `--features starter`"
    )]
    NoStarter,
}

impl Told for OpenError {
    fn key(&self) -> &'static str {
        match self {
            Self::Checkpoint(error) => error.key(),
            Self::Config(error) => error.key(),
            Self::Model { error: ModelError::Config(_), .. } => "error-config-of-model",
            Self::Model { error: ModelError::Ops(ops::Error::Weights(_)), .. } => "error-weights-of-model",
            Self::Model { error, .. } => error.key(),
            Self::NoStarter => "error-no-starter",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Checkpoint(error) => error.values(),
            Self::Config(error) => error.values(),
            Self::Model { file, error } => {
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
                error.values().into_iter().chain([("file", name)]).collect()
            }
            Self::NoStarter => Vec::new(),
        }
    }
}

impl OpenError {
    /// Whether a stop flag ended it.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Model { error: ModelError::Ops(ops::Error::Stopped), .. })
            || matches!(self, Self::Checkpoint(CheckpointError { problem: checkpoint::Problem::Stopped, .. }))
    }

    /// The part that was found in place of a whole model, if it can be laid over one.
    pub fn part(&self) -> Option<ModelPart> {
        match self {
            Self::Checkpoint(error) => error.part(),
            _ => None,
        }
    }
}

/// Whether a file or folder can be a model; looks at headers only.
///
/// # Errors
/// One sentence that says what it is instead.
pub fn is_model(path: &Path) -> Result<(), OpenError> {
    Ok(Checkpoint::open(path)?.refuse_other_kinds()?)
}

/// Whether a source will open as far as headers and its config tell.
///
/// # Errors
/// As [`open_model`].
pub(super) fn looks_right(source: &ModelSource) -> Result<(), OpenError> {
    match source {
        ModelSource::Starter => Ok(()),
        ModelSource::Path { path, config, .. } => {
            let checkpoint = Checkpoint::open_with(path, &overlays(source))?;
            find_config(&checkpoint, config.as_deref()).map(drop)
        }
    }
}

/// The files that a source lays over its model.
fn overlays(source: &ModelSource) -> Overlays {
    match source {
        ModelSource::Starter => Overlays::default(),
        ModelSource::Path { vae, text_encoder, .. } => {
            Overlays { vae: vae.clone(), text_encoder: text_encoder.clone() }
        }
    }
}

/// A model that is open.
pub struct OpenModel {
    /// The networks.
    pub networks: LatentDiffusion,
    /// What people are told.
    pub info: ModelInfo,
    /// The config it was built from.
    pub config: Value,
    /// Tensors in the file that nothing asked for.
    pub unused: Vec<String>,
    /// The file's hash, once it is known.
    pub hash: ModelHash,
}

/// How a model is opened.
pub struct Opening<'a> {
    /// Where it computes.
    pub device: &'a Device,
    /// Called while weights are read.
    pub progress: Option<Progress>,
    /// A folder for what can be made again (hashes of files).
    pub cache: Option<&'a Path>,
    /// Keeps hashing at rest.
    pub busyness: Busyness,
    /// Called with the file's hash on the thread that found it, if it was not known before.
    pub on_hash: Box<dyn FnOnce(&str) + Send>,
}

impl<'a> Opening<'a> {
    /// On a device, without progress or a cache.
    pub fn on(device: &'a Device) -> Self {
        Self { device, progress: None, cache: None, busyness: Busyness::default(), on_hash: Box::new(|_| {}) }
    }
}

/// Opens `source`.
///
/// # Errors
/// One sentence: what was expected, what was found, what to do.
pub fn open_model(source: &ModelSource, opening: Opening<'_>) -> Result<OpenModel, OpenError> {
    match source {
        ModelSource::Starter => open_starter(opening),
        ModelSource::Path { path, config, .. } => open_path(source, path, config.as_deref(), opening),
    }
}

#[cfg(not(feature = "starter"))]
fn open_starter(_: Opening<'_>) -> Result<OpenModel, OpenError> {
    Err(OpenError::NoStarter)
}

#[cfg(feature = "starter")]
fn open_starter(opening: Opening<'_>) -> Result<OpenModel, OpenError> {
    use crate::starter;

    let source = Arc::new(starter::weights()?);
    let config = config::parse_yaml(starter::CONFIG)?;
    let weights = with_progress(Weights::new(source, opening.device.clone()), &opening);
    let networks = instantiate_from_config(&config, &weights, &|_| Ok(starter::TOKENIZER.to_vec()))
        .map_err(|error| OpenError::Model { file: super::model_name::STARTER.into(), error })?;
    let companions = Companions::of_texts(starter::SETTINGS, starter::CONCEPTS);
    let origin = Origin {
        source: ModelSource::Starter,
        name: super::model_name::STARTER.to_owned(),
        bytes: starter::WEIGHTS.len() as u64,
    };
    let built = Built { networks, config, unused: weights.unused(), notes: Vec::new() };
    let hash = ModelHash::known(starter::hash());
    Ok(assemble(built, origin, companions, opening.device, hash))
}

fn open_path(
    source: &ModelSource,
    path: &Path,
    config_path: Option<&Path>,
    opening: Opening<'_>,
) -> Result<OpenModel, OpenError> {
    let checkpoint = Arc::new(Checkpoint::open_with(path, &overlays(source))?);
    let ModelConfig { config, file, folder, mut notes } = find_config(&checkpoint, config_path)?;
    let weights = with_progress(Weights::new(checkpoint.clone(), opening.device.clone()), &opening);
    let networks = instantiate_from_config(&config, &weights, &|name| read_bytes(&folder, name))
        .map_err(|error| of_model(error, file.as_deref(), &checkpoint))?;
    let companions = Companions::beside(&folder, &mut notes);
    let origin = Origin {
        source: source.clone(),
        name: model_name(checkpoint.path()),
        bytes: checkpoint.total_bytes(),
    };
    let built = Built { networks, config, unused: weights.unused(), notes };
    let file = checkpoint.hashed_file().to_owned();
    // A picture without a model hash is still a picture.
    let find: FindHash = Box::new(move |go_on| checkpoint.sha256_10(go_on).ok());
    let hash = ModelHash::begin(&file, opening.cache, opening.busyness, find, opening.on_hash);
    Ok(assemble(built, origin, companions, opening.device, hash))
}

fn with_progress(weights: Weights, opening: &Opening<'_>) -> Weights {
    match opening.progress.clone() {
        Some(progress) => weights.with_progress(progress),
        None => weights,
    }
}

/// An error with the file that it is about: the config's, or the weights'.
pub fn of_model(error: ModelError, config_file: Option<&Path>, checkpoint: &Checkpoint) -> OpenError {
    let of_config = config_file.filter(|_| matches!(error, ModelError::Config(_)));
    OpenError::Model { file: of_config.unwrap_or(checkpoint.path()).to_owned(), error }
}

/// A model's config, and where it comes from.
#[derive(Debug)]
pub struct ModelConfig {
    /// The config.
    pub config: Value,
    /// Its YAML file, if it has one.
    pub file: Option<PathBuf>,
    /// The folder that its companions lie in.
    pub folder: PathBuf,
    /// What is odd about the model's files, or had to be assumed.
    pub notes: Vec<Note>,
}

/// The config: the one named, `NAME.yaml` or `config.yaml` beside a file, a diffusers folder's own,
/// or one guessed from the shapes. A `config.yaml` of another form is left aside with a note.
///
/// # Errors
/// If the checkpoint is no model of v1 or lacks a part, or none of these gives a config.
pub fn find_config(checkpoint: &Checkpoint, named: Option<&Path>) -> Result<ModelConfig, OpenError> {
    let path = checkpoint.path();
    let mut notes = checkpoint.notes().to_vec();
    let is_folder = path.is_dir();
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let own = folder.join(format!("{}.yaml", model_name(path)));
    let yaml = match named.or((!is_folder && own.is_file()).then_some(&own)) {
        Some(file) => Some((config::read_yaml(file)?, file.to_owned())),
        None if is_folder => None,
        None => config_beside(&folder, &mut notes),
    };
    checkpoint.refuse_other_kinds()?;
    if let Some((config, file)) = yaml {
        notes.extend(contradiction(checkpoint, &config));
        checkpoint.refuse_gaps(parts_of(&config))?;
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        return Ok(ModelConfig { config, file: Some(file), folder, notes });
    }
    let (found, folder) = if is_folder {
        (checkpoint::diffusers::diffusers_config(checkpoint)?, path.to_owned())
    } else {
        (checkpoint::guess_config(checkpoint)?, folder)
    };
    notes.extend(found.notes);
    Ok(ModelConfig { config: found.config, file: None, folder, notes })
}

/// A note if a file says that it predicts something else than its config does.
fn contradiction(checkpoint: &Checkpoint, config: &Value) -> Option<Note> {
    let told = checkpoint.told_prediction()?;
    let read = config.pointer("/model/params/parameterization").and_then(Value::as_str).unwrap_or("eps");
    (told != read).then(|| Note::File(FileNote::PredictionsDiffer { file: told.to_owned() }))
}

/// `config.yaml` beside a file, if it is of our form.
fn config_beside(folder: &Path, notes: &mut Vec<Note>) -> Option<(Value, PathBuf)> {
    const NAME: &str = "config.yaml";
    let file = folder.join(NAME);
    if !file.is_file() {
        return None;
    }
    let config = config::read_yaml(&file).ok().filter(is_config);
    if config.is_none() {
        notes.push(Note::File(FileNote::CompanionLeftAside { file: NAME.to_owned() }));
    }
    config.map(|config| (config, file))
}

/// The parts that a config asks for and that may lie in files of their own.
fn parts_of(config: &Value) -> &'static [ModelPart] {
    let target = config.pointer("/model/params/cond_stage_config/target").and_then(Value::as_str);
    let takes_words = target.is_some_and(|target| target.ends_with("CLIPEmbedder"));
    match (is_config(config), takes_words) {
        (false, _) => &[],
        (true, false) => &[ModelPart::Vae],
        (true, true) => &ModelPart::ALL,
    }
}

struct Origin {
    source: ModelSource,
    name: String,
    bytes: u64,
}

struct Built {
    networks: LatentDiffusion,
    config: Value,
    unused: Vec<String>,
    notes: Vec<Note>,
}

fn assemble(
    built: Built,
    origin: Origin,
    companions: Companions,
    device: &Device,
    hash: ModelHash,
) -> OpenModel {
    let Built { networks, config, unused, mut notes } = built;
    notes.extend(networks.config.notes.iter().cloned());
    let trained_side = networks.config.image_size * networks.config.first_stage_factor;
    let defaults = companions.settings.complete(trained_side, networks.size_multiple());
    let max_tokens = networks.tokenize("").map_or(0, |tokens| tokens.ids.len());
    let device = DeviceInfo { name: device.name(), threads: device.threads(), dtype: device.dtype().name() };
    let info = ModelInfo {
        source: origin.source,
        name: origin.name,
        hash: hash.if_ready(),
        bytes: origin.bytes,
        defaults,
        size_multiple: networks.size_multiple(),
        trained_side,
        concepts: companions.concepts,
        max_tokens,
        timesteps: networks.config.schedule.timesteps(),
        device,
        notes,
    };
    OpenModel { networks, info, config, unused, hash }
}
