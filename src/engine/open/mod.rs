//! Opening a model: from the binary, a file or a folder to networks that are ready to run.
//!
//! Invariant: only whoever needs the file's hash waits for it ([`ModelHash`]).

mod build;
mod error;
mod fitting;
mod model_config;
mod open_model;
mod opening;
mod prediction;
mod suits;

use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::{Checkpoint, Overlays, model_name};
use crate::message::ModelSource;

use super::additions::Additions;
use super::companions::{Companions, read_bytes};
use super::fit::Fit;
use super::hash::{FindHash, ModelHash};

use build::build;
pub use error::OpenError;
use error::of_model;
pub use fitting::fit;
pub use model_config::{ModelConfig, find_config};
use open_model::Assembly;
pub use open_model::OpenModel;
pub use opening::Opening;

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
/// As [`open_model()`].
pub(super) fn looks_right(source: &ModelSource) -> Result<(), OpenError> {
    look_at(source).map(drop)
}

/// Opens `source`.
///
/// # Errors
/// One sentence: what was expected, what was found, what to do.
pub fn open_model(source: &ModelSource, opening: Opening<'_>) -> Result<OpenModel, OpenError> {
    match look_at(source)? {
        Some((checkpoint, config)) => open_checkpoint(source.clone(), checkpoint, config, opening),
        None => open_starter(&opening),
    }
}

/// The headers and the config of a file or folder; `None` for the starter, where both are known.
fn look_at(source: &ModelSource) -> Result<Option<(Checkpoint, ModelConfig)>, OpenError> {
    let ModelSource::Path { path, config, vae, text_encoder, prediction } = source else { return Ok(None) };
    let overlays = Overlays { vae: vae.clone(), text_encoder: text_encoder.clone() };
    let checkpoint = Checkpoint::open_with(path, &overlays)?;
    let config = find_config(&checkpoint, config.as_deref())?.predicting(*prediction);
    Ok(Some((checkpoint, config)))
}

#[cfg(not(feature = "starter"))]
fn open_starter(_: &Opening<'_>) -> Result<OpenModel, OpenError> {
    Err(OpenError::NoStarter)
}

#[cfg(feature = "starter")]
fn open_starter(opening: &Opening<'_>) -> Result<OpenModel, OpenError> {
    use super::model_name::STARTER;
    use crate::{config, starter};

    let config = config::parse_yaml(starter::CONFIG)?;
    let source = Arc::new(starter::weights()?);
    let stored = source.tensors().count();
    let (networks, weights, notes) = build(&config, source, opening, &|_| Ok(starter::TOKENIZER.to_vec()))
        .map_err(|error| OpenError::Model { file: STARTER.into(), error })?;
    let assembly = Assembly {
        source: ModelSource::Starter,
        name: STARTER.to_owned(),
        bytes: starter::WEIGHTS.len() as u64,
        networks,
        config,
        fit: Fit::new(stored, &weights.unused()),
        companions: Companions::of_texts(starter::SETTINGS, starter::CONCEPTS),
        hash: ModelHash::known(starter::hash()),
        additions: Additions::new(opening.folders.clone()),
        notes,
    };
    Ok(assembly.into())
}

/// Builds the model of a file or folder whose config is found.
fn open_checkpoint(
    source: ModelSource,
    checkpoint: Checkpoint,
    config: ModelConfig,
    opening: Opening<'_>,
) -> Result<OpenModel, OpenError> {
    let checkpoint = Arc::new(checkpoint);
    let ModelConfig { config, file, folder, mut notes, is_prediction_open } = config;
    let read = |name: &str| read_bytes(&folder, name);
    let of = |error| of_model(error, file.as_deref(), &checkpoint);
    let (mut networks, weights, rungs) = build(&config, checkpoint.clone(), &opening, &read).map_err(of)?;
    notes.extend(rungs);
    if is_prediction_open {
        notes.push(prediction::settle(&mut networks).map_err(|error| of(error.into()))?);
    }
    let mut companions = Companions::beside(&folder, &mut notes);
    let (name, bytes) = (model_name(checkpoint.path()), checkpoint.total_bytes());
    notes.extend(suits::fill_in(&mut companions.settings, &networks, &config, &name));
    let stored = checkpoint.tensors().count();
    let file = checkpoint.hashed_file().to_owned();
    // A picture without a model hash is still a picture.
    let find: FindHash = Box::new(move |go_on| checkpoint.sha256(go_on).ok());
    let hash = ModelHash::begin(&file, opening.cache, opening.busyness, find, opening.on_hash);
    let fit = Fit::new(stored, &weights.unused());
    let additions = Additions::new(opening.folders.clone());
    Ok(Assembly { source, name, bytes, networks, config, fit, companions, hash, additions, notes }.into())
}
