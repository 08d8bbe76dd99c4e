//! `Opening`: how a model is opened: where it computes, who hears of its progress and its hash.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::hash::Busyness;
use crate::ops::host::TensorSource;
use crate::ops::{Device, Progress, Weights};

/// How a model is opened.
pub struct Opening<'a> {
    /// Where it computes.
    pub device: &'a Device,
    /// Called while weights are read.
    pub progress: Option<Progress>,
    /// A folder for what can be made again (hashes of files).
    pub cache: Option<&'a Path>,
    /// Folders where LoRAs and embeddings may lie, beside those near the model.
    pub folders: Vec<PathBuf>,
    /// Keeps hashing at rest.
    pub busyness: Busyness,
    /// Called with the file's hash on the thread that found it, if it was not known before.
    pub on_hash: Box<dyn FnOnce(&str) + Send>,
}

impl<'a> Opening<'a> {
    /// On a device, without progress or a cache.
    pub fn on(device: &'a Device) -> Self {
        Self {
            device,
            progress: None,
            cache: None,
            folders: Vec::new(),
            busyness: Busyness::default(),
            on_hash: Box::new(|_| {}),
        }
    }

    /// The tensors of `source` on a device; reading them tells the progress.
    pub(super) fn weights(&self, source: Arc<dyn TensorSource>, device: &Device) -> Weights {
        let weights = Weights::new(source, device.clone());
        match self.progress.clone() {
            Some(progress) => weights.with_progress(progress),
            None => weights,
        }
    }
}
