//! Finding out how a file and its config fit each other, without reading the weights.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{OpenError, of_model};
use super::model_config::ModelConfig;
use crate::checkpoint::Checkpoint;
use crate::engine::companions::read_bytes;
use crate::engine::fit::{Fit, Mismatch};
use crate::model::{LatentDiffusion, instantiate_from_config};
use crate::ops::host::{HostData, HostTensor, TensorSource};
use crate::ops::{self, Device, StopFlag, Weights};

/// Tensors of at most so many elements are read: schedules and factors are compared.
const SMALL: usize = 4096;

/// Builds the networks that a config describes without reading their weights, and finds out how the file fits.
///
/// # Errors
/// If the config describes no networks that can be built.
pub fn fit(checkpoint: Checkpoint, config: &ModelConfig) -> Result<(Fit, LatentDiffusion), OpenError> {
    let stored = checkpoint.tensors().count();
    let shapes = Arc::new(ShapesOnly { inner: checkpoint, found: Mutex::default() });
    let weights = Weights::new(shapes.clone(), Device::cpu(StopFlag::default()));
    let folder: &Path = &config.folder;
    let networks = instantiate_from_config(&config.config, &weights, &|name| read_bytes(folder, name))
        .map_err(|error| of_model(error, config.file.as_deref(), &shapes.inner))?;
    let fit = Fit::new(stored, &weights.unused());
    drop(weights);
    let Found { missing, mismatch } =
        std::mem::take(&mut *shapes.found.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((Fit { missing: missing.into_iter().collect(), mismatch, ..fit }, networks))
}

/// A checkpoint whose elements are not read: networks are built of zeros, so that they request every name and
/// shape at little cost.
struct ShapesOnly {
    inner: Checkpoint,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    missing: BTreeSet<String>,
    mismatch: Option<Mismatch>,
}

impl TensorSource for ShapesOnly {
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match self.inner.shape(name, expected) {
            None => {
                found.missing.insert(name.to_owned());
            }
            // Whoever asks for no shape wants to know the file's.
            Some(shape) if expected.is_empty() => return Some(shape),
            Some(shape) if shape != expected => {
                let (name, expected) = (name.to_owned(), expected.to_vec());
                found.mismatch.get_or_insert(Mismatch { name, expected, found: shape });
            }
            Some(_) => {}
        }
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let len: usize = shape.iter().product();
        let is_stored = || self.inner.shape(name, shape).is_some_and(|found| found == shape);
        if len <= SMALL && is_stored() {
            return self.inner.read(name, shape);
        }
        let zeros = HostData::F32(vec![0.0; len].into());
        Ok(HostTensor { shape: shape.to_vec(), data: zeros })
    }

    fn names(&self) -> Vec<String> {
        self.inner.names()
    }
}
