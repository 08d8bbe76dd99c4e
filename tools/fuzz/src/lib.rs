//! Damaged model files, and the reading of them: for `cargo fuzz` (`fuzz_targets`), and for counted runs without it
//! (`src/bin/mutations.rs`). No member of the program's package, and not in its lock file.

pub mod mutate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use safelight::checkpoint::{Checkpoint, Lora, guess_config, inspect, read_embedding};
use safelight::engine::{Opening, open_model};
use safelight::message::ModelSource;
use safelight::ops::host::TensorSource as _;
use safelight::ops::{Device, StopFlag};

/// The layers of the model that the recorded LoRAs are made for, read once.
pub fn layers() -> &'static BTreeMap<String, Vec<usize>> {
    static LAYERS: OnceLock<BTreeMap<String, Vec<usize>>> = OnceLock::new();
    LAYERS.get_or_init(|| {
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
        let source = ModelSource::Path {
            path: golden.join("formats/diffusers"),
            config: Some(golden.join("lora/config.yaml")),
            vae: None,
            text_encoder: None,
            prediction: None,
        };
        let model = open_model(&source, Opening::on(&Device::cpu(StopFlag::default())));
        model.expect("the recorded model opens").networks.layers()
    })
}

/// Opens a file as a model, a LoRA and an embedding, and reads all that it holds, as the program would. Any answer
/// will do; a panic is the failure.
pub fn read_all(path: &Path) {
    if let Ok(lora) = Lora::open(path) {
        let mut changes = BTreeMap::new();
        lora.fit(layers()).add_to(&mut changes, 1.0, 1.0);
    }
    drop(read_embedding(path));
    if let Ok(found) = Checkpoint::open(path) {
        for name in found.names() {
            if let Ok(tensor) = found.tensor(&name) {
                assert_eq!(tensor.len(), tensor.shape.iter().product::<usize>(), "{name}");
                let shape = tensor.shape.clone();
                drop(tensor);
                drop(found.rows(&name, &shape).and_then(|rows| rows.to_f32().map(drop)));
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
