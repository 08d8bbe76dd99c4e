//! `Trace`: the named numbers of one run, in the form in which the reference's runs are recorded.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::files::write_atomically;
use crate::sampler::Latent;

/// One recorded tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub values: Values,
}

/// Numbers of a recorded tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Pictures, latents, contexts.
    F32(Vec<f32>),
    /// Schedules, which the reference computes in double precision.
    F64(Vec<f64>),
    /// Token ids, timesteps.
    I64(Vec<i64>),
}

/// Named tensors of one run, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The tensors by their names in the file.
    pub tensors: BTreeMap<String, Recorded>,
}

impl Trace {
    /// Records a tensor of floats; `shape` has as many elements as `values`.
    pub fn f32(&mut self, name: &str, shape: &[usize], values: Vec<f32>) {
        self.insert(name, shape, Values::F32(values));
    }

    /// Records a list of wide floats.
    pub fn f64(&mut self, name: &str, values: &[f64]) {
        self.insert(name, &[values.len()], Values::F64(values.to_vec()));
    }

    /// Records a tensor of integers; `shape` has as many elements as `values`.
    pub fn i64(&mut self, name: &str, shape: &[usize], values: Vec<i64>) {
        self.insert(name, shape, Values::I64(values));
    }

    /// Records a latent.
    pub fn latent(&mut self, name: &str, latent: &Latent) {
        self.f32(name, &latent.shape, latent.values.clone());
    }

    /// Adds a latent to a list (steps, b, c, h, w).
    pub fn push_step(&mut self, name: &str, latent: &Latent) {
        self.push(name, &latent.shape, &latent.values);
    }

    /// Adds maps (n, h, w) to a list (steps, n, h, w).
    pub fn push_maps(&mut self, name: &str, shape: [usize; 3], maps: &[f32]) {
        self.push(name, &shape, maps);
    }

    fn push(&mut self, name: &str, shape: &[usize], added: &[f32]) {
        let empty = Recorded { shape: [&[0], shape].concat(), values: Values::F32(Vec::new()) };
        let recorded = self.tensors.entry(name.to_owned()).or_insert(empty);
        if let Values::F32(values) = &mut recorded.values {
            values.extend_from_slice(added);
            recorded.shape[0] += 1;
        }
    }

    fn insert(&mut self, name: &str, shape: &[usize], values: Values) {
        self.tensors.insert(name.to_owned(), Recorded { shape: shape.to_vec(), values });
    }

    /// Writes a safetensors file as a whole, over one of the same name.
    ///
    /// # Errors
    /// In one sentence if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let bytes: BTreeMap<&str, (Dtype, Vec<u8>)> =
            self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.values.to_bytes())).collect();
        let views = self.tensors.iter().filter_map(|(name, tensor)| {
            let (dtype, data) = bytes.get(name.as_str())?;
            TensorView::new(*dtype, tensor.shape.clone(), data).ok().map(|view| (name.as_str(), view))
        });
        let written = safetensors::serialize(views, None)
            .map_err(|error| error.to_string())
            .and_then(|bytes| write_atomically(path, &bytes, true).map_err(|error| error.to_string()));
        written.map(drop).map_err(|cause| {
            format!("the trace cannot be written ({cause}); check the path {}", path.display())
        })
    }
}

impl Values {
    fn to_bytes(&self) -> (Dtype, Vec<u8>) {
        match self {
            Self::F32(values) => (Dtype::F32, bytemuck::cast_slice(values).to_vec()),
            Self::F64(values) => (Dtype::F64, bytemuck::cast_slice(values).to_vec()),
            Self::I64(values) => (Dtype::I64, bytemuck::cast_slice(values).to_vec()),
        }
    }
}
