//! Which files of a diffusers folder hold the weights, and their tensors under CompVis names.
//!
//! The trap: repositories on the hub hold the same weights several times over (safetensors and
//! .bin, full and half width). One set is taken: safetensors before .bin, full width before half,
//! averaged weights before those that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::note::Note;

use super::super::bytes::{MappedFile, read_small};
use super::super::error::{CheckpointError, Problem};
use super::super::keys::{self, Blocks};
use super::super::open::list as list_file;
use super::super::stored::StoredTensor;
use super::json::Settings;
use super::open_clip::rename_open_clip;

type Tensors = BTreeMap<String, StoredTensor>;

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

/// A folder's weight files, the UNet's first, their tensors, and what is odd about them.
type Listed = (Vec<MappedFile>, Tensors, Vec<Note>);

/// Maps the weight files of a folder and lists their tensors.
pub(crate) fn list(folder: &Path) -> Result<Listed, CheckpointError> {
    check_pipeline(folder)?;
    let mut files = Vec::new();
    let mut notes = Vec::new();
    let mut tensors = Tensors::new();

    let unet = component(folder, "unet", UNET_FILES, &mut files, &mut notes)?;
    let blocks = Blocks::count(unet.keys().map(String::as_str));
    rename(&mut tensors, "unet", unet, |name| keys::unet_name(name, &blocks));

    let vae = component(folder, "vae", UNET_FILES, &mut files, &mut notes)?;
    let decoder = Blocks::count(vae.keys().filter_map(|name| name.strip_prefix("decoder.")));
    rename(&mut tensors, "vae", vae, |name| keys::first_stage_name(name, &decoder));
    attention_to_convolution(&mut tensors);

    let text_encoder = component(folder, "text_encoder", TEXT_FILES, &mut files, &mut notes)?;
    if is_open_clip(folder)? {
        tensors.extend(rename_open_clip(text_encoder).map_err(|problem| problem.at(folder))?);
    } else {
        rename(&mut tensors, "text_encoder", text_encoder, keys::clip_name);
    }
    Ok((files, tensors, notes))
}

/// Refuses folders of other families by name.
fn check_pipeline(folder: &Path) -> Result<(), CheckpointError> {
    if !folder.join("model_index.json").is_file() {
        return Err(Problem::NoModelIndex.at(folder));
    }
    let index = Settings::read(folder, "model_index.json")?;
    let class = index.text("_class_name").unwrap_or_default();
    let other = ["XL", "3", "Upscale", "LatentUpscale"]
        .iter()
        .any(|mark| class.strip_prefix("StableDiffusion").is_some_and(|rest| rest.starts_with(mark)));
    let known = class.starts_with("StableDiffusion") || class == "LatentConsistencyModelPipeline";
    if other || !known || index.get("text_encoder_2").is_some() {
        let named: String = class.chars().take(60).collect();
        return Err(Problem::OtherModel(format!("a diffusers {named:?}")).at(folder));
    }
    Ok(())
}

/// Stable Diffusion 2's text encoder is CLIP in the same layout, but with an exact GELU.
pub(super) fn is_open_clip(folder: &Path) -> Result<bool, CheckpointError> {
    let settings = Settings::read(folder, "text_encoder/config.json")?.nested("text_config");
    Ok(settings.text("hidden_act") == Some("gelu"))
}

/// Lists one component's tensors under their stored names.
fn component(
    folder: &Path,
    part: &'static str,
    candidates: &[&'static str],
    files: &mut Vec<MappedFile>,
    notes: &mut Vec<Note>,
) -> Result<Tensors, CheckpointError> {
    let inner = folder.join(part);
    let Some(found) = candidates.iter().find(|name| inner.join(name).is_file()) else {
        return Err(Problem::MissingPart { part, looked_for: candidates[0] }.at(folder));
    };
    let names = if found.ends_with(".json") { shards(&inner.join(found))? } else { vec![found.to_string()] };
    let mut tensors = Tensors::new();
    for name in names {
        let file = MappedFile::open(&inner.join(name))?;
        let listed = list_file(&file, files.len())?;
        tensors.extend(listed.tensors);
        notes.extend(listed.notes);
        files.push(file);
    }
    Ok(tensors)
}

/// The file names in the index of a sharded model.
fn shards(index: &Path) -> Result<Vec<String>, CheckpointError> {
    const LONGEST: u64 = 16 << 20;
    const MOST: usize = 1000;
    let broken = |found: &str| Problem::damaged("index", found).at(index);
    let parsed: Value =
        serde_json::from_str(&read_small(index, LONGEST)?).map_err(|e| broken(&e.to_string()))?;
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

/// Moves tensors over under their CompVis names; unknown ones keep theirs behind their part's.
fn rename(all: &mut Tensors, part: &str, tensors: Tensors, name: impl Fn(&str) -> Option<String>) {
    for (old, tensor) in tensors {
        all.insert(name(&old).unwrap_or_else(|| format!("{part}/{old}")), tensor);
    }
}

/// The first stage's attention: linear layers in diffusers, 1×1 convolutions in CompVis.
fn attention_to_convolution(tensors: &mut Tensors) {
    for (name, tensor) in tensors.range_mut(keys::FIRST_STAGE.to_owned()..) {
        let attention =
            name.starts_with(keys::FIRST_STAGE) && (name.contains(".attn_1.") || name.contains(".attn."));
        if attention && name.ends_with(".weight") && tensor.shape.len() == 2 {
            tensor.shape.extend([1, 1]);
            tensor
                .pieces
                .iter_mut()
                .filter_map(|piece| piece.strides.as_mut())
                .for_each(|s| s.extend([1, 1]));
        }
    }
}
