//! `Subject`: the model that is measured, and how to load it again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::checkpoint::{Checkpoint, Overlays};
use crate::config;
use crate::engine::find_config;
use crate::model::synthetic::Synthetic;
use crate::model::{LatentDiffusion, ModelError, instantiate_from_config};
use crate::ops::host::TensorSource;
use crate::ops::{self, Device, Weights};
use crate::sampler::Parameterization;

/// The config of Stable Diffusion v1.
static V1_INFERENCE: &str = include_str!("../../assets/config/v1-inference.yaml");

/// Why there is nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The file, its config or this build.
    #[error("{0}")]
    Input(String),
    /// The config and the weights together.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<ops::Error> for SubjectError {
    fn from(error: ops::Error) -> Self {
        Self::Model(error.into())
    }
}

/// A model of drawn weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synthesis {
    /// Of Stable Diffusion v1's config.
    Sd15,
    /// Of the starter's config.
    Starter,
}

/// Where a subject's weights come from.
enum Origin {
    File { path: PathBuf, config: Option<PathBuf>, prediction: Option<Parameterization>, overlays: Overlays },
    Drawn { config: Value, tokenizer: Option<&'static [u8]> },
}

/// What is measured.
pub struct Subject {
    origin: Origin,
}

impl Subject {
    /// A model file or folder, and what overrules its own config or prediction.
    pub fn file(
        path: &Path,
        config: Option<&Path>,
        prediction: Option<Parameterization>,
        overlays: Overlays,
    ) -> Self {
        let (path, config) = (path.to_owned(), config.map(Path::to_owned));
        Self { origin: Origin::File { path, config, prediction, overlays } }
    }

    /// Weights drawn from their names.
    ///
    /// # Errors
    /// If this build does not carry the config.
    pub fn drawn(synthesis: Synthesis) -> Result<Self, SubjectError> {
        let (config, tokenizer) = match synthesis {
            Synthesis::Sd15 => (V1_INFERENCE, None),
            Synthesis::Starter => starter()?,
        };
        let config = config::parse_yaml(config).map_err(|error| SubjectError::Input(error.to_string()))?;
        Ok(Self { origin: Origin::Drawn { config, tokenizer } })
    }

    /// Opens everything anew, as a user's "open" does, without the hash.
    ///
    /// # Errors
    /// If the model cannot be read, or stopped.
    pub fn load(&self, device: &Device) -> Result<LatentDiffusion, SubjectError> {
        match &self.origin {
            Origin::File { path, config, prediction, overlays } => {
                let input = |error: &dyn std::fmt::Display| SubjectError::Input(error.to_string());
                let checkpoint = Checkpoint::open_with(path, overlays).map_err(|error| input(&error))?;
                let found = find_config(&checkpoint, config.as_deref()).map_err(|error| input(&error))?;
                let found = found.predicting(*prediction);
                let weights = Weights::new(Arc::new(checkpoint), device.clone());
                let read = |name: &str| {
                    std::fs::read(found.folder.join(name)).map_err(|error| format!("{name}: {error}"))
                };
                Ok(instantiate_from_config(&found.config, &weights, &read)?)
            }
            Origin::Drawn { .. } => self.build(Arc::new(Synthetic { weights_seed: 0 }), device),
        }
    }

    /// A drawn subject's config, for a test to change.
    #[cfg(feature = "starter")]
    #[cfg(test)]
    pub(super) fn drawn_config_mut(&mut self) -> Option<&mut Value> {
        match &mut self.origin {
            Origin::Drawn { config, .. } => Some(config),
            Origin::File { .. } => None,
        }
    }

    /// A drawn subject's model on other weights.
    pub(super) fn build(
        &self,
        source: Arc<dyn TensorSource>,
        device: &Device,
    ) -> Result<LatentDiffusion, SubjectError> {
        let Origin::Drawn { config, tokenizer } = &self.origin else {
            return Err(SubjectError::Input(
                "expected a model of drawn weights, found a file; use --synthetic".to_owned(),
            ));
        };
        let read = |name: &str| {
            tokenizer
                .map(<[u8]>::to_vec)
                .ok_or_else(|| format!("expected no tokenizer in the config, found {name}"))
        };
        Ok(instantiate_from_config(config, &Weights::new(source, device.clone()), &read)?)
    }
}

type Carried = (&'static str, Option<&'static [u8]>);

#[cfg(feature = "starter")]
fn starter() -> Result<Carried, SubjectError> {
    use crate::starter;
    Ok((starter::CONFIG, Some(starter::TOKENIZER)))
}

#[cfg(not(feature = "starter"))]
fn starter() -> Result<Carried, SubjectError> {
    Err(SubjectError::Input(
        "this build carries no starter model; use --synthetic sd15 or build with `--features starter`"
            .to_owned(),
    ))
}
