//! Files that are no checkpoint, damaged, or hostile: one sentence each.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use safelight::checkpoint::Checkpoint;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use super::{SINGLE_FILES, copy_folder, fixture};

fn refusal(path: &Path) -> String {
    let said = Checkpoint::open(path).unwrap_err().to_string();
    assert!(said.ends_with(&format!(": {}", path.display())), "the path is not last: {said}");
    assert!(said.starts_with("expected "), "nothing is expected: {said}");
    said
}

/// What is said about a file of these bytes.
fn refused(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.ckpt");
    fs::write(&path, bytes).unwrap();
    refusal(&path)
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

#[test]
fn a_file_that_asks_to_run_something_is_refused_by_name() {
    let said = refusal(&fixture("evil.ckpt"));
    assert!(said.contains("asks to run `posix.system`") && said.contains("refused"), "{said}");
    assert!(!Path::new("EVIL_CHECKPOINT_RAN_CODE").exists());
}

#[test]
fn what_is_no_checkpoint_is_named() {
    let folder = TempDir::new().unwrap();
    assert!(refusal(&folder.path().join("nothing.ckpt")).contains("check the path"));
    assert!(refusal(folder.path()).contains("found none in it"));
    assert!(refused(b"").contains("empty file"));
    assert!(refused(b"<!DOCTYPE html><html></html>").contains("web page"));
    assert!(refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").contains("git lfs pull"));
    assert!(refused(b"GGUF\x03\0\0\0").contains("GGUF header"));
    assert!(refused(b"ggjt\x03\0\0\0").contains("GGML"));
    assert!(refused(b"\x89PNG\r\n\x1a\n\0\0").contains("a picture (PNG)"));
    assert!(refused(b"\x01\x02\x03\x04\xff").contains("01 02 03 04"));
    assert!(refused(b"\x80\x02}q\0.").contains("magic number"));
    for packing in [stored(), SimpleFileOptions::default()] {
        assert!(refused(&zip_of("word/document.xml", b"words", packing)).contains("without a data.pkl"));
    }
}

/// A zip with one entry.
fn zip_of(name: &str, content: &[u8], packing: SimpleFileOptions) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, packing).unwrap();
    archive.write_all(content).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn torch_files_that_are_no_models_are_named() {
    let torch = |program: &[u8]| refused(&zip_of("archive/data.pkl", program, stored()));
    // {"string_to_param": {}, …}, {768: [], …}, {"params_ema": {}}.
    let embedding = torch(b"\x80\x02}(X\x0f\0\0\0string_to_param}X\x04\0\0\0nameX\x01\0\0\0au.");
    assert!(embedding.contains("an embedding"), "{embedding}");
    let hypernetwork = torch(b"\x80\x02}(M\x00\x03]X\x04\0\0\0nameX\x01\0\0\0au.");
    assert!(hypernetwork.contains("a hypernetwork"), "{hypernetwork}");
    let upscaler = torch(b"\x80\x02}X\x0a\0\0\0params_ema}s.");
    assert!(upscaler.contains("an upscaler"), "{upscaler}");
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)
}

#[test]
fn truncated_files_say_what_is_missing() {
    for name in SINGLE_FILES {
        let whole = fs::read(fixture(name)).unwrap();
        let half = &whole[..whole.len() / 2];
        let said = refused(half);
        assert!(said.contains(&format!("{}", half.len())), "{name}: {said}");
        assert!(said.contains("again"), "{name}: {said}");
    }
    let whole = fs::read(fixture("model.safetensors")).unwrap();
    let said = refused(&whole[..whole.len() - 1]);
    assert!(said.contains(&format!("expected {} bytes, found {}", whole.len(), whole.len() - 1)), "{said}");
}

#[test]
fn big_endian_files_are_refused() {
    let mut file = fs::read(fixture("model.ckpt")).unwrap();
    let at = find(&file, b"little");
    file[at..at + 6].copy_from_slice(b"big   ");
    assert!(refused(&file).contains("big-endian"));
    let mut file = fs::read(fixture("model-legacy.ckpt")).unwrap();
    let at = find(&file, b"little_endian");
    let flag = at + file[at..].iter().position(|byte| *byte == 0x88).unwrap();
    file[flag] = 0x89;
    assert!(refused(&file).contains("big-endian"));
}

#[test]
fn zips_with_overlapping_or_packed_entries_are_refused() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("a/data.pkl", stored()).unwrap();
    archive.write_all(b"}.").unwrap();
    archive.shallow_copy_file("a/data.pkl", "a/data/0").unwrap();
    let said = refused(archive.finish().unwrap().get_ref());
    assert!(said.contains("overlap"), "{said}");

    let mut file = fs::read(fixture("bare.ckpt")).unwrap();
    // Bytes 8 and 10 hold the method in a local and a central header.
    file[8] = 8;
    let central = find(&file, b"PK\x01\x02");
    file[central + 10] = 8;
    let said = refused(&file);
    assert!(said.contains("data.pkl packed"), "{said}");
}

#[test]
fn a_tensor_outside_of_its_storage_is_refused() {
    let mut file = fs::read(fixture("bare.ckpt")).unwrap();
    // The first tensor is alphas_cumprod: 16 numbers (K 0x10) from 0 (K 0x00).
    let at = find(&file, b"QK\0K\x10\x85");
    file[at + 2] = 1;
    let said = refused(&file);
    assert!(said.contains("alphas_cumprod outside of its storage"), "{said}");
}

#[test]
fn a_folder_without_a_part_or_with_a_foreign_shard_is_refused() {
    let folder = TempDir::new().unwrap();
    copy_folder(&fixture("diffusers-old"), folder.path());
    let index = folder.path().join("text_encoder/model.safetensors.index.json");
    fs::write(&index, r#"{"weight_map": {"a": "../unet/config.json"}}"#).unwrap();
    assert!(refusal_within(folder.path()).contains("../unet/config.json"));
    fs::remove_dir_all(folder.path().join("text_encoder")).unwrap();
    assert!(refusal_within(folder.path()).contains("text_encoder"));
}

fn refusal_within(folder: &Path) -> String {
    Checkpoint::open(folder).unwrap_err().to_string()
}
