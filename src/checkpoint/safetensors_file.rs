//! The safetensors format: a length, a JSON header, and the numbers.
//!
//! The `safetensors` crate checks the header (100 MB at most, offsets without gaps or overlap,
//! products without overflow); here its verdicts become sentences.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensorError};
use safetensors::{SafeTensors, tensor::Metadata};

use super::element::ElementType;
use super::error::Problem;
use super::stored::{Piece, StoredTensor};

const FORMAT: &str = "safetensors";
/// A full v1 training checkpoint has about 2,000 tensors.
const MOST_TENSORS: usize = 100_000;

/// Lists the tensors of the file that is `file`-th in its checkpoint.
pub(crate) fn list(bytes: &[u8], file: usize) -> Result<BTreeMap<String, StoredTensor>, Problem> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| explain(error, bytes))?;
    let start = 8 + header;
    let tensors = metadata.tensors();
    if tensors.len() > MOST_TENSORS {
        return Err(Problem::damaged(FORMAT, format!("{} tensors", tensors.len())));
    }
    let stored = tensors.into_iter().map(|(name, info)| {
        let (from, to) = info.data_offsets;
        let piece = Piece { file, bytes: start + from..start + to, strides: None };
        let tensor =
            StoredTensor { shape: info.shape.clone(), element: element(info.dtype), pieces: vec![piece] };
        (name, tensor)
    });
    Ok(stored.collect())
}

fn element(dtype: Dtype) -> ElementType {
    match dtype {
        Dtype::F64 => ElementType::F64,
        Dtype::F32 => ElementType::F32,
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::Bf16,
        Dtype::I64 => ElementType::I64,
        Dtype::I32 => ElementType::I32,
        Dtype::I16 => ElementType::I16,
        Dtype::I8 => ElementType::I8,
        Dtype::U32 => ElementType::U32,
        Dtype::U16 => ElementType::U16,
        Dtype::U8 => ElementType::U8,
        Dtype::BOOL => ElementType::Bool,
        Dtype::U64 => ElementType::Other("U64"),
        Dtype::F8_E4M3 => ElementType::Other("F8_E4M3"),
        Dtype::F8_E5M2 => ElementType::Other("F8_E5M2"),
        _ => ElementType::Other("an 8-bit or smaller float"),
    }
}

/// The crate's error as one of ours; a wrong length is told in bytes.
fn explain(error: SafeTensorError, bytes: &[u8]) -> Problem {
    let found = bytes.len() as u64;
    match error {
        SafeTensorError::HeaderTooSmall => Problem::Truncated { expected: 8, found },
        SafeTensorError::InvalidHeaderLength => {
            Problem::Truncated { expected: header_length(bytes).saturating_add(8), found }
        }
        SafeTensorError::MetadataIncompleteBuffer => match announced_length(bytes) {
            Some(expected) => Problem::Truncated { expected, found },
            None => Problem::damaged(FORMAT, "a header that does not cover the file"),
        },
        SafeTensorError::HeaderTooLarge => {
            Problem::damaged(FORMAT, format!("a header of {} bytes", header_length(bytes)))
        }
        SafeTensorError::InvalidOffset(name) => {
            Problem::damaged(FORMAT, format!("offsets of {name} that overlap or leave a gap"))
        }
        other => Problem::damaged(FORMAT, other.to_string()),
    }
}

fn header_length(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length))
}

/// The length that a header (already found sound) asks of the whole file.
fn announced_length(bytes: &[u8]) -> Option<u64> {
    let header = usize::try_from(header_length(bytes)).ok()?;
    let metadata: Metadata = serde_json::from_slice(bytes.get(8..8usize.checked_add(header)?)?).ok()?;
    Some(8 + header as u64 + metadata.data_len() as u64)
}
