//! Which files of a diffusers folder hold the weights, and their tensors under CompVis names.
//!
//! Trap: repositories on the hub hold the same weights several times over (safetensors and
//! .bin, full and half width). One set counts: safetensors before .bin, full width before half,
//! averaged weights before those that are not.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::note::{FileNote, Note};

use super::json::{Settings, parse};
use super::pipelines;
use crate::checkpoint::error::{CheckpointError, Problem};
use crate::checkpoint::formats;
use crate::checkpoint::names::keys::{self, Blocks};
use crate::checkpoint::names::open_clip::rename_open_clip;
use crate::checkpoint::part::{ModelPart, Overlays};
use crate::checkpoint::tensor::model_file::{ModelFile, read_small};
use crate::checkpoint::tensor::stored::Tensors;

const UNET_FILES: &[&str] = &[
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.fp16.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.bf16.safetensors",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.bin.index.json",
    "diffusion_pytorch_model.fp16.bin",
    "diffusion_pytorch_model.non_ema.safetensors",
    "diffusion_pytorch_model.non_ema.bin",
];

const TEXT_FILES: &[&str] = &[
    "model.safetensors",
    "model.safetensors.index.json",
    "model.fp16.safetensors",
    "model.fp16.safetensors.index.json",
    "model.safetensors.index.fp16.json",
    "model.bf16.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "pytorch_model.fp16.bin",
];

/// The weights of a folder.
#[derive(Default)]
pub(crate) struct Listed {
    /// Its weight files, the UNet's first.
    pub(crate) files: Vec<ModelFile>,
    /// Their tensors, under CompVis names.
    pub(crate) tensors: Tensors,
    /// What is odd about it.
    pub(crate) notes: Vec<Note>,
}

/// Opens a folder's weight files and lists their tensors; parts that come from elsewhere are left out.
pub(crate) fn list(folder: &Path, overlays: &Overlays) -> Result<Listed, CheckpointError> {
    pipelines::check(folder)?;
    let Listed { mut files, mut tensors, mut notes } = Listed::default();

    let part = unet_folder(folder);
    if part != UNET {
        notes.push(Note::File(FileNote::EmaOnly));
    }
    let unet = component(folder, part, UNET_FILES, &mut files, &mut notes)?;
    let blocks = Blocks::count(unet.keys().map(String::as_str));
    rename(&mut tensors, "unet", unet, |name| keys::unet_name(name, &blocks));

    if overlays.vae.is_none() {
        let vae = component(folder, "vae", UNET_FILES, &mut files, &mut notes)?;
        let decoder = Blocks::count(vae.keys().filter_map(|name| name.strip_prefix("decoder.")));
        rename(&mut tensors, "vae", vae, |name| keys::first_stage_name(name, &decoder));
        keys::attention_to_convolution(&mut tensors);
    }
    if overlays.text_encoder.is_none() {
        let text_encoder = component(folder, "text_encoder", TEXT_FILES, &mut files, &mut notes)?;
        if is_open_clip(folder)? {
            tensors.extend(rename_open_clip(text_encoder).map_err(|problem| problem.at(folder))?);
        } else {
            rename(&mut tensors, "text_encoder", text_encoder, keys::clip_name);
        }
    }
    Ok(Listed { files, tensors, notes })
}

const UNET: &str = "unet";
const UNET_AVERAGES: &str = "unet_ema";

/// The subfolder of the UNet: trainers leave one with its moving averages, at times that alone.
pub(super) fn unet_folder(folder: &Path) -> &'static str {
    let has = |part: &str| UNET_FILES.iter().any(|name| folder.join(part).join(name).is_file());
    if !has(UNET) && has(UNET_AVERAGES) { UNET_AVERAGES } else { UNET }
}

/// One part's tensors under their stored names, from its own folder or the diffusers folder above.
pub(crate) fn part(
    path: &Path,
    part: ModelPart,
    files: &mut Vec<ModelFile>,
) -> Result<Tensors, CheckpointError> {
    let candidates = match part {
        ModelPart::Vae => UNET_FILES,
        ModelPart::TextEncoder => TEXT_FILES,
    };
    let is_in = |folder: &Path| candidates.iter().any(|name| folder.join(name).is_file());
    let name = if is_in(path) { "" } else { part.folder() };
    if !is_in(&path.join(name)) {
        return Err(Problem::NotThePart { part, found: None }.at(path));
    }
    component(path, name, candidates, files, &mut Vec::new())
}

/// Stable Diffusion 2's text encoder is CLIP in the same layout, but with an exact GELU.
fn is_open_clip(folder: &Path) -> Result<bool, CheckpointError> {
    Ok(is_exact_gelu(&Settings::read(folder, "text_encoder/config.json")?.nested("text_config")))
}

pub(super) fn is_exact_gelu(text_encoder: &Settings) -> bool {
    text_encoder.text("hidden_act") == Some("gelu")
}

/// Lists one component's tensors under their stored names. `part` is its subfolder.
fn component(
    folder: &Path,
    part: &'static str,
    candidates: &[&'static str],
    files: &mut Vec<ModelFile>,
    notes: &mut Vec<Note>,
) -> Result<Tensors, CheckpointError> {
    let inner = folder.join(part);
    let Some(found) = candidates.iter().find(|name| inner.join(name).is_file()) else {
        return Err(Problem::MissingPart { part, looked_for: candidates[0] }.at(folder));
    };
    let names = if found.ends_with(".json") { shards(&inner.join(found))? } else { vec![found.to_string()] };
    let mut tensors = Tensors::new();
    for name in names {
        let file =
            ModelFile::open(&inner.join(&name)).map_err(|error| missing_in(folder, part, &name, error))?;
        let listed = formats::list(&file, files.len())?;
        tensors.extend(listed.tensors);
        notes.extend(listed.notes);
        files.push(file);
    }
    Ok(tensors)
}

/// Reports a missing shard as a missing file of the folder.
fn missing_in(folder: &Path, part: &str, name: &str, error: CheckpointError) -> CheckpointError {
    match error.problem {
        Problem::Missing => Problem::MissingFile(format!("{part}/{name}")).at(folder),
        _ => error,
    }
}

/// The file names in the index of a sharded model.
fn shards(index: &Path) -> Result<Vec<String>, CheckpointError> {
    const LONGEST: u64 = 16 << 20;
    const MOST: usize = 1000;
    let broken = |found: &str| Problem::damaged("index", found).at(index);
    let parsed: Value = parse(&read_small(index, LONGEST)?).map_err(|e| broken(&e.to_string()))?;
    let map = parsed.get("weight_map").and_then(Value::as_object).ok_or_else(|| broken("no weight_map"))?;
    let names: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    if names.is_empty() || names.len() > MOST {
        return Err(broken(&format!("{} files in its weight_map", names.len())));
    }
    // A plain file name beside the index, nothing that leads elsewhere.
    match names.iter().find(|name| name.contains(['/', '\\', ':']) || name.starts_with('.')) {
        Some(name) => Err(broken(&format!("{name:?} for a file name"))),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// Moves tensors to `all` under their CompVis names; unknown ones keep theirs behind their part's.
fn rename(all: &mut Tensors, part: &str, tensors: Tensors, name: impl Fn(&str) -> Option<String>) {
    for (old, tensor) in tensors {
        all.insert(name(&old).unwrap_or_else(|| format!("{part}/{old}")), tensor);
    }
}
