//! `Document`: the tensors and the metadata of one safetensors file, and where they lie in the negative.
//!
//! Invariant: a tensor that the file does not hold in full is not listed.

use std::collections::{BTreeMap, HashMap};
use std::io;

use half::f16;
use safetensors::tensor::{Dtype, Metadata, TensorView};

use crate::sampler::Latent;

/// The length of the header, before it.
pub(super) const LENGTH_BYTES: usize = size_of::<u64>();

/// A tensor to be written.
pub(super) struct Written {
    pub(super) name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Written {
    /// A latent, exact.
    pub(super) fn latent(name: String, latent: &Latent) -> Self {
        Self::f32(name, latent.shape.to_vec(), &latent.values)
    }

    /// A latent rounded to f16.
    pub(super) fn rounded(name: String, latent: &Latent) -> Self {
        let values: Vec<f16> = latent.values.iter().map(|&value| f16::from_f32(value)).collect();
        let bytes = bytemuck::cast_slice(&values).to_vec();
        Self { name, dtype: Dtype::F16, shape: latent.shape.to_vec(), bytes }
    }

    /// Numbers in f32.
    pub(super) fn f32(name: String, shape: Vec<usize>, values: &[f32]) -> Self {
        Self { name, dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(values).to_vec() }
    }

    /// Bytes.
    pub(super) fn bytes(name: String, bytes: Vec<u8>) -> Self {
        Self { name, dtype: Dtype::U8, shape: vec![bytes.len()], bytes }
    }
}

/// A safetensors file of these tensors and one entry of metadata.
pub(super) fn encode(tensors: &[Written], key: &str, value: String) -> io::Result<Vec<u8>> {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?;
        Ok::<_, safetensors::SafeTensorError>((tensor.name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let metadata = HashMap::from([(key.to_owned(), value)]);
    safetensors::serialize(views, Some(metadata)).map_err(io::Error::other)
}

/// Where a tensor's bytes lie in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// The first byte.
    pub(super) at: u64,
    /// Bytes.
    pub(super) len: usize,
}

/// What a header lists.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) tensors: BTreeMap<String, Place>,
    pub(super) metadata: HashMap<String, String>,
}

/// Reads a header; the tensors' bytes begin at `at`, and what does not end before `end` is left out.
///
/// # Errors
/// In words, if it is no header.
pub(super) fn read_header(header: &[u8], at: u64, end: u64) -> Result<Document, String> {
    let parsed: Metadata = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    let place = |name: String, info: &safetensors::tensor::TensorInfo| {
        let (from, to) = info.data_offsets;
        let last = at.checked_add(to as u64).filter(|last| *last <= end)?;
        let len = to.checked_sub(from)?;
        Some((name, Place { dtype: info.dtype, shape: info.shape.clone(), at: last - len as u64, len }))
    };
    let tensors = parsed.tensors().into_iter().filter_map(|(name, info)| place(name, info)).collect();
    Ok(Document { tensors, metadata: parsed.metadata().clone().unwrap_or_default() })
}

impl Place {
    /// The latent in these bytes, exact or rounded.
    pub(super) fn latent(&self, bytes: &[u8]) -> Option<Latent> {
        let shape: [usize; 4] = self.shape.as_slice().try_into().ok()?;
        let values = self.floats(bytes)?;
        (values.len() == shape.iter().product::<usize>()).then(|| Latent::new(shape, values))
    }

    /// The numbers in these bytes.
    pub(super) fn floats(&self, bytes: &[u8]) -> Option<Vec<f32>> {
        match self.dtype {
            Dtype::F32 => Some(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()),
            Dtype::F16 => {
                Some(bytes.as_chunks().0.iter().map(|two| f16::from_le_bytes(*two).to_f32()).collect())
            }
            _ => None,
        }
    }
}
