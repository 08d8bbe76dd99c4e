//! Opening a model: from the binary, a file or a folder to networks that are ready to run.
//!
//! Invariant: only whoever needs the file's hash waits for it ([`ModelHash`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::checkpoint::{self, Checkpoint, CheckpointError};
use crate::config::{self, ConfigError};
use crate::message::{
    Concept, ModelInfo, ModelSource, RngKind, STARTER, SamplerKind, Settings, TimestepSpacing,
};
use crate::model::{LatentDiffusion, ModelError, instantiate_from_config};
use crate::note::{FileNote, Note};
use crate::ops::{self, Device, Progress, Weights};
use crate::told::Told;

use super::hash::{Busyness, FindHash, ModelHash};

/// A companion file (settings, words, tokenizer) may not be longer.
const COMPANION_BYTES_MAX: u64 = 16 << 20;
/// The side of the pictures that Stable Diffusion v1 was trained on.
const V1_PIXELS: usize = 512;

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
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A build without the starter.
    #[error(
        "this build carries no starter model; name a model with --model, or build with `--features starter`"
    )]
    NoStarter,
    /// A file beside the model.
    #[error("{0}")]
    Companion(String),
}

impl Told for OpenError {
    fn key(&self) -> &'static str {
        match self {
            Self::Checkpoint(error) => error.key(),
            Self::Config(error) => error.key(),
            Self::Model(error) => error.key(),
            Self::NoStarter => "error-no-starter",
            Self::Companion(_) => "error-companion",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Checkpoint(error) => error.values(),
            Self::Config(error) => error.values(),
            Self::Model(error) => error.values(),
            Self::NoStarter | Self::Companion(_) => Vec::new(),
        }
    }
}

impl OpenError {
    /// Whether a stop flag ended it.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Model(ModelError::Ops(ops::Error::Stopped)))
            || matches!(self, Self::Checkpoint(CheckpointError { problem: checkpoint::Problem::Stopped, .. }))
    }
}

/// Whether a file or folder can be a model; looks at headers only.
///
/// # Errors
/// One sentence that says what it is instead.
pub fn is_model(path: &Path) -> Result<(), OpenError> {
    Ok(Checkpoint::open(path).map(drop)?)
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
    /// Says for people what that is.
    pub device_sentence: &'a str,
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
    pub fn on(device: &'a Device, device_sentence: &'a str) -> Self {
        Self {
            device,
            device_sentence,
            progress: None,
            cache: None,
            busyness: Busyness::default(),
            on_hash: Box::new(|_| {}),
        }
    }
}

/// Opens `source`.
///
/// # Errors
/// One sentence: what was expected, what was found, what to do.
pub fn open_model(source: &ModelSource, opening: Opening<'_>) -> Result<OpenModel, OpenError> {
    match source {
        ModelSource::Starter => open_starter(opening),
        ModelSource::Path { path, config } => open_path(path, config.as_deref(), opening),
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
    let networks = instantiate_from_config(&config, &weights, &|_| Ok(starter::TOKENIZER.to_vec()))?;
    let companions = Companions {
        settings: Some(parse_settings(starter::SETTINGS).map_err(OpenError::Companion)?),
        concepts: parse_concepts(starter::CONCEPTS),
    };
    let origin = Origin {
        source: ModelSource::Starter,
        name: STARTER.to_owned(),
        bytes: starter::WEIGHTS.len() as u64,
    };
    let built = Built { networks, config, unused: weights.unused(), notes: Vec::new() };
    let hash = ModelHash::known(starter::hash());
    Ok(assemble(built, origin, companions, opening.device_sentence, hash))
}

fn open_path(path: &Path, config_path: Option<&Path>, opening: Opening<'_>) -> Result<OpenModel, OpenError> {
    let checkpoint = Arc::new(Checkpoint::open(path)?);
    let (config, config_folder, notes) = find_config(&checkpoint, config_path)?;
    let weights = with_progress(Weights::new(checkpoint.clone(), opening.device.clone()), &opening);
    let read_tokenizer = |name: &str| {
        read_companion(&config_folder, name).and_then(|bytes| {
            bytes.ok_or_else(|| format!("expected {name} beside the config, found no such file"))
        })
    };
    let networks = instantiate_from_config(&config, &weights, &read_tokenizer)?;
    let companions = Companions {
        settings: read_text(&config_folder, "settings.json")
            .and_then(|text| text.as_deref().map(parse_settings).transpose())
            .map_err(OpenError::Companion)?,
        concepts: read_text(&config_folder, "concepts.txt")
            .map_err(OpenError::Companion)?
            .map_or_else(Vec::new, |text| parse_concepts(&text)),
    };
    let name =
        path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let origin = Origin {
        source: ModelSource::Path { path: path.to_owned(), config: config_path.map(Path::to_owned) },
        name,
        bytes: checkpoint.total_bytes(),
    };
    let built = Built { networks, config, unused: weights.unused(), notes };
    let file = checkpoint.hashed_file().to_owned();
    // A picture without a model hash is still a picture.
    let find: FindHash = Box::new(move |go_on| checkpoint.sha256_10(go_on).ok());
    let hash = ModelHash::begin(&file, opening.cache, opening.busyness, find, opening.on_hash);
    Ok(assemble(built, origin, companions, opening.device_sentence, hash))
}

fn with_progress(weights: Weights, opening: &Opening<'_>) -> Weights {
    match opening.progress.clone() {
        Some(progress) => weights.with_progress(progress),
        None => weights,
    }
}

/// The config: the one named, `STEM.yaml` or `config.yaml` beside a file, a diffusers folder's own,
/// or one guessed from the shapes.
///
/// # Errors
/// If none of these gives a config.
pub fn find_config(
    checkpoint: &Checkpoint,
    named: Option<&Path>,
) -> Result<(Value, PathBuf, Vec<Note>), OpenError> {
    let path = checkpoint.path();
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let beside =
        [path.with_extension("yaml"), folder.join("config.yaml")].into_iter().find(|path| path.is_file());
    if path.is_dir() && named.is_none() {
        let found = checkpoint::diffusers::diffusers_config(checkpoint)?;
        return Ok((found.config, path.to_owned(), [checkpoint.notes(), &found.notes].concat()));
    }
    if let Some(yaml) = named.map(Path::to_owned).or(beside) {
        let folder = yaml.parent().map_or_else(PathBuf::new, Path::to_owned);
        let config = config::read_yaml(&yaml)?;
        let mut notes = checkpoint.notes().to_vec();
        notes.extend(contradiction(checkpoint, &config));
        return Ok((config, folder, notes));
    }
    let found = checkpoint::guess_config(checkpoint)?;
    Ok((found.config, folder, [checkpoint.notes(), &found.notes].concat()))
}

/// A note if a file says that it predicts something else than its config does.
fn contradiction(checkpoint: &Checkpoint, config: &Value) -> Option<Note> {
    let told = checkpoint.told_prediction()?;
    let read = config.pointer("/model/params/parameterization").and_then(Value::as_str).unwrap_or("eps");
    (told != read).then(|| Note::File(FileNote::PredictionsDiffer { file: told.to_owned() }))
}

fn read_companion(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, String> {
    let path = folder.join(name);
    let Ok(metadata) = std::fs::metadata(&path) else { return Ok(None) };
    if metadata.len() > COMPANION_BYTES_MAX {
        return Err(format!("expected a small file, found {} bytes in {}", metadata.len(), path.display()));
    }
    std::fs::read(&path).map(Some).map_err(|error| format!("cannot read {} ({error})", path.display()))
}

fn read_text(folder: &Path, name: &str) -> Result<Option<String>, String> {
    let bytes = read_companion(folder, name)?;
    bytes
        .map(|bytes| {
            String::from_utf8(bytes).map_err(|_| format!("expected text in {name}, found other bytes"))
        })
        .transpose()
}

/// `settings.json` of a model: what suits it.
#[derive(Clone, Debug, Default, Deserialize)]
struct SuitingSettings {
    prompt: Option<String>,
    steps: Option<usize>,
    guidance: Option<f64>,
    eta: Option<f64>,
    width: Option<usize>,
    height: Option<usize>,
}

impl SuitingSettings {
    /// All settings, those of v1 where it says nothing. `pixels` is the side of the training's pictures.
    fn complete(self, pixels: usize) -> Settings {
        Settings {
            prompt: self.prompt.unwrap_or_default(),
            negative_prompt: String::new(),
            steps: self.steps.unwrap_or(25),
            guidance: self.guidance.unwrap_or(7.5),
            eta: self.eta.unwrap_or(0.0),
            seed: 0,
            width: self.width.unwrap_or(pixels),
            height: self.height.unwrap_or(pixels),
            sampler: SamplerKind::Ddim,
            timesteps: TimestepSpacing::Uniform,
            rng: RngKind::Cpu,
            temperature: 1.0,
        }
    }
}

/// What suits the starter; in a build without it, Stable Diffusion v1.
pub fn first_settings() -> Settings {
    #[cfg(feature = "starter")]
    if let Ok(suiting) = parse_settings(crate::starter::SETTINGS) {
        return suiting.complete(V1_PIXELS);
    }
    SuitingSettings::default().complete(V1_PIXELS)
}

fn parse_settings(text: &str) -> Result<SuitingSettings, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("settings.json beside the model cannot be read ({error}); mend or remove it")
    })
}

/// `label | name | name …` a line; the label comes first among the names where none is given.
fn parse_concepts(text: &str) -> Vec<Concept> {
    let names = |line: &str| {
        line.split('|').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    text.lines()
        .map(names)
        .filter(|names: &Vec<String>| !names.is_empty())
        .map(|names| Concept { names })
        .collect()
}

struct Companions {
    settings: Option<SuitingSettings>,
    concepts: Vec<Concept>,
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
    device_sentence: &str,
    hash: ModelHash,
) -> OpenModel {
    let Built { networks, config, unused, mut notes } = built;
    notes.extend(networks.config.notes.iter().cloned());
    let trained_side = networks.config.image_size * networks.config.first_stage_factor;
    let defaults = companions.settings.unwrap_or_default().complete(trained_side);
    let max_tokens = networks.tokenize("").map_or(0, |tokens| tokens.ids.len());
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
        device: device_sentence.split(" (").next().unwrap_or(device_sentence).to_owned(),
        notes,
    };
    OpenModel { networks, info, config, unused, hash }
}
