//! Opening a model: from the binary, a file or a folder to networks that are ready to run.
//!
//! Invariant: hashing the file (seconds for a full-size one) runs beside everything else; only
//! whoever needs the hash waits for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use serde::Deserialize;
use serde_json::Value;

use crate::checkpoint::{self, Checkpoint, CheckpointError};
use crate::config::{self, ConfigError};
use crate::message::{Concept, ModelInfo, ModelSource, RngKind, SamplerKind, Settings, TimestepSpacing};
use crate::model::{LatentDiffusion, ModelError, instantiate_from_config};
use crate::ops::{self, Device, Progress, StopFlag, Weights};

/// A companion file (settings, words, tokenizer) may not be longer.
const COMPANION_BYTES_MAX: u64 = 16 << 20;

/// Why a model could not be opened.
#[derive(Debug, thiserror::Error)]
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
    /// A file beside them, or a build without the starter.
    #[error("{0}")]
    Other(String),
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
    hash: Mutex<Option<JoinHandle<String>>>,
    hashed: OnceLock<String>,
}

impl OpenModel {
    /// The hash, if it is there by now.
    pub fn hash_if_ready(&self) -> Option<&str> {
        let running = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = running.as_ref().is_none_or(JoinHandle::is_finished);
        drop(running);
        ready.then(|| self.hash()).filter(|hash| !hash.is_empty())
    }

    /// The first ten hex digits of the file's SHA-256; waits for them if need be.
    pub fn hash(&self) -> &str {
        self.hashed.get_or_init(|| {
            let running = self.hash.lock().unwrap_or_else(PoisonError::into_inner).take();
            running.and_then(|thread| thread.join().ok()).unwrap_or_default()
        })
    }
}

/// Opens `source` for `device`; `device_sentence` says for people what was taken.
///
/// # Errors
/// One sentence: what was expected, what was found, what to do.
pub fn open_model(
    source: &ModelSource,
    device: &Device,
    device_sentence: &str,
    progress: Option<Progress>,
) -> Result<OpenModel, OpenError> {
    match source {
        ModelSource::Starter => open_starter(device, device_sentence, progress),
        ModelSource::Path { path, config } => {
            open_path(path, config.as_deref(), device, device_sentence, progress)
        }
    }
}

#[cfg(not(feature = "starter"))]
fn open_starter(_: &Device, _: &str, _: Option<Progress>) -> Result<OpenModel, OpenError> {
    Err(OpenError::Other(
        "this build carries no starter model; name a model with --model, or build with `--features starter`"
            .to_owned(),
    ))
}

#[cfg(feature = "starter")]
fn open_starter(
    device: &Device,
    device_sentence: &str,
    progress: Option<Progress>,
) -> Result<OpenModel, OpenError> {
    use crate::starter;

    let source = Arc::new(starter::weights()?);
    let config = config::parse_yaml(starter::CONFIG)?;
    let weights = with_progress(Weights::new(source, device.clone()), progress);
    let networks = instantiate_from_config(&config, &weights, &|_| Ok(starter::TOKENIZER.to_vec()))?;
    let hash = spawn_hash(|| {
        use sha2::Digest as _;
        hex(&sha2::Sha256::digest(starter::WEIGHTS))
    });
    let companions = Companions {
        settings: Some(parse_settings(starter::SETTINGS).map_err(OpenError::Other)?),
        concepts: parse_concepts(starter::CONCEPTS),
    };
    let origin = Origin {
        source: ModelSource::Starter,
        name: "Starter".to_owned(),
        bytes: starter::WEIGHTS.len() as u64,
    };
    Ok(assemble(networks, config, &weights, origin, companions, Vec::new(), device_sentence, hash))
}

fn open_path(
    path: &Path,
    config_path: Option<&Path>,
    device: &Device,
    device_sentence: &str,
    progress: Option<Progress>,
) -> Result<OpenModel, OpenError> {
    let stop = device.stop_flag().clone();
    let checkpoint = Arc::new(Checkpoint::open(path)?);
    let (config, config_folder, notes) = find_config(&checkpoint, config_path)?;
    let weights = with_progress(Weights::new(checkpoint.clone(), device.clone()), progress);
    let read_tokenizer = |name: &str| {
        read_companion(&config_folder, name).and_then(|bytes| {
            bytes.ok_or_else(|| format!("expected {name} beside the config, found no such file"))
        })
    };
    let networks = instantiate_from_config(&config, &weights, &read_tokenizer)?;
    let companions = Companions {
        settings: read_text(&config_folder, "settings.json")
            .and_then(|text| text.as_deref().map(parse_settings).transpose())
            .map_err(OpenError::Other)?,
        concepts: read_text(&config_folder, "concepts.txt")
            .map_err(OpenError::Other)?
            .map_or_else(Vec::new, |text| parse_concepts(&text)),
    };
    let name =
        path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let origin = Origin {
        source: ModelSource::Path { path: path.to_owned(), config: config_path.map(Path::to_owned) },
        name,
        bytes: checkpoint.total_bytes(),
    };
    let hash = spawn_hash(move || hash_of(&checkpoint, &stop));
    Ok(assemble(networks, config, &weights, origin, companions, notes, device_sentence, hash))
}

/// The hash, or nothing if it was stopped: a picture without a model hash is still a picture.
fn hash_of(checkpoint: &Checkpoint, stop: &StopFlag) -> String {
    checkpoint.sha256_10(stop).unwrap_or_default()
}

#[cfg(feature = "starter")]
fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

fn spawn_hash(work: impl FnOnce() -> String + Send + 'static) -> Option<JoinHandle<String>> {
    std::thread::Builder::new().name("model hash".to_owned()).spawn(work).ok()
}

fn with_progress(weights: Weights, progress: Option<Progress>) -> Weights {
    match progress {
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
) -> Result<(Value, PathBuf, Vec<String>), OpenError> {
    let path = checkpoint.path();
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let beside =
        [path.with_extension("yaml"), folder.join("config.yaml")].into_iter().find(|path| path.is_file());
    if path.is_dir() && named.is_none() {
        let found = checkpoint::diffusers::diffusers_config(checkpoint)?;
        return Ok((found.config, path.to_owned(), found.notes));
    }
    if let Some(yaml) = named.map(Path::to_owned).or(beside) {
        let folder = yaml.parent().map_or_else(PathBuf::new, Path::to_owned);
        return Ok((config::read_yaml(&yaml)?, folder, Vec::new()));
    }
    let found = checkpoint::guess_config(checkpoint)?;
    Ok((found.config, folder, found.notes))
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

#[expect(clippy::too_many_arguments, reason = "the last step of two openings, called from nowhere else")]
fn assemble(
    networks: LatentDiffusion,
    config: Value,
    weights: &Weights,
    origin: Origin,
    companions: Companions,
    mut notes: Vec<String>,
    device_sentence: &str,
    hash: Option<JoinHandle<String>>,
) -> OpenModel {
    notes.extend(networks.config.notes.iter().cloned());
    let suiting = companions.settings.unwrap_or_default();
    let pixels = networks.config.image_size * networks.config.first_stage_factor;
    let defaults = Settings {
        prompt: suiting.prompt.unwrap_or_default(),
        negative_prompt: String::new(),
        steps: suiting.steps.unwrap_or(25),
        guidance: suiting.guidance.unwrap_or(7.5),
        eta: suiting.eta.unwrap_or(0.0),
        seed: 0,
        width: suiting.width.unwrap_or(pixels),
        height: suiting.height.unwrap_or(pixels),
        sampler: SamplerKind::Ddim,
        timesteps: TimestepSpacing::Uniform,
        rng: RngKind::Cpu,
        temperature: 1.0,
    };
    let max_tokens = networks.tokenize("").map_or(0, |tokens| tokens.ids.len());
    let info = ModelInfo {
        source: origin.source,
        name: origin.name,
        hash: String::new(),
        bytes: origin.bytes,
        defaults,
        size_multiple: networks.size_multiple(),
        concepts: companions.concepts,
        max_tokens,
        timesteps: networks.config.schedule.timesteps(),
        device: device_sentence.split(" (").next().unwrap_or(device_sentence).to_owned(),
        notes,
    };
    let unused = weights.unused();
    OpenModel { networks, info, config, unused, hash: Mutex::new(hash), hashed: OnceLock::new() }
}
