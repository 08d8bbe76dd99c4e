//! GGUF: every type widens as gguf's own library widens it, and a model in it is the model of other files.

use std::fs;
use std::path::Path;

use safelight::checkpoint::{Blocks, Checkpoint, CheckpointKind, ElementType};
use safelight::ops::host::{HostData, TensorSource};
use tempfile::TempDir;

use super::fixture;

/// A GGUF file of these tensors: ggml's type, the shape, the bytes.
pub(crate) fn write_gguf(path: &Path, tensors: &[(String, u32, Vec<usize>, Vec<u8>)]) {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut head = [&b"GGUF"[..], &3u32.to_le_bytes()].concat();
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend(1u64.to_le_bytes());
    head.extend(text("general.architecture"));
    head.extend(8u32.to_le_bytes());
    head.extend(text("sd1"));
    let mut data: Vec<u8> = Vec::new();
    for (name, kind, shape, bytes) in tensors {
        data.resize(data.len().next_multiple_of(32), 0);
        head.extend(text(name));
        head.extend((shape.len() as u32).to_le_bytes());
        head.extend(shape.iter().rev().flat_map(|d| (*d as u64).to_le_bytes()));
        head.extend(kind.to_le_bytes());
        head.extend((data.len() as u64).to_le_bytes());
        data.extend(bytes);
    }
    head.resize(head.len().next_multiple_of(32), 0);
    head.extend(data);
    fs::write(path, head).unwrap();
}

/// The bytes of a stored tensor, and ggml's number for their type.
fn stored(data: &HostData<'_>) -> (u32, Vec<u8>) {
    match data {
        HostData::F32(numbers) => (0, numbers.iter().flat_map(|n| n.to_le_bytes()).collect()),
        HostData::F16(numbers) => (1, numbers.iter().flat_map(|n| n.to_le_bytes()).collect()),
        HostData::I64(numbers) => (27, numbers.iter().flat_map(|n| n.to_le_bytes()).collect()),
        other => panic!("{other:?}"),
    }
}

/// The model of `model.safetensors` as GGUF.
pub(crate) fn model_gguf(path: &Path) {
    let model = Checkpoint::open(fixture("model.safetensors")).unwrap();
    let tensor = |info: safelight::checkpoint::TensorInfo<'_>| {
        let (kind, bytes) = stored(&model.tensor(info.name).unwrap().data);
        (info.name.to_owned(), kind, info.shape.to_vec(), bytes)
    };
    write_gguf(path, &model.tensors().map(tensor).collect::<Vec<_>>());
}

#[test]
fn every_type_is_widened_bit_for_bit_as_its_library_does() {
    let found = Checkpoint::open(fixture("blocks.gguf")).unwrap();
    let expected = Checkpoint::open(fixture("blocks.safetensors")).unwrap();
    assert_eq!(found.kind(), CheckpointKind::Gguf);
    let mut blocks = Vec::new();
    for info in expected.tensors() {
        let (found_bits, expected_bits) = [&found, &expected]
            .map(|checkpoint| {
                let tensor = checkpoint.tensor(info.name).unwrap();
                assert_eq!(tensor.shape, info.shape, "{}", info.name);
                tensor.to_f32().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            })
            .into();
        assert_eq!(found_bits, expected_bits, "{}", info.name);
        // To be packed, they are read piece by piece.
        let rows = found.rows(info.name, info.shape).unwrap();
        let part = 7..found_bits.len() - 3;
        let expected: Vec<u32> = expected_bits[part.clone()].to_vec();
        let rows = rows.part(part).unwrap();
        assert_eq!(rows.to_f32().unwrap().iter().map(|x| x.to_bits()).collect::<Vec<_>>(), expected);
        if let Some(ElementType::Blocks(kind)) = found.element(info.name) {
            blocks.push(kind);
        }
    }
    blocks.sort();
    blocks.dedup();
    use Blocks::{Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    assert_eq!(blocks, [Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4K, Q5K, Q6K]);
}

#[test]
fn a_model_is_the_one_of_other_files() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.gguf");
    model_gguf(&path);
    let (found, expected) =
        (Checkpoint::open(&path).unwrap(), Checkpoint::open(fixture("model.safetensors")).unwrap());
    assert_eq!(found.tensors().count(), expected.tensors().count());
    for info in expected.tensors() {
        assert!(found.tensor(info.name).unwrap() == expected.tensor(info.name).unwrap(), "{}", info.name);
    }
}

#[test]
fn what_a_header_says_is_not_believed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.gguf");
    let said = |tensors: &[(String, u32, Vec<usize>, Vec<u8>)], cut: usize| {
        write_gguf(&path, tensors);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        Checkpoint::open(&path).map(|found| found.tensors().count()).map_err(|error| error.to_string())
    };
    let tensor = |kind, shape: &[usize], bytes: usize| ("a".to_owned(), kind, shape.to_vec(), vec![0; bytes]);
    assert_eq!(said(&[tensor(8, &[2, 32], 68)], 0), Ok(1));
    assert!(said(&[tensor(8, &[2, 32], 68)], 1).unwrap_err().contains("incomplete"));
    assert!(said(&[tensor(8, &[3, 11], 68)], 0).unwrap_err().contains("fills no block"));
    assert!(said(&[tensor(0, &[usize::MAX, 4], 8)], 0).unwrap_err().contains("a shape"));
    assert!(said(&[tensor(0, &[1 << 40], 8)], 0).unwrap_err().contains("incomplete"));
    assert!(said(&[tensor(0, &[1; 9], 4)], 0).unwrap_err().contains("9 dimensions"));
    // Another type is listed, and refused when it is read.
    assert_eq!(said(&[tensor(10, &[256], 84)], 0), Ok(1));
    let refused = Checkpoint::open(&path).unwrap().tensor("a").unwrap_err().to_string();
    assert!(refused.contains("Q2_K"), "{refused}");
    let mut version = fs::read(&path).unwrap();
    version[4] = 9;
    fs::write(&path, &version).unwrap();
    assert!(Checkpoint::open(&path).unwrap_err().to_string().contains("version 9"));
    version[4..8].copy_from_slice(&3u32.to_be_bytes());
    fs::write(&path, &version).unwrap();
    assert!(Checkpoint::open(&path).unwrap_err().to_string().contains("big-endian"));
}
