//! Which pipelines of diffusers are Stable Diffusion v1 or v2, by their index; others are named.
//!
//! Trap: classes of other families begin with `StableDiffusion` too, and pipelines that people wrote for v1 have any
//! name. A class that is not known counts by the classes of its parts.

use std::path::Path;

use serde_json::Value;

use super::json::Settings;
use crate::checkpoint::error::{CheckpointError, Problem};
use crate::checkpoint::kind::Kind;
use crate::told::quoted;

/// Beginnings of the classes of other families' pipelines. The first that fits decides.
const OTHERS: &[(&str, &str)] = &[
    ("StableDiffusionXL", "Stable Diffusion XL"),
    ("StableDiffusion3", "Stable Diffusion 3"),
    ("StableDiffusionUpscale", "Stable Diffusion's upscaler"),
    ("StableDiffusionLatentUpscale", "Stable Diffusion's upscaler"),
    ("StableDiffusionImageVariation", "Stable Diffusion's image variations"),
    ("StableDiffusionLDM3D", "LDM3D"),
    ("StableDiffusionOnnx", "Stable Diffusion in ONNX"),
    ("OnnxStableDiffusion", "Stable Diffusion in ONNX"),
    ("OVStableDiffusion", "Stable Diffusion in OpenVINO"),
    ("StableUnCLIP", "Stable unCLIP"),
    ("StableVideoDiffusion", "Stable Video Diffusion"),
    ("StableCascade", "Stable Cascade"),
    ("StableAudio", "Stable Audio"),
    ("AltDiffusion", "AltDiffusion"),
    ("AnimateDiff", "AnimateDiff"),
    ("AuraFlow", "AuraFlow"),
    ("Chroma", "Chroma"),
    ("CogVideoX", "CogVideoX"),
    ("CogView", "CogView"),
    ("Cosmos", "Cosmos"),
    ("DiTPipeline", "diffusion transformer (DiT)"),
    ("Flux2", "Flux 2"),
    ("Flux3", "Flux 3"),
    ("Flux", "Flux"),
    ("HiDream", "HiDream"),
    ("HunyuanDiT", "Hunyuan-DiT"),
    ("HunyuanImage", "HunyuanImage"),
    ("HunyuanVideo", "HunyuanVideo"),
    ("I2VGenXL", "I2VGen-XL"),
    ("IF", "DeepFloyd IF"),
    ("Kandinsky", "Kandinsky"),
    ("Kolors", "Kolors"),
    ("LDMTextToImage", "latent diffusion with BERT"),
    ("LTX", "LTX-Video"),
    ("Lumina", "Lumina"),
    ("Marigold", "Marigold"),
    ("Mochi", "Mochi"),
    ("OmniGen", "OmniGen"),
    ("PaintByExample", "Paint by Example"),
    ("PIAPipeline", "AnimateDiff"),
    ("PixArt", "PixArt"),
    ("QwenImage", "Qwen-Image"),
    ("Sana", "Sana"),
    ("TextToVideoSD", "text to video"),
    ("VideoToVideoSD", "text to video"),
    ("Wan", "Wan"),
    ("Wuerstchen", "Stable Cascade"),
    ("ZImage", "Z-Image"),
];

/// Refuses folders of other families by name.
pub(super) fn check(folder: &Path) -> Result<(), CheckpointError> {
    let index = Settings::read(folder, "model_index.json")?;
    let class = index.text("_class_name").unwrap_or_default();
    if let Some((_, name)) = OTHERS.iter().find(|(start, _)| class.starts_with(start)) {
        return Err(Problem::OtherKind(Kind::Family(name)).at(folder));
    }
    let known = class.starts_with("StableDiffusion") || class == "LatentConsistencyModelPipeline";
    if !(known || has_parts_of_v1(&index)) || index.get("text_encoder_2").is_some() {
        return Err(Problem::OtherPipeline(quoted(class)).at(folder));
    }
    Ok(())
}

/// Whether the parts are those that v1 and v2 have, each told as `[library, class]`.
fn has_parts_of_v1(index: &Settings) -> bool {
    let class = |part: &str| index.get(part)?.as_array()?.get(1).and_then(Value::as_str);
    [("unet", "UNet2DConditionModel"), ("text_encoder", "CLIPTextModel"), ("vae", "AutoencoderKL")]
        .iter()
        .all(|(part, expected)| class(part) == Some(expected))
}
