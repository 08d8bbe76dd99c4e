//! `OpenModel`: networks that are ready to run, with what people are told of them.

use serde_json::Value;

use crate::engine::additions::Additions;
use crate::engine::companions::Companions;
use crate::engine::fit::Fit;
use crate::engine::from::takes;
use crate::engine::hash::ModelHash;
use crate::message::{DeviceInfo, ModelInfo, ModelSource};
use crate::model::LatentDiffusion;
use crate::note::Note;

/// A model that is open.
pub struct OpenModel {
    /// The networks.
    pub networks: LatentDiffusion,
    /// What people are told.
    pub info: ModelInfo,
    /// The config it was built from.
    pub config: Value,
    /// How the file and the networks fit each other.
    pub fit: Fit,
    /// The file's hash, once it is known.
    pub hash: ModelHash,
    /// What is laid over it.
    pub additions: Additions,
}

/// What an [`OpenModel`] is assembled from.
pub(super) struct Assembly {
    pub(super) source: ModelSource,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) networks: LatentDiffusion,
    pub(super) config: Value,
    pub(super) fit: Fit,
    pub(super) companions: Companions,
    pub(super) hash: ModelHash,
    pub(super) additions: Additions,
    /// What is odd about the files; the networks have notes of their own.
    pub(super) notes: Vec<Note>,
}

impl From<Assembly> for OpenModel {
    fn from(assembly: Assembly) -> Self {
        let Assembly { source, name, bytes, networks, config, fit, companions, hash, additions, mut notes } =
            assembly;
        notes.extend(networks.config.notes.iter().cloned());
        let device = networks.device();
        let size_multiple = networks.size_multiple();
        let trained_side = networks.config.image_size * networks.config.first_stage_factor;
        let info = ModelInfo {
            source,
            name,
            hash: hash.if_ready(),
            bytes,
            defaults: companions.settings_for(trained_side, size_multiple),
            size_multiple,
            trained_side,
            concepts: companions.concepts,
            max_tokens: networks.tokenize("").map_or(0, |tokens| tokens.ids.len()),
            timesteps: networks.config.schedule.timesteps(),
            takes: takes(&networks),
            encodes: networks.encodes(),
            device: DeviceInfo {
                name: device.name(),
                is_card: device.is_card(),
                threads: device.threads(),
                dtype: device.dtype().name(),
            },
            notes,
        };
        Self { networks, info, config, fit, hash, additions }
    }
}
