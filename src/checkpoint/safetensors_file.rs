//! The safetensors format: a length, a JSON header, and the numbers.
//!
//! The `safetensors` crate checks the header (100 MB at most, offsets without gaps or overlap,
//! products without overflow); here its verdicts become sentences.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensorError};
use safetensors::{SafeTensors, tensor::Metadata};

use super::bytes::ModelFile;
use super::element::ElementType;
use super::error::Problem;
use super::stored::{Piece, StoredTensor};

const FORMAT: &str = "safetensors";
/// A full v1 training checkpoint has about 2,000 tensors.
const MOST_TENSORS: usize = 100_000;

/// The longest header that the crate takes.
const LONGEST_HEADER: usize = 100_000_000;

/// Lists the tensors of the file that is number `number` in its checkpoint.
pub(crate) fn list(file: &ModelFile, number: usize) -> Result<BTreeMap<String, StoredTensor>, Problem> {
    let length = usize::try_from(header_length(&file.head(8)?)).unwrap_or(usize::MAX);
    // A longer header is refused by its length alone.
    let head = file.head(if length > LONGEST_HEADER { 8 } else { 8 + length })?;
    let metadata = read_metadata(&head, file.len() as u64)?;
    let start = 8 + length;
    let tensors = metadata.tensors();
    if tensors.len() > MOST_TENSORS {
        return Err(Problem::damaged(FORMAT, format!("{} tensors", tensors.len())));
    }
    let stored = tensors.into_iter().map(|(name, info)| {
        let (from, to) = info.data_offsets;
        let piece = Piece { file: number, bytes: start + from..start + to, strides: None };
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

/// Checks a header, which `head` ends with, and that the file of `found` bytes is as long as it says.
fn read_metadata(head: &[u8], found: u64) -> Result<Metadata, Problem> {
    match SafeTensors::read_metadata(head) {
        // No numbers follow.
        Ok((_, metadata)) if found == head.len() as u64 => Ok(metadata),
        // The header is sound; as it says, numbers follow. The crate keeps it to itself then.
        Err(SafeTensorError::MetadataIncompleteBuffer) => {
            let unclear = || Problem::damaged(FORMAT, "a header that does not cover the file");
            let json = head.get(8..).unwrap_or_default();
            let metadata: Metadata = serde_json::from_slice(json).map_err(|_| unclear())?;
            let expected = (head.len() as u64).checked_add(metadata.data_len() as u64).ok_or_else(unclear)?;
            if expected == found { Ok(metadata) } else { Err(Problem::Truncated { expected, found }) }
        }
        Ok(_) => Err(Problem::Truncated { expected: head.len() as u64, found }),
        Err(error) => Err(explain(error, head, found)),
    }
}

/// The crate's error as one of ours; a wrong length is told in bytes.
fn explain(error: SafeTensorError, bytes: &[u8], found: u64) -> Problem {
    match error {
        SafeTensorError::HeaderTooSmall => Problem::Truncated { expected: 8, found },
        SafeTensorError::InvalidHeaderLength => {
            Problem::Truncated { expected: header_length(bytes).saturating_add(8), found }
        }
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
