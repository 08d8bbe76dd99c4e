//! The safetensors format: a length, a JSON header, and the elements.
//!
//! The header is read here rather than by the `safetensors` crate, which refuses files whose tensors
//! are sound: with values that are not text in `__metadata__`, or with bytes behind the last tensor.
//! Invariant: tensors lie one after another without gap or overlap, and within the file.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::checkpoint::error::Problem;
use crate::checkpoint::tensor::element::ElementType;
use crate::checkpoint::tensor::model_file::ModelFile;
use crate::checkpoint::tensor::stored::{Piece, StoredTensor};

const FORMAT: &str = "safetensors";
/// A full v1 training checkpoint has about 2,000 tensors.
const MOST_TENSORS: usize = 100_000;
/// As the format's own reader has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// What a safetensors file holds.
pub(crate) struct Found {
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
    /// `__metadata__`; values are text, but other programs write numbers, flags and maps as well.
    pub(crate) metadata: Map<String, Value>,
    /// Bytes behind the last tensor.
    pub(crate) beyond: u64,
}

/// Lists the tensors of the file that is number `number` in its checkpoint.
pub(crate) fn list(file: &ModelFile, number: usize) -> Result<Found, Problem> {
    let length = file.head(8)?.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    // A header that is too long is refused by its length.
    let header = if length > LONGEST_HEADER { 0 } else { length as usize };
    list_from(&file.head(8 + header)?, file.len() as u64, number)
}

/// The same from the header, with which `bytes` end, and the length of the file.
fn list_from(bytes: &[u8], found: u64, file: usize) -> Result<Found, Problem> {
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    let length = length.ok_or(Problem::Truncated { expected: 8, found })?;
    if length > LONGEST_HEADER {
        return Err(Problem::damaged(FORMAT, format!("a header of {length} bytes")));
    }
    let start = 8 + length as usize;
    let header = bytes.get(8..start).ok_or(Problem::Truncated { expected: start as u64, found })?;
    let Header { tensors, metadata } = parse(header)?;
    if tensors.len() > MOST_TENSORS {
        return Err(Problem::damaged(FORMAT, format!("{} tensors", tensors.len())));
    }
    let data = end_of_data(&tensors)?;
    let expected = (start as u64).saturating_add(data);
    let beyond = found.checked_sub(expected).ok_or(Problem::Truncated { expected, found })?;
    let stored = tensors.into_iter().map(|(name, tensor)| {
        let [from, to] = tensor.data_offsets.map(|offset| start + offset as usize);
        let element = ElementType::of_safetensors(&tensor.dtype);
        let piece = Piece { file, bytes: from..to, strides: None };
        (name, StoredTensor { shape: tensor.shape, element, pieces: vec![piece], scale: None })
    });
    Ok(Found { tensors: stored.collect(), metadata, beyond })
}

/// Checks that the tensors' offsets follow one another and hold what their shapes need; returns the
/// end of the last.
fn end_of_data(tensors: &BTreeMap<String, Entry>) -> Result<u64, Problem> {
    let mut in_order: Vec<(&String, &Entry)> = tensors.iter().collect();
    in_order.sort_by_key(|(_, tensor)| tensor.data_offsets);
    let mut end = 0;
    for (name, tensor) in in_order {
        let [from, to] = tensor.data_offsets;
        if from != end || to < from {
            return Err(Problem::damaged(FORMAT, format!("offsets of {name} that overlap or leave a gap")));
        }
        let size = ElementType::of_safetensors(&tensor.dtype).size();
        let asked = size.map(|size| {
            tensor.shape.iter().try_fold(size as u64, |product, d| product.checked_mul(*d as u64))
        });
        if asked.is_some_and(|asked| asked != Some(to - from)) {
            let found = format!("{} bytes for {name}, of another size", to - from);
            return Err(Problem::damaged(FORMAT, found));
        }
        end = to;
    }
    Ok(end)
}

/// One tensor's entry in the header.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The header: tensors by name, and `__metadata__` among them.
#[derive(Default)]
struct Header {
    tensors: BTreeMap<String, Entry>,
    metadata: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of tensors")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
        let mut header = Header::default();
        while let Some(name) = map.next_key::<String>()? {
            if name != "__metadata__" {
                let tensor = map.next_value()?;
                header.tensors.insert(name, tensor);
            } else if let Value::Object(metadata) = map.next_value()? {
                header.metadata = metadata;
            }
        }
        Ok(header)
    }
}

/// Reads the header, whose end may be filled up with spaces or zeros.
fn parse(header: &[u8]) -> Result<Header, Problem> {
    let filling = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let end = header.iter().rposition(|byte| !filling(byte)).map_or(0, |last| last + 1);
    let begin = header.iter().position(|byte| !filling(byte)).unwrap_or(end);
    let text = &header[begin..end];
    let parsed = serde_json::from_slice(text).or_else(|_| serde_json::from_str(&plain_json(text)));
    parsed.map_err(|error| Problem::damaged(FORMAT, error.to_string()))
}

/// The same text in JSON's own words: Python writes `NaN` and `Infinity` for numbers that JSON does
/// not have, and some programs cut a description in the middle of a letter.
fn plain_json(text: &[u8]) -> String {
    const FOREIGN: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    let text = String::from_utf8_lossy(text);
    let mut plain = String::with_capacity(text.len());
    let (mut within_text, mut escaped) = (false, false);
    let mut rest = text.as_ref();
    while let Some(letter) = rest.chars().next() {
        let foreign = FOREIGN.iter().find(|word| !within_text && rest.starts_with(**word));
        if let Some(word) = foreign {
            plain.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        if letter == '"' && !escaped {
            within_text = !within_text;
        }
        escaped = letter == '\\' && !escaped;
        plain.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(bytes: &[u8], number: usize) -> Result<Found, Problem> {
        let header = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length) as usize);
        list_from(&bytes[..(8 + header).min(bytes.len())], bytes.len() as u64, number)
    }

    /// A file of this header and so many bytes behind it.
    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    }

    fn tensor(dtype: &str, from: usize, to: usize) -> String {
        format!(r#"{{"dtype": "{dtype}", "shape": [2], "data_offsets": [{from}, {to}]}}"#)
    }

    fn said(header: &str, data: usize) -> String {
        list(&file(header, data), 0).err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn metadata_of_any_kind_is_kept_or_passed_over() {
        for (metadata, keys) in [
            (r#"{"a": 3, "b": {"c": ["d", null]}, "e": true, "f": null, "g": 1.5}"#, 5),
            (r#"{"loss": NaN, "least": -Infinity, "words": "NaN \"Infinity"}"#, 3),
            ("null", 0),
            ("[1, 2]", 0),
            (r#""text""#, 0),
        ] {
            let found = list(
                &file(&format!(r#"{{"__metadata__": {metadata}, "x": {}}}"#, tensor("F16", 0, 4)), 4),
                0,
            );
            let found = found.unwrap_or_else(|problem| panic!("{metadata}: {problem}"));
            assert_eq!((found.tensors.len(), found.metadata.len(), found.beyond), (1, keys, 0), "{metadata}");
        }
        let text = plain_json(br#"{"a": NaN, "b": "NaN \"Infinity"}"#);
        assert_eq!(text, r#"{"a": null, "b": "NaN \"Infinity"}"#);
        assert!(plain_json(b"{\"a\": \"caf\xc3\"}").starts_with("{\"a\": \"caf"));
    }

    #[test]
    fn filling_and_bytes_behind_the_end_do_no_harm() {
        for filling in ["", "   ", "\0\0\0", " \0\n"] {
            let header = format!(r#"{{"x": {}}}{filling}"#, tensor("F16", 0, 4));
            assert_eq!(list(&file(&header, 4), 0).map(|found| found.beyond).ok(), Some(0), "{filling:?}");
            assert_eq!(list(&file(&header, 7), 0).map(|found| found.beyond).ok(), Some(3), "{filling:?}");
            assert!(said(&header, 3).contains("incomplete"), "{filling:?}");
        }
    }

    #[test]
    fn offsets_are_not_believed() {
        let two = |first: String, second: String| format!(r#"{{"x": {first}, "y": {second}}}"#);
        assert_eq!(said(&two(tensor("F16", 0, 4), tensor("F32", 4, 12)), 12), "");
        assert!(said(&two(tensor("F16", 0, 4), tensor("F32", 6, 14)), 14).contains("gap"));
        assert!(said(&two(tensor("F16", 0, 4), tensor("F32", 2, 10)), 12).contains("overlap"));
        assert!(said(&format!(r#"{{"x": {}}}"#, tensor("F16", 4, 0)), 4).contains("overlap"));
        assert!(said(&format!(r#"{{"x": {}}}"#, tensor("F32", 0, 4)), 4).contains("another size"));
        let huge = r#"{"x": {"dtype": "F32", "shape": [4294967296, 4294967296, 4], "data_offsets": [0, 0]}}"#;
        assert!(said(huge, 0).contains("another size"));
        let far = r#"{"x": {"dtype": "U64", "shape": [1], "data_offsets": [0, 18446744073709551615]}}"#;
        assert!(said(far, 8).contains("incomplete"));
        // A type that is not read is listed all the same.
        assert_eq!(said(&format!(r#"{{"x": {}}}"#, tensor("F4", 0, 1)), 1), "");
        assert_eq!(said(&format!(r#"{{"x": {}}}"#, tensor("Q7", 0, 9)), 9), "");
    }
}
