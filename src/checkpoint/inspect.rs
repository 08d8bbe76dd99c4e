//! What a checkpoint is made of, as plain data for whoever prints it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::element::ElementType;
use super::keys::{CLIP, EMA, FIRST_STAGE, OPEN_CLIP, UNET};
use super::open::{Checkpoint, CheckpointKind, TensorInfo};

/// The parts a model file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `cond_stage_model.…`
    TextEncoder,
    /// `model.diffusion_model.…`
    Unet,
    /// `first_stage_model.…`
    FirstStage,
    /// `model_ema.…`: moving averages of the UNet.
    Ema,
    /// The noise schedule's buffers.
    Schedule,
    /// Names that belong to no part.
    Other,
}

impl Part {
    /// The part in plain words.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextEncoder => "text encoder",
            Self::Unet => "UNet",
            Self::FirstStage => "first stage",
            Self::Ema => "EMA",
            Self::Schedule => "schedule",
            Self::Other => "other",
        }
    }

    /// The part that a tensor's name belongs to.
    pub fn of(name: &str) -> Self {
        const SCHEDULE: &[&str] = &[
            "alphas_cumprod",
            "betas",
            "posterior_",
            "sqrt_",
            "log_one_minus",
            "scale_factor",
            "v_pred",
            "ztsnr",
        ];
        let starts = |start: &str| name.starts_with(start);
        if starts(UNET) {
            Self::Unet
        } else if starts(FIRST_STAGE) {
            Self::FirstStage
        } else if starts(CLIP) || starts(OPEN_CLIP) || starts("cond_stage_model.") {
            Self::TextEncoder
        } else if starts(EMA) {
            Self::Ema
        } else if SCHEDULE.iter().any(|start| starts(start)) {
            Self::Schedule
        } else {
            Self::Other
        }
    }
}

/// One part's sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartReport {
    /// How many tensors.
    pub tensors: usize,
    /// How many numbers.
    pub parameters: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// How many tensors are of each element type.
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

/// Sums up a checkpoint. Reads no numbers.
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
