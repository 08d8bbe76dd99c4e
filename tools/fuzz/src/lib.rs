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

/// A target of libFuzzer that reads what is made of its corpus. Its own changes take turns with those of
/// [`mutate::mutate`], which keep the rest of a file of this format whole.
#[macro_export]
macro_rules! target {
    ($format:expr) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::read_bytes(bytes));
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            if seed % 2 == 0 || size < 16 {
                return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
            }
            let mut rng = $crate::mutate::Rng::new(u64::from(seed));
            let changed = $crate::mutate::mutate($format, &data[..size], &mut rng);
            let length = changed.len().min(max_size);
            data[..length].copy_from_slice(&changed[..length]);
            length
        });
    };
}
