//! What is no model of Stable Diffusion v1 or v2, under its writers' own names of tensors: each is named.
//!
//! `tests/golden/formats/make_kinds.py` lists the names from diffusers' and transformers' own classes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use safelight::checkpoint::Checkpoint;
use safetensors::tensor::{Dtype, TensorView, serialize};
use tempfile::TempDir;

use super::fixture;

/// What the sentence says, who writes such files, and their tensors.
pub(crate) type Entry = (String, String, BTreeMap<String, Vec<usize>>);

pub(crate) fn entries() -> Vec<Entry> {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(fixture("kinds.json.gz")).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A file of these tensors.
pub(crate) fn write(folder: &TempDir, tensors: &BTreeMap<String, Vec<usize>>) -> PathBuf {
    let path = folder.path().join("file.safetensors");
    let zeros = vec![0; tensors.values().map(|shape| shape.iter().product()).max().unwrap_or(0)];
    let views = tensors.iter().map(|(name, shape)| {
        let bytes = &zeros[..shape.iter().product()];
        (name, TensorView::new(Dtype::U8, shape.clone(), bytes).unwrap())
    });
    fs::write(&path, serialize(views, None).unwrap()).unwrap();
    path
}

fn said_of(path: &Path) -> String {
    let opened = Checkpoint::open(path).and_then(|checkpoint| checkpoint.refuse_other_kinds());
    opened.map_or_else(|error| error.to_string(), |()| "taken for a model".to_owned())
}

#[test]
fn every_kind_is_said_by_name() {
    let folder = TempDir::new().unwrap();
    let mut faults = Vec::new();
    for (words, writer, tensors) in entries() {
        let said = said_of(&write(&folder, &tensors));
        let is_one_sentence = said.starts_with("expected a model of Stable Diffusion v1 or v2, found ");
        if !said.contains(&words) || !is_one_sentence || said.contains('\n') {
            faults.push(format!("{words} of {writer}: {said}"));
        }
    }
    assert!(faults.is_empty(), "{} of them:\n{}", faults.len(), faults.join("\n"));
}
