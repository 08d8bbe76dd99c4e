//! What a checkpoint is made of, as plain data to print.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::formats::CheckpointKind;
use super::open::{Checkpoint, TensorInfo};
use super::part::Part;
use super::tensor::element::ElementType;

/// The sums over one part's tensors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartReport {
    /// Tensors that the part has.
    pub tensors: usize,
    /// Elements of all its tensors.
    pub parameters: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Tensors of each element type.
    pub elements: BTreeMap<ElementType, usize>,
}

/// What a file or folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is stored as.
    pub kind: CheckpointKind,
    /// Bytes of its weight files.
    pub total_bytes: u64,
    /// The parts that are there.
    pub parts: BTreeMap<Part, PartReport>,
    /// Tensors that belong to no part, sorted.
    pub leftovers: Vec<String>,
    /// What else a torch file carries (`optimizer_states`, …), sorted.
    pub beside: Vec<String>,
    /// Whether the weights lie under `state_dict` or a like key.
    pub has_state_dict: bool,
}

/// Sums up a checkpoint from its headers alone.
pub fn inspect(checkpoint: &Checkpoint) -> Report {
    let mut parts: BTreeMap<Part, PartReport> = BTreeMap::new();
    let mut leftovers = Vec::new();
    for TensorInfo { name, element, shape, bytes } in checkpoint.tensors() {
        let part = Part::of(name);
        if part == Part::Other {
            leftovers.push(name.to_owned());
        }
        let report = parts.entry(part).or_default();
        report.tensors += 1;
        report.parameters += shape.iter().map(|size| *size as u64).product::<u64>();
        report.bytes += bytes;
        *report.elements.entry(element).or_default() += 1;
    }
    Report {
        path: checkpoint.path().to_path_buf(),
        kind: checkpoint.kind(),
        total_bytes: checkpoint.total_bytes(),
        parts,
        leftovers,
        beside: checkpoint.beside().to_vec(),
        has_state_dict: checkpoint.has_state_dict(),
    }
}
