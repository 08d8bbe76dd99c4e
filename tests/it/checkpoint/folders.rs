//! Folders as people name them: above, beside and within the model, and with files missing.

use std::fs;
use std::path::Path;

use safelight::checkpoint::diffusers::diffusers_config;
use safelight::checkpoint::{Checkpoint, CheckpointKind};
use safelight::engine::is_model;
use safelight::note::{FileNote, Note};
use tempfile::TempDir;

use super::{copy_folder, fixture};

fn copy() -> TempDir {
    let folder = TempDir::new().unwrap();
    copy_folder(&fixture("diffusers"), &folder.path().join("sd"));
    folder
}

fn refusal(path: &Path) -> String {
    match Checkpoint::open(path) {
        Ok(found) => found.refuse_other_kinds().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

fn found_within(path: &Path) -> String {
    let found = Checkpoint::open(path).unwrap();
    match found.notes() {
        [Note::File(FileNote::FoundWithin { found })] => found.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_with_exactly_one_model_stands_for_it() {
    let folder = copy();
    assert_eq!(found_within(folder.path()), "sd");
    let index = Checkpoint::open(folder.path().join("sd/model_index.json")).unwrap();
    assert_eq!(index.kind(), CheckpointKind::DiffusersFolder);

    let folder = TempDir::new().unwrap();
    fs::copy(fixture("model.safetensors"), folder.path().join("a.safetensors")).unwrap();
    fs::write(folder.path().join("README.md"), "words").unwrap();
    assert_eq!(found_within(folder.path()), "a.safetensors");
    // A VAE beside it is no model.
    let vae = fixture("diffusers/vae/diffusion_pytorch_model.safetensors");
    fs::copy(vae, folder.path().join("b.vae.safetensors")).unwrap();
    assert_eq!(found_within(folder.path()), "a.safetensors");
    fs::copy(fixture("bare.ckpt"), folder.path().join("c.ckpt")).unwrap();
    let said = refusal(folder.path());
    assert!(said.contains("several") && said.contains("a.safetensors, c.ckpt"), "{said}");
}

#[test]
fn a_repository_in_the_hubs_cache_stands_for_its_version() {
    let cache = TempDir::new().unwrap();
    let repository = cache.path().join("models--runwayml--stable-diffusion-v1-5");
    copy_folder(&fixture("diffusers"), &repository.join("snapshots/0123abcd"));
    fs::create_dir_all(repository.join("refs")).unwrap();
    let path = Path::new("snapshots/0123abcd");
    assert_eq!(Path::new(&found_within(&repository)), path);
    copy_folder(&fixture("diffusers-old"), &repository.join("snapshots/4567"));
    fs::write(repository.join("refs/main"), "0123abcd\n").unwrap();
    assert_eq!(Path::new(&found_within(&repository)), path);
    assert!(found_within(cache.path()).ends_with("0123abcd"));
    fs::write(repository.join("refs/main"), "../../elsewhere").unwrap();
    assert!(Checkpoint::open(&repository).is_err());
}

#[test]
fn a_part_of_a_folder_is_refused_with_the_folder_to_name() {
    let folder = copy();
    let whole = folder.path().join("sd");
    for part in [
        "unet",
        "scheduler",
        "vae/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    ] {
        let said = refusal(&whole.join(part));
        let name = part.split('/').next().unwrap();
        let expected =
            format!("found the {name} of a diffusers folder; name that folder, {}", whole.display());
        assert!(said.contains(&expected), "{part}: {said}");
    }
    let part = |path: &str| is_model(&whole.join(path)).unwrap_err().part();
    assert_eq!(part("vae"), part("vae/diffusion_pytorch_model.safetensors"));
    assert!(part("vae").is_some() && part("text_encoder").is_some() && part("unet").is_none());
}

#[test]
fn a_missing_file_is_named() {
    for file in ["model_index.json", "unet/config.json", "vae/config.json", "text_encoder/config.json"] {
        let folder = copy();
        let whole = folder.path().join("sd");
        fs::remove_file(whole.join(file)).unwrap();
        let opened = Checkpoint::open(&whole);
        let said = opened.and_then(|found| diffusers_config(&found).map(drop)).unwrap_err().to_string();
        assert!(said.contains(&format!("expected {file} in the diffusers folder")), "{said}");
    }
    let folder = TempDir::new().unwrap();
    copy_folder(&fixture("diffusers-old"), folder.path());
    fs::remove_file(folder.path().join("text_encoder/model-00002-of-00002.safetensors")).unwrap();
    let said = refusal(folder.path());
    assert!(said.contains("expected text_encoder/model-00002-of-00002.safetensors in"), "{said}");
}

#[test]
fn a_folder_opens_in_all_the_spellings_of_its_writers() {
    let plain = diffusers_config(&Checkpoint::open(fixture("diffusers")).unwrap()).unwrap().config;
    let folder = copy();
    let whole = folder.path().join("sd");
    let change = |file: &str, from: &str, to: &str| {
        let text = fs::read_to_string(whole.join(file)).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(whole.join(file), format!("\u{feff}{}", text.replacen(from, to, 1))).unwrap();
    };
    change("unet/config.json", "\"sample_size\": 8", "\"sample_size\": [8, 8]");
    change("vae/config.json", "\"sample_size\": 64", "\"sample_size\": [64, 64]");
    change("model_index.json", "{", "{");
    let found = Checkpoint::open(&whole).unwrap();
    assert_eq!(diffusers_config(&found).unwrap().config, plain);
    assert_eq!(found.notes(), []);

    fs::rename(whole.join("unet"), whole.join("unet_ema")).unwrap();
    fs::remove_dir_all(whole.join("scheduler")).unwrap();
    let found = Checkpoint::open(&whole).unwrap();
    assert_eq!(found.notes(), [Note::File(FileNote::EmaOnly)]);
    let told = diffusers_config(&found).unwrap();
    assert_eq!((told.config, told.notes), (plain, vec![Note::File(FileNote::SchedulerAssumed)]));
}

/// A class that people wrote for v1 counts by its parts; one of another family is named.
#[test]
fn pipelines_are_told_by_their_class_or_their_parts() {
    let said_of = |class: &str, change: fn(&mut serde_json::Value)| {
        let folder = copy();
        let path = folder.path().join("sd/model_index.json");
        let mut index: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        index["_class_name"] = class.into();
        change(&mut index);
        fs::write(&path, index.to_string()).unwrap();
        Checkpoint::open(&path).map_or_else(|error| error.to_string(), |_| String::new())
    };
    for class in [
        "StableDiffusionControlNetPipeline",
        "CycleDiffusionPipeline",
        "LongPromptPipeline",
        "DiffusionPipeline",
    ] {
        assert_eq!(said_of(class, |_| ()), "", "{class}");
    }
    for (class, family) in [
        ("StableDiffusionXLImg2ImgPipeline", "Stable Diffusion XL;"),
        ("Flux2KleinPipeline", "Flux 2;"),
        ("OnnxStableDiffusionPipeline", "Stable Diffusion in ONNX;"),
        ("StableUnCLIPImg2ImgPipeline", "Stable unCLIP;"),
        ("LDMTextToImagePipeline", "latent diffusion with BERT;"),
        ("WuerstchenCombinedPipeline", "Stable Cascade;"),
    ] {
        let said = said_of(class, |_| ());
        assert!(said.contains(&format!("found one of another family: {family}")), "{class}: {said}");
    }
    let said = said_of("MysteryPipeline", |index| index["unet"][1] = "UNet3DConditionModel".into());
    assert!(said.contains("\"MysteryPipeline\""), "{said}");
    let said = said_of("MysteryPipeline", |index| {
        index["text_encoder_2"] = serde_json::json!(["transformers", "CLIPTextModel"])
    });
    assert!(said.contains("\"MysteryPipeline\""), "{said}");
}
