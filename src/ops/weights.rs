//! `Weights`: named tensors on their way into a network, with the path of the module being built.
//!
//! Construction is the weight map: `weights.pp("attn1").pp("to_q")` mirrors the checkpoint's names.
//! Every name that a network asks for is noted, so that the rest of a file can be reported.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use super::adapters::{Adapters, Slot};
use super::host::{HostData, HostTensor, TensorRows, TensorSource};
use super::{Device, Dtype, Error, Result, Wrapping};

/// Called while weights are read with the number of tensors read and the number stored.
pub type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// Translates a network's name of a tensor into the file's.
type Rename = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A path into a [`TensorSource`]; cheap to clone.
#[derive(Clone)]
pub struct Weights {
    source: Arc<dyn TensorSource>,
    asked: Arc<Mutex<BTreeSet<String>>>,
    device: Device,
    texts_on: Option<Device>,
    path: String,
    rename: Option<Rename>,
    progress: Option<Progress>,
    stored: usize,
    adapters: Arc<Adapters>,
    wrapping: Arc<Wrapping>,
}

impl Weights {
    /// The root of a source, for modules that compute on `device`.
    pub fn new(source: Arc<dyn TensorSource>, device: Device) -> Self {
        let stored = source.names().len();
        Self {
            source,
            asked: Arc::default(),
            device,
            texts_on: None,
            path: String::new(),
            rename: None,
            progress: None,
            stored,
            adapters: Arc::default(),
            wrapping: Arc::default(),
        }
    }

    /// The same path, which calls `progress` after each tensor that is read.
    pub fn with_progress(self, progress: Progress) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// The same path for a part that is rebuilt after the model was opened: it reports no progress.
    pub fn without_progress(&self) -> Self {
        Self { progress: None, ..self.clone() }
    }

    /// The same path for a module that computes in another dtype.
    pub fn with_dtype(&self, dtype: Dtype) -> Self {
        Self { device: self.device.with_dtype(dtype), ..self.clone() }
    }

    /// The same path for modules that compute on another device.
    pub fn on(&self, device: &Device) -> Self {
        Self { device: device.clone(), ..self.clone() }
    }

    /// The same path, with the text encoders on another device.
    pub fn with_texts_on(self, device: &Device) -> Self {
        Self { texts_on: Some(device.clone()), ..self }
    }

    /// The device of the text encoders, if it is another than the rest's.
    pub fn texts_on(&self) -> Option<&Device> {
        self.texts_on.as_ref()
    }

    /// The same path, which translates names before it asks the source.
    pub fn renamed(&self, rename: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { rename: Some(Arc::new(rename)), ..self.clone() }
    }

    /// One step down the path.
    pub fn pp(&self, name: impl Display) -> Self {
        let path = if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) };
        Self { path, ..self.clone() }
    }

    /// The device on which modules built from here compute.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The changes of the layers that are built from this source.
    pub fn adapters(&self) -> &Arc<Adapters> {
        &self.adapters
    }

    /// Along which axes the layers that are built from this source wrap.
    pub fn wrapping(&self) -> &Arc<Wrapping> {
        &self.wrapping
    }

    /// The same path for layers that wrap as another network's do.
    pub fn wrapping_as(self, wrapping: &Arc<Wrapping>) -> Self {
        Self { wrapping: wrapping.clone(), ..self }
    }

    /// Where the layer here, whose weight has this shape, looks for its change.
    pub(super) fn slot(&self, shape: &[usize]) -> Arc<Slot> {
        self.adapters.slot(&self.path, shape)
    }

    /// The file's name of the tensor `name` here.
    fn full_name(&self, name: &str) -> String {
        let full = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        match &self.rename {
            Some(rename) => rename(&full),
            None => full,
        }
    }

    /// Whether the source stores the tensor `name` here (one that draws its tensors stores none).
    pub fn stores(&self, name: &str) -> bool {
        self.source.names().binary_search(&self.full_name(name)).is_ok()
    }

    /// The shape that the tensor `name` has in the source, if it stores one.
    pub fn stored_shape(&self, name: &str) -> Option<Vec<usize>> {
        // Asking a source that draws its tensors would create one.
        if self.stores(name) { self.source.shape(&self.full_name(name), &[]) } else { None }
    }

    /// The tensor `name` here, of exactly this shape.
    ///
    /// # Errors
    /// [`Error::NoTensor`] if it is missing, [`Error::Weights`] if it is of another shape or damaged;
    /// [`Error::FileChanged`]; [`Error::OutOfMemory`]; [`Error::Stopped`].
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>> {
        let full = self.checked(name, shape)?;
        let tensor = self.source.read(&full, shape)?;
        self.note(full);
        Ok(tensor)
    }

    /// The same, to be packed: a large tensor is read piece by piece while a backend packs it.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn rows(&self, name: &str, shape: &[usize]) -> Result<TensorRows<'_>> {
        let full = self.checked(name, shape)?;
        let rows = self.source.rows(&full, shape)?;
        self.note(full);
        Ok(rows)
    }

    /// The file's name of a tensor that exists and has this shape.
    fn checked(&self, name: &str, shape: &[usize]) -> Result<String> {
        self.device.check_stop()?;
        let full = self.full_name(name);
        let Some(found) = self.source.shape(&full, shape) else {
            return Err(Error::NoTensor { name: full, shape: shape.to_vec() });
        };
        if found != shape {
            return Err(Error::Weights(format!(
                "expected {full} of shape {shape:?}, found {found:?} in the weights; give the config that belongs \
                 to this file, or get the file again"
            )));
        }
        Ok(full)
    }

    /// Records that the network requested the tensor `full`, and reports progress.
    fn note(&self, full: String) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(full);
        if let Some(progress) = &self.progress {
            progress(asked.len(), self.stored);
        }
    }

    /// The same as f32.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn get_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.get(name, shape)?;
        Ok(match tensor.data {
            HostData::F32(values) => values.into_owned(),
            _ => tensor.to_f32().into_owned(),
        })
    }

    /// The names in the source that no network requested, sorted.
    pub fn unused(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.source.names().into_iter().filter(|name| !asked.contains(name)).collect()
    }
}
