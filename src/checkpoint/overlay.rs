//! Laying one file's VAE or text encoder over another's: the part's tensors under CompVis names.
//!
//! Files name a part's tensors in several ways: as CompVis does, with and without the part's prefix, as
//! diffusers does, and within a whole model. Trap: a VAE and a text encoder both have `encoder.…`; the
//! part that the caller wants decides how a name is read.

use std::path::Path;

use serde_json::Value;

use super::diffusers::folder;
use super::error::{CheckpointError, Problem};
use super::formats;
use super::kind::Kind;
use super::names::keys::{self, Blocks, FIRST_STAGE, OPEN_CLIP, UNET};
use super::names::open_clip;
use super::names::rests::TextLayout;
use super::part::{ModelPart, Part};
use super::tensor::model_file::{ModelFile, read_small};
use super::tensor::stored::{StoredTensor, Tensors};

/// A VAE's config has 1 KB.
const LONGEST_CONFIG: u64 = 1 << 20;

/// Replaces the model's own part by that of a file or folder.
pub(super) fn lay_over(
    path: &Path,
    part: ModelPart,
    files: &mut Vec<ModelFile>,
    tensors: &mut Tensors,
) -> Result<(), CheckpointError> {
    let stored = match path.is_dir() {
        true => folder::part(path, part, files)?,
        false => {
            let file = ModelFile::open(path)?;
            let listed = formats::list(&file, files.len())?;
            files.push(file);
            listed.tensors
        }
    };
    let named = match part {
        ModelPart::Vae => vae_names(&stored),
        ModelPart::TextEncoder => {
            let named = open_clip::named_as_its_own(text_encoder_names(&stored));
            named.map_err(|problem| problem.at(path))?
        }
    };
    if first_tensor(part, &named).is_none() {
        return Err(Problem::NotThePart { part, found: Kind::of(&stored) }.at(path));
    }
    if let (Some(expected), Some(found)) = (width_of_unet(part, tensors), width(part, &named))
        && expected != found
    {
        return Err(Problem::PartWidth { part, expected, found }.at(path));
    }
    tensors.retain(|name, _| Part::of(name) != part.part());
    tensors.extend(named);
    Ok(())
}

/// Whether a VAE is Stable Diffusion XL's, whose tensors are named and shaped as v1's: its name says so, or the scale
/// that diffusers wrote beside it.
pub(super) fn is_of_xl(path: &Path) -> bool {
    const SCALE: f64 = 0.13025;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_named =
        name.contains("sdxl") || name.split(|c: char| !c.is_alphanumeric()).any(|word| word == "xl");
    let configs =
        [path.join("config.json"), path.join("vae/config.json"), path.with_file_name("config.json")];
    let scale = || {
        let texts = configs.iter().filter_map(|config| read_small(config, LONGEST_CONFIG).ok());
        let configs = texts.filter_map(|text| serde_json::from_str::<Value>(&text).ok());
        configs.filter_map(|config| config.get("scaling_factor")?.as_f64()).next()
    };
    is_named || scale() == Some(SCALE)
}

/// A tensor that every such part has, in one layout or another.
fn first_tensor(part: ModelPart, tensors: &Tensors) -> Option<&StoredTensor> {
    match part {
        ModelPart::Vae => ["decoder.conv_in", "decoder.layers.0"]
            .iter()
            .find_map(|layer| tensors.get(&format!("{FIRST_STAGE}{layer}.weight"))),
        ModelPart::TextEncoder => {
            [TextLayout::Clip, TextLayout::OpenClip].iter().find_map(|layout| tensors.get(&layout.table()))
        }
    }
}

/// Whether any of the tensors belongs to the part.
pub(super) fn holds(tensors: &Tensors, part: ModelPart) -> bool {
    let prefix = match part {
        ModelPart::Vae => FIRST_STAGE,
        ModelPart::TextEncoder => "cond_stage_model.",
    };
    tensors.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
}

/// The channels that a part shares with the UNet: those of the part's own tensor.
fn width(part: ModelPart, tensors: &Tensors) -> Option<usize> {
    first_tensor(part, tensors)?.shape.get(1).copied()
}

/// The same of the UNet's tensor.
fn width_of_unet(part: ModelPart, tensors: &Tensors) -> Option<usize> {
    match part {
        ModelPart::Vae => tensors.get(&format!("{UNET}out.2.weight"))?.shape.first().copied(),
        ModelPart::TextEncoder => {
            let to_k = |name: &str| name.starts_with(UNET) && name.ends_with(".attn2.to_k.weight");
            tensors.iter().find(|(name, _)| to_k(name))?.1.shape.get(1).copied()
        }
    }
}

/// A VAE's tensors, whatever the file calls them.
fn vae_names(stored: &Tensors) -> Tensors {
    let prefix = [FIRST_STAGE, "vae."].into_iter().find(|prefix| {
        stored.range((*prefix).to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    });
    let prefix = prefix.unwrap_or_default();
    if let Some(tiny) = tiny_names(stored, prefix) {
        return tiny;
    }
    let inner = || stored.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
    let of_diffusers = inner().any(|(name, _)| name.contains("coder.mid_block."));
    let decoder = Blocks::count(inner().filter_map(|(name, _)| name.strip_prefix("decoder.")));
    let starts = ["encoder.", "decoder.", "quant_conv.", "post_quant_conv."];
    let name_of = |name: &str| match of_diffusers {
        true => keys::first_stage_name(name, &decoder),
        false => {
            let own =
                starts.iter().any(|start| name.starts_with(start)).then(|| format!("{FIRST_STAGE}{name}"));
            own.map(|own| keys::attention_name(&own).unwrap_or(own))
        }
    };
    let mut named: Tensors =
        inner().filter_map(|(name, tensor)| Some((name_of(name)?, tensor.clone()))).collect();
    keys::attention_to_convolution(&mut named);
    named
}

/// The same of a tiny decoder: as diffusers calls its layers, or by their places alone, as TAESD's own files do with or
/// without `decoder.` before them. TAESD counts the clamp before the first layer.
fn tiny_names(stored: &Tensors, prefix: &str) -> Option<Tensors> {
    const LAYOUTS: [(&str, usize); 3] = [("decoder.layers.", 0), ("decoder.", 1), ("", 1)];
    let (before, first) = LAYOUTS
        .into_iter()
        .map(|(before, first)| (format!("{prefix}{before}"), first))
        .find(|(before, first)| stored.contains_key(&format!("{before}{first}.weight")))?;
    let name_of = |name: &str| {
        let (layer, rest) = name.strip_prefix(&before)?.split_once('.')?;
        let layer = layer.parse::<usize>().ok()?.checked_sub(first)?;
        Some(format!("{FIRST_STAGE}decoder.layers.{layer}.{rest}"))
    };
    Some(stored.iter().filter_map(|(name, tensor)| Some((name_of(name)?, tensor.clone()))).collect())
}

/// A text encoder's tensors, whatever the file calls them.
fn text_encoder_names(stored: &Tensors) -> Tensors {
    const PREFIXES: [&str; 8] = [
        "text_encoders.clip_h.transformer.",
        "clip_h.transformer.",
        "cond_stage_model.transformer.",
        "text_encoders.clip_l.transformer.",
        "clip_l.transformer.",
        "clip_l.",
        "text_encoder.",
        "transformer.",
    ];
    let name_of = |name: &str| {
        if name.starts_with(OPEN_CLIP) {
            return Some(name.to_owned());
        }
        let inner = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        keys::clip_name(inner)
    };
    stored.iter().filter_map(|(name, tensor)| Some((name_of(name)?, tensor.clone()))).collect()
}
