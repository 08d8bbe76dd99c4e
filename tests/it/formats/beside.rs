//! What lies beside a model: configs of other programs, spellings of one config, parts in files of
//! their own.

use std::fs;
use std::path::Path;

use safelight::engine::{OpenModel, Opening, open_model};
use safelight::message::ModelSource;
use safelight::note::{FileNote, Note};
use safelight::ops::{Device, StopFlag};
use tempfile::TempDir;

use super::fixture;

/// A folder with the fixture's model and tokenizer.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (from, to) in [("model.safetensors", "model-v1.0.safetensors"), ("tokenizer.json", "tokenizer.json")]
    {
        fs::copy(fixture(from), folder.path().join(to)).unwrap();
    }
    folder
}

fn open(source: &ModelSource) -> Result<OpenModel, String> {
    let device = Device::cpu(StopFlag::default());
    open_model(source, Opening::on(&device)).map_err(|error| error.to_string())
}

fn model(folder: &TempDir) -> ModelSource {
    ModelSource::file(folder.path().join("model-v1.0.safetensors"))
}

fn config() -> String {
    fs::read_to_string(fixture("config.yaml")).unwrap()
}

/// The config with lines before `unet_config`.
fn with_lines(lines: &str) -> String {
    config().replacen("    unet_config:", &format!("{lines}    unet_config:"), 1)
}

#[test]
fn spellings_and_training_keys_of_a_config_change_nothing() {
    let folder = folder();
    let yaml = folder.path().join("model-v1.0.yaml");
    let utf_16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(config().encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let configs: Vec<Vec<u8>> = vec![
        with_lines(
            "    personalization_config:\n      target: ldm.modules.embedding_manager.EmbeddingManager\n      \
             params:\n        placeholder_strings: ['*']\n    embedding_reg_weight: 0.0\n",
        )
        .into(),
        with_lines("    unfreeze_model: true\n    model_lr: 1.0e-06\n    emb_lr: 1.0e-3\n    reg_weight: 1\n").into(),
        with_lines("    scheduler_config:\n      target: ldm.lr_scheduler.LambdaLinearScheduler\n").into(),
        config().replace("FrozenCLIPEmbedder", "WeightedFrozenCLIPEmbedder").into(),
        config().replace("ldm.models.diffusion", "invokeai.backend.models.diffusion").into(),
        config().replace("ddpm.LatentDiffusion", "ddpm.LatentInpaintDiffusion").into(),
        config().replace("use_ema: false", "use_ema: no").into(),
        config().replace("0.00085", "8.5e-4").into(),
        format!("\u{feff}{}", config().replace('\n', "\r\n")).into(),
        utf_16,
    ];
    for text in configs {
        fs::write(&yaml, &text).unwrap();
        let opened = open(&model(&folder)).map(|model| model.info.notes.len());
        assert_eq!(opened, Ok(0), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn a_config_that_is_refused_is_named() {
    let folder = folder();
    let yaml = folder.path().join("model-v1.0.yaml");
    for text in [
        config().replace("num_heads: 4", "num_heads: 4\n        num_herds: 4"),
        config().replace("modules.FrozenCLIPEmbedder", "modules.Mystery"),
        config().replace("tokenizer: tokenizer.json", "tokenizer: elsewhere.json"),
        config().replace("    linear_start", "\tlinear_start"),
        "stable-diffusion-1.5:\n  weights: a.ckpt\n".to_owned(),
        "model:\n  target: sgm.models.diffusion.DiffusionEngine\n  params: {}\n".to_owned(),
        "# nothing\n".to_owned(),
        "<!DOCTYPE html><html></html>".to_owned(),
    ] {
        fs::write(&yaml, &text).unwrap();
        let said = open(&model(&folder)).err().unwrap();
        assert!(said.ends_with(&yaml.display().to_string()), "{text}\n{said}");
    }
    // Weights that do not fit are the model file's fault.
    fs::write(&yaml, config().replace("model_channels: 4", "model_channels: 8")).unwrap();
    let said = open(&model(&folder)).err().unwrap();
    assert!(said.ends_with("model-v1.0.safetensors") && said.contains("[8, 4, 3, 3]"), "{said}");
}

#[test]
fn a_foreign_config_beside_a_model_is_left_aside() {
    let folder = folder();
    let left_aside = |notes: &[Note]| {
        notes.iter().any(|note| matches!(note, Note::File(FileNote::CompanionLeftAside { .. })))
    };
    for text in ["theme: dark\n", "model: [\n", "model:\n  target: sgm.models.diffusion.DiffusionEngine\n"] {
        fs::write(folder.path().join("config.yaml"), text).unwrap();
        // The fixture's sixteen words are guessed to be CLIP's, so opening ends at the text encoder.
        let Err(said) = open(&model(&folder)) else { panic!("opened without its config") };
        assert!(said.contains("token_embedding") && !said.contains("config.yaml"), "{said}");
    }
    fs::write(folder.path().join("model-v1.0.yaml"), config()).unwrap();
    fs::write(folder.path().join("settings.json"), "{\"theme\": \"dark\"}").unwrap();
    let model = open(&model(&folder)).unwrap();
    assert_eq!(model.info.name, "model-v1.0");
    assert!(left_aside(&model.info.notes));
}

#[test]
fn parts_in_files_of_their_own_are_told_and_named() {
    let with = |vae: &Path, text_encoder: Option<&Path>| ModelSource::Path {
        path: fixture("model.safetensors"),
        config: Some(fixture("config.yaml")),
        vae: Some(vae.to_owned()),
        text_encoder: text_encoder.map(Path::to_owned),
        prediction: None,
    };
    let model = open(&with(&fixture("diffusers/vae"), Some(&fixture("bare.ckpt")))).unwrap();
    let told = [
        Note::File(FileNote::VaeLaidOver { file: "vae".into() }),
        Note::File(FileNote::TextEncoderLaidOver { file: "bare.ckpt".into() }),
    ];
    assert_eq!(model.info.notes, told);
    let said = open(&with(&fixture("evil.ckpt"), None)).err().unwrap();
    assert!(said.contains("posix.system") && said.ends_with("evil.ckpt"), "{said}");
}
