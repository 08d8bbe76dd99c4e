//! Random damage: never a panic. And safetensors are read as they were written.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use safelight::checkpoint::{Checkpoint, guess_config, inspect};
use safelight::ops::host::{HostData, TensorSource};
use safetensors::tensor::{Dtype, TensorView, serialize};
use tempfile::TempDir;

use super::{SINGLE_FILES, fixture};

/// Damage of one field each; the runs of thousands are `tools/fuzz`'s.
#[path = "../../../tools/fuzz/src/mutate/mod.rs"]
mod mutate;

/// Opens and reads everything; a panic is the failure.
fn read_all(bytes: &[u8]) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    if let Ok(found) = Checkpoint::open(&path) {
        for name in found.names() {
            if let Ok(tensor) = found.tensor(&name) {
                assert_eq!(tensor.len(), tensor.shape.iter().product::<usize>());
            }
        }
        // Either answer will do.
        drop(guess_config(&found));
        inspect(&found);
    }
}

/// Where the interesting bytes of a file are: headers, pickles, the zip's directory.
fn header_ranges(name: &str, length: usize) -> [(usize, usize); 2] {
    match name {
        "model.safetensors" => [(0, 60_000.min(length)), (0, 64)],
        "model-legacy.ckpt" => [(0, 100_000.min(length)), (0, 200)],
        _ => [(0, 76_000.min(length)), (length.saturating_sub(40_000), length)],
    }
}

#[test]
fn lies_in_whole_files_never_panic_and_never_take_long() {
    const TURNS: u64 = 150;
    const TIME_MAX: Duration = Duration::from_secs(20);
    for name in SINGLE_FILES {
        let bytes = fs::read(fixture(name)).unwrap();
        let format = mutate::Format::of(&bytes).unwrap();
        for turn in 0..TURNS {
            let damaged = mutate::mutate(format, &bytes, &mut mutate::Rng::new(turn));
            let began = Instant::now();
            read_all(&damaged);
            assert!(began.elapsed() < TIME_MAX, "{name}, turn {turn}: {:?}", began.elapsed());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        which in 0..SINGLE_FILES.len(),
        changes in prop::collection::vec((any::<bool>(), 0.0..1.0f64, any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, 0.0..1.0f64),
    ) {
        let mut bytes = fs::read(fixture(SINGLE_FILES[which])).unwrap();
        let ranges = header_ranges(SINGLE_FILES[which], bytes.len());
        for (second, place, value) in changes {
            let (from, to) = ranges[usize::from(second)];
            bytes[from + ((to - from - 1) as f64 * place) as usize] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate((bytes.len() as f64 * cut) as usize);
        }
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_pickles_never_panic(program in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
        bytes.extend(program);
        read_all(&bytes);
    }

    #[test]
    fn safetensors_come_back_as_they_were_written(
        tensors in prop::collection::btree_map("[a-z.]{1,12}", (0..6usize, prop::collection::vec(0..5usize, 0..4)), 1..8),
        seed in any::<u64>(),
    ) {
        let types = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64, Dtype::I64, Dtype::I32];
        let mut state = seed;
        let mut data = BTreeMap::new();
        for (name, (kind, shape)) in &tensors {
            let bits = types[*kind].bitsize() / 8;
            let length = shape.iter().product::<usize>() * bits;
            let bytes: Vec<u8> = (0..length).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // No exponent of all ones: NaN differs from itself.
                (state >> 40) as u8 & 0x3b
            }).collect();
            data.insert(name.clone(), (types[*kind], shape.clone(), bytes));
        }
        let views = data.iter().map(|(name, (kind, shape, bytes))| (name, TensorView::new(*kind, shape.clone(), bytes).unwrap()));
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, serialize(views, None).unwrap()).unwrap();
        let found = Checkpoint::open(&path).unwrap();
        prop_assert_eq!(found.names(), data.keys().cloned().collect::<Vec<_>>());
        for (name, (kind, shape, bytes)) in &data {
            let tensor = found.tensor(name).unwrap();
            prop_assert_eq!(&tensor.shape, shape);
            let back: Vec<u8> = match &tensor.data {
                HostData::F32(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::F16(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::Bf16(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::F64(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::I64(v) if *kind == Dtype::I32 => v.iter().flat_map(|n| (*n as i32).to_le_bytes()).collect(),
                HostData::I64(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            };
            prop_assert_eq!(&back, bytes);
        }
    }
}
