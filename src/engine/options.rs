//! `EngineOptions`: what the inference thread is given at its start.

use std::path::PathBuf;

use crate::negative::Store;
use crate::ops::DeviceOptions;

/// What the inference thread is given at its start.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Where and how to compute.
    pub device: DeviceOptions,
    /// A folder for what can be made again (fitted previews).
    pub cache_folder: Option<PathBuf>,
    /// A folder of this process's own, for the steps of its pictures; none keeps the last ones in memory.
    pub session_folder: Option<PathBuf>,
    /// A folder where people may put further files (TAESD).
    pub data_folder: Option<PathBuf>,
    /// TAESD's file, where one was chosen; else it is looked for near the model.
    pub taesd: Option<PathBuf>,
    /// Folders of the library, where LoRAs and embeddings may lie.
    pub model_folders: Vec<PathBuf>,
    /// Where negatives of runs are kept; none keeps none.
    pub negatives: Option<Store>,
    /// A file for what was measured of graphics cards; what drivers said is kept beside it.
    pub cards_file: Option<PathBuf>,
}
