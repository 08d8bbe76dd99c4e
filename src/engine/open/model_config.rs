//! `ModelConfig`: a model's config and where it comes from: a file that is named or lies beside the
//! weights, a diffusers folder's own, or a guess from the shapes.
//!
//! Trap: a YAML file belongs to its folder, so companions lie beside the config and not beside the
//! weights.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::OpenError;
use crate::checkpoint::{self, Checkpoint, ModelPart, model_name};
use crate::config;
use crate::model::is_config;
use crate::note::{FileNote, Note};
use crate::sampler::Parameterization;

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
    /// Nothing tells what the network predicts, but a call of it can.
    pub is_prediction_open: bool,
}

impl ModelConfig {
    /// The same for a network that is said to predict this.
    #[must_use]
    pub fn predicting(mut self, prediction: Option<Parameterization>) -> Self {
        let Some(prediction) = prediction else { return self };
        if let Some(params) = self.config.pointer_mut("/model/params").and_then(Value::as_object_mut) {
            params.insert("parameterization".to_owned(), prediction.name().into());
            if self.is_prediction_open
                && let Some(side) = params.get("image_size").and_then(Value::as_u64)
            {
                let side = checkpoint::side_of_v2(prediction == Parameterization::V, side as usize);
                params.insert("image_size".to_owned(), side.into());
            }
        }
        self.is_prediction_open = false;
        // What was assumed of it is not so any more.
        self.notes.retain(|note| {
            let assumed = [FileNote::VAssumed, FileNote::VTold].map(Note::File);
            let unknown = matches!(note, Note::EpsAssumed | Note::File(FileNote::PredictionUnknown { .. }));
            let differs = matches!(note, Note::File(FileNote::PredictionsDiffer { .. }));
            !(unknown || differs || assumed.contains(note))
        });
        self
    }
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
    if let Some((mut config, file)) = yaml {
        notes.extend(contradiction(checkpoint, &config));
        checkpoint.refuse_gaps(parts_of(&config))?;
        suit_first_stage(checkpoint, &mut config, &mut notes)?;
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        return Ok(ModelConfig { config, file: Some(file), folder, notes, is_prediction_open: false });
    }
    let (found, folder) = if is_folder {
        (checkpoint::diffusers::diffusers_config(checkpoint)?, path.to_owned())
    } else {
        (checkpoint::guess_config(checkpoint)?, folder)
    };
    notes.extend(found.notes);
    let (mut config, is_prediction_open) = (found.config, found.is_prediction_open);
    suit_first_stage(checkpoint, &mut config, &mut notes)?;
    Ok(ModelConfig { config, file: None, folder, notes, is_prediction_open })
}

/// Brings a config to a first stage of another sort that is laid over the model's own: a tiny decoder over a whole
/// autoencoder, or the other way round.
fn suit_first_stage(
    checkpoint: &Checkpoint,
    config: &mut Value,
    notes: &mut Vec<Note>,
) -> Result<(), OpenError> {
    let target = config.pointer("/model/params/first_stage_config/target").and_then(Value::as_str);
    let is_tiny = target.is_some_and(|target| target.ends_with("AutoencoderTiny"));
    let found = checkpoint::first_stage_laid_over(checkpoint, is_tiny, notes)?;
    let params = config.pointer_mut("/model/params").and_then(Value::as_object_mut);
    if let (Some((first_stage, scale)), Some(params)) = (found, params) {
        params.insert("first_stage_config".to_owned(), first_stage);
        params.insert("scale_factor".to_owned(), scale.into());
        params.remove("scale_by_std");
    }
    Ok(())
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
