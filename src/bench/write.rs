//! Writes drawn weights as an f16 file: something of a real model's size to load.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use safetensors::tensor::{Dtype, View, serialize_to_file};

use super::subject::{Subject, SubjectError};
use crate::model::synthetic::Synthetic;
use crate::ops::host::{HostData, HostTensor, TensorSource};
use crate::ops::{self, Device};

/// Records every name and shape that a network asks for, and returns zeros.
#[derive(Default)]
struct Listing(Mutex<BTreeMap<String, Vec<usize>>>);

impl TensorSource for Listing {
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), expected.to_vec());
        Some(expected.to_vec())
    }

    fn read(&self, _name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        let zeros = vec![f16::ZERO; shape.iter().product()];
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F16(zeros.into()) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A tensor that is drawn when its turn to be written comes.
struct Drawn {
    name: String,
    shape: Vec<usize>,
}

impl View for &Drawn {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        // Shapes within bounds were checked while the model was built.
        let drawn = Synthetic { weights_seed: 0 }.read(&self.name, &self.shape);
        let values = drawn.map(|tensor| tensor.to_f32().into_owned()).unwrap_or_default();
        let mut halves = vec![f16::ZERO; values.len()];
        halves.convert_from_f32_slice(&values);
        Cow::Owned(bytemuck::cast_slice(&halves).to_vec())
    }

    fn data_len(&self) -> usize {
        2 * self.shape.iter().product::<usize>()
    }
}

/// Writes the weights that `subject` (a drawn one) would have as one f16 safetensors file.
///
/// # Errors
/// If the subject is a file, or the target cannot be written.
pub fn write_synthetic(subject: &Subject, device: &Device, path: &Path) -> Result<(), SubjectError> {
    let listing = Arc::new(Listing::default());
    drop(subject.build(listing.clone(), device)?);
    let names = std::mem::take(&mut *listing.0.lock().unwrap_or_else(PoisonError::into_inner));
    let tensors: Vec<Drawn> = names.into_iter().map(|(name, shape)| Drawn { name, shape }).collect();
    let views = tensors.iter().map(|tensor| (tensor.name.clone(), tensor));
    serialize_to_file(views, None, path)
        .map_err(|error| SubjectError::Input(format!("cannot write {} ({error})", path.display())))
}

#[cfg(feature = "starter")]
#[cfg(test)]
mod tests {
    use crate::bench::Synthesis;
    use crate::checkpoint::Checkpoint;
    use crate::ops::{StopFlag, Weights};

    use super::*;

    #[test]
    fn a_file_holds_every_tensor_in_the_shape_that_the_networks_ask_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("starter.safetensors");
        let device = Device::cpu(StopFlag::default());
        let subject = Subject::drawn(Synthesis::Starter).unwrap();
        write_synthetic(&subject, &device, &path).unwrap();
        let written = Arc::new(Checkpoint::open(&path).unwrap());
        subject.build(written.clone(), &device).unwrap();
        let shipped = crate::starter::weights().unwrap();
        for name in written.names() {
            assert_eq!(written.stored_shape(&name), shipped.stored_shape(&name), "{name}");
        }
        let weights = Weights::new(written, device);
        assert_eq!(weights.stored_shape("nothing"), None);
    }
}
