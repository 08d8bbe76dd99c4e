//! torch's files since 1.6: a zip with the pickle and one stored entry a storage.
//!
//! The zip is opened once; tensors are read straight from the mapped file. Entries are stored, not
//! compressed (torch writes no other), so nothing can unfold to more than the file.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::error::Problem;
use super::file_kind::FileKind;
use super::pickle;
use super::state_dict::{StateDict, collect};

const FORMAT: &str = "torch";
/// A full v1 training checkpoint has about 3,500 entries.
const MOST_ENTRIES: usize = 200_000;
/// A full v1 training checkpoint's pickle has 0.4 MB.
const LONGEST_PICKLE: usize = 64 << 20;

/// Lists the tensors of the file that is `file`-th in its checkpoint.
pub(crate) fn list(bytes: &[u8], file: usize) -> Result<StateDict, Problem> {
    let entries = entries(bytes)?;
    let data = entries.keys().filter(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let data = data.min_by_key(|name| name.len()).ok_or(Problem::ForeignZip)?;
    let folder = data.strip_suffix("data.pkl").unwrap_or_default();
    let entry = |name: &str| entries.get(&format!("{folder}{name}"));
    if entry("byteorder").is_some_and(|range| bytes[range.clone()].trim_ascii() == b"big") {
        return Err(Problem::BigEndian);
    }
    let program = &bytes[entries[data].clone()];
    if program.len() > LONGEST_PICKLE {
        return Err(Problem::damaged(FORMAT, format!("a list of tensors of {} bytes", program.len())));
    }
    let read = pickle::read(program).map_err(|error| error.problem(program.len()))?;
    collect(&read, (file, bytes.len()), |storage| {
        let missing = || Problem::damaged(FORMAT, format!("no storage {}", storage.key));
        entry(&format!("data/{}", storage.key)).cloned().ok_or_else(missing)
    })
}

/// Every entry's name and bytes.
fn entries(bytes: &[u8]) -> Result<HashMap<String, Range<usize>>, Problem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| explain(error, bytes))?;
    if archive.len() > MOST_ENTRIES {
        return Err(Problem::damaged(FORMAT, format!("{} entries in its zip", archive.len())));
    }
    let holds = |end: &str| archive.file_names().flatten().any(|name| name.ends_with(end));
    if !holds("data.pkl") {
        return Err(Problem::ForeignZip);
    }
    if holds("/constants.pkl") {
        return Err(Problem::OtherFile(FileKind::Format("TorchScript")));
    }
    if archive.has_overlapping_entries().map_err(|error| explain(error, bytes))? {
        return Err(Problem::damaged(FORMAT, "entries of its zip that overlap"));
    }
    let mut entries = HashMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| explain(error, bytes))?;
        let name = entry.name().map_err(|error| explain(error, bytes))?.into_owned();
        if entry.encrypted() || entry.compression() != CompressionMethod::Stored {
            return Err(Problem::damaged(FORMAT, format!("{name} packed or encrypted in its zip")));
        }
        let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
        let length = usize::try_from(entry.size()).ok().filter(|_| entry.size() == entry.compressed_size());
        let range = start.zip(length).and_then(|(start, length)| Some(start..start.checked_add(length)?));
        match range.filter(|range| range.end <= bytes.len()) {
            Some(range) => entries.insert(name, range),
            None => return Err(Problem::damaged(FORMAT, format!("{name} outside of its zip"))),
        };
    }
    Ok(entries)
}

/// A zip ends with its table of contents: without it the file was cut off.
fn explain(error: ZipError, bytes: &[u8]) -> Problem {
    const END_OF_CENTRAL_DIRECTORY: &[u8] = b"PK\x05\x06";
    let tail = &bytes[bytes.len().saturating_sub(70_000)..];
    if tail.windows(4).any(|window| window == END_OF_CENTRAL_DIRECTORY) {
        return Problem::damaged(FORMAT, format!("a broken zip ({error})"));
    }
    Problem::CutOff { expected: "the zip's table of contents at its end", found: bytes.len() as u64 }
}
