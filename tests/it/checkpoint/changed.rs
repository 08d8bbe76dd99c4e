//! A model file that becomes another one while it is open.

use std::fs::{self, File};
use std::path::Path;

use safelight::checkpoint::{Checkpoint, CheckpointError, Problem};
use safelight::ops::cpu::WeightRows as _;
use safelight::ops::host::TensorSource;
use tempfile::TempDir;

use super::{FIRST, SINGLE_FILES, fixture};

/// What each way of reading says after `change` was done to a copy of the file `name`.
fn after(name: &str, change: impl Fn(&Path)) -> Vec<Result<(), String>> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::copy(fixture(name), &path).unwrap();
    let found = Checkpoint::open(&path).unwrap();
    let shape = found.stored_shape(FIRST).unwrap().to_vec();
    let rows = TensorSource::rows(&found, FIRST, &shape).unwrap();
    change(&path);
    let told = |error: CheckpointError| {
        assert!(matches!(error.problem, Problem::Changed), "{error}");
        error.to_string()
    };
    vec![
        found.tensor(FIRST).map(drop).map_err(told),
        found.sha256(&mut || true).map(drop).map_err(told),
        found.read(FIRST, &shape).map(drop).map_err(|error| error.to_string()),
        rows.read(0, &mut [0; 64]).map_err(|error| error.to_string()),
    ]
}

#[test]
fn a_file_that_was_cut_short_or_written_over_is_told_by_name() {
    let cut = |path: &Path| File::options().write(true).open(path).unwrap().set_len(100).unwrap();
    // The same length, and another time of change.
    let overwrite = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(path, bytes).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    };
    for name in SINGLE_FILES {
        for said in after(name, cut).into_iter().chain(after(name, overwrite)) {
            let said = said.unwrap_err();
            let sentence = "the model file has changed since it was opened; open it again: ";
            assert!(said.starts_with(sentence) && said.ends_with(name), "{said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_was_deleted_or_replaced_is_read_to_its_end() {
    let replace = |path: &Path| {
        let other = path.with_extension("new");
        fs::write(&other, b"another file").unwrap();
        fs::rename(other, path).unwrap();
    };
    for name in SINGLE_FILES {
        for read in after(name, |path| fs::remove_file(path).unwrap()).into_iter().chain(after(name, replace))
        {
            read.unwrap();
        }
    }
}
