//! torch's files since 1.6: a zip with the pickle and one stored entry a storage.
//!
//! The zip's contents are looked up once; tensors are then read at their places in the file. Entries are
//! stored, not compressed (torch writes no other), so nothing can unfold to more than the file.

use std::collections::HashMap;
use std::io::BufReader;
use std::ops::Range;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::pickle;
use crate::checkpoint::error::Problem;
use crate::checkpoint::formats::file_kind::FileKind;
use crate::checkpoint::formats::state_dict::{StateDict, collect};
use crate::checkpoint::tensor::model_file::ModelFile;

const FORMAT: &str = "torch";
/// A full v1 training checkpoint has about 3,500 entries.
const MOST_ENTRIES: usize = 200_000;
/// A full v1 training checkpoint's pickle has 0.4 MB.
const LONGEST_PICKLE: usize = 64 << 20;
/// `little` or `big`.
const LONGEST_ORDER: usize = 64;

/// Lists the tensors of the file that is number `number` in its checkpoint.
pub(crate) fn list(file: &ModelFile, number: usize) -> Result<StateDict, Problem> {
    let entries = entries(file)?;
    let data = entries.keys().filter(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let data = data.min_by_key(|name| name.len()).ok_or(Problem::ForeignZip)?;
    let folder = data.strip_suffix("data.pkl").unwrap_or_default();
    let entry = |name: &str| entries.get(&format!("{folder}{name}"));
    if let Some(order) = entry("byteorder").filter(|range| range.len() <= LONGEST_ORDER)
        && file.read(order.clone())?.trim_ascii() == b"big"
    {
        return Err(Problem::BigEndian);
    }
    let range = entries[data].clone();
    if range.len() > LONGEST_PICKLE {
        return Err(Problem::damaged(FORMAT, format!("a list of tensors of {} bytes", range.len())));
    }
    let program = file.read(range)?;
    let read = pickle::read(&program).map_err(|error| error.problem(program.len()))?;
    collect(&read, (number, file.len()), |storage| {
        let missing = || Problem::damaged(FORMAT, format!("no storage {}", storage.key));
        entry(&format!("data/{}", storage.key)).cloned().ok_or_else(missing)
    })
}

/// Every entry's name and place.
fn entries(file: &ModelFile) -> Result<HashMap<String, Range<usize>>, Problem> {
    let mut archive = ZipArchive::new(BufReader::new(file.reader())).map_err(|error| explain(error, file))?;
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
    if archive.has_overlapping_entries().map_err(|error| explain(error, file))? {
        return Err(Problem::damaged(FORMAT, "entries of its zip that overlap"));
    }
    let mut entries = HashMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| explain(error, file))?;
        let name = entry.name().map_err(|error| explain(error, file))?.into_owned();
        if entry.encrypted() || entry.compression() != CompressionMethod::Stored {
            return Err(Problem::damaged(FORMAT, format!("{name} packed or encrypted in its zip")));
        }
        let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
        let length = usize::try_from(entry.size()).ok().filter(|_| entry.size() == entry.compressed_size());
        let range = start.zip(length).and_then(|(start, length)| Some(start..start.checked_add(length)?));
        match range.filter(|range| range.end <= file.len()) {
            Some(range) => entries.insert(name, range),
            None => return Err(Problem::damaged(FORMAT, format!("{name} outside of its zip"))),
        };
    }
    Ok(entries)
}

/// A zip ends with its table of contents: without it the file was cut off.
fn explain(error: ZipError, file: &ModelFile) -> Problem {
    const END_OF_CENTRAL_DIRECTORY: &[u8] = b"PK\x05\x06";
    let tail = match file.read(file.len().saturating_sub(70_000)..file.len()) {
        Ok(tail) => tail,
        Err(problem) => return problem,
    };
    if tail.windows(4).any(|window| window == END_OF_CENTRAL_DIRECTORY) {
        return Problem::damaged(FORMAT, format!("a broken zip ({error})"));
    }
    Problem::CutOff { expected: "the zip's table of contents at its end", found: file.len() as u64 }
}
