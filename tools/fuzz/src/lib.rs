//! Damaged model files, and the reading of them: for `cargo fuzz` (`fuzz_targets`), and for counted runs without it
//! (`src/bin/mutations.rs`). No member of the program's package, and not in its lock file.

pub mod mutate;

use std::path::Path;

use safelight::checkpoint::{Checkpoint, guess_config, inspect};
use safelight::ops::host::TensorSource as _;

/// Opens a file and reads all that it holds, as the program would. Any answer will do; a panic is the failure.
pub fn read_all(path: &Path) {
    if let Ok(found) = Checkpoint::open(path) {
        for name in found.names() {
            if let Ok(tensor) = found.tensor(&name) {
                assert_eq!(tensor.len(), tensor.shape.iter().product::<usize>(), "{name}");
            }
        }
        drop(guess_config(&found));
        inspect(&found);
    }
}

/// The same of bytes, in a file of their own.
pub fn read_bytes(bytes: &[u8]) {
    let Ok(file) = tempfile::NamedTempFile::new() else { return };
    if std::fs::write(file.path(), bytes).is_ok() {
        read_all(file.path());
    }
}
