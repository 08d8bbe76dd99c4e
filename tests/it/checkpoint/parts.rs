//! VAEs and text encoders in files of their own: missing, alone, and laid over a model.

use std::fs;
use std::path::{Path, PathBuf};

use safelight::checkpoint::{Checkpoint, Overlays, Part, Problem, guess_config};
use safelight::note::{FileNote, Note};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use tempfile::TempDir;

use super::{copy_folder, fixture};

const VAE: &str = "first_stage_model.";
const TEXT: &str = "cond_stage_model.transformer.text_model.";

/// Writes those of the fixture's tensors that `name` names, under these names.
fn write(folder: &TempDir, file: &str, name: impl Fn(&str) -> Option<String>) -> PathBuf {
    let bytes = fs::read(fixture("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let kept = tensors.iter().filter_map(|(old, view)| Some((name(old)?, view)));
    let path = folder.path().join(file);
    fs::write(&path, serialize(kept, None).unwrap()).unwrap();
    path
}

fn without(folder: &TempDir, prefix: &str) -> PathBuf {
    write(folder, "without.safetensors", |name| (!name.starts_with(prefix)).then(|| name.to_owned()))
}

fn vae(file: &Path) -> Overlays {
    Overlays { vae: Some(file.to_owned()), text_encoder: None }
}

fn text_encoder(file: &Path) -> Overlays {
    Overlays { vae: None, text_encoder: Some(file.to_owned()) }
}

/// Opens the model with these parts and compares every number with the whole fixture's.
fn expect_whole(model: &Path, overlays: &Overlays, part: Part) {
    let whole = Checkpoint::open(fixture("model.safetensors")).unwrap();
    let found = Checkpoint::open_with(model, overlays).unwrap();
    let mut compared = 0;
    for tensor in whole.tensors().filter(|tensor| Part::of(tensor.name) == part) {
        let numbers = |found: &Checkpoint| found.tensor(tensor.name).unwrap().to_f32().into_owned();
        // transformers leaves the positions' numbers out.
        if !tensor.name.ends_with("position_ids") {
            assert_eq!(numbers(&found), numbers(&whole), "{overlays:?}: {}", tensor.name);
            compared += 1;
        }
    }
    assert!(compared > 10);
    assert!(found.notes().iter().any(|note| match note {
        Note::File(FileNote::VaeLaidOver { .. }) => overlays.vae.is_some(),
        Note::File(FileNote::TextEncoderLaidOver { .. }) => overlays.text_encoder.is_some(),
        _ => false,
    }));
}

#[test]
fn a_vae_is_laid_over_under_any_of_its_names() {
    let folder = TempDir::new().unwrap();
    let model = without(&folder, VAE);
    let full = write(&folder, "prefixed.safetensors", |name| name.starts_with(VAE).then(|| name.to_owned()));
    let bare = write(&folder, "bare.safetensors", |name| name.strip_prefix(VAE).map(str::to_owned));
    let short = write(&folder, "vae.safetensors", |name| Some(format!("vae.{}", name.strip_prefix(VAE)?)));
    let file = fixture("diffusers/vae/diffusion_pytorch_model.safetensors");
    let torch = fixture("diffusers-old/vae/diffusion_pytorch_model.bin");
    let others = [fixture("diffusers/vae"), fixture("diffusers"), fixture("model.ckpt"), file, torch];
    for source in [full, bare, short].into_iter().chain(others) {
        expect_whole(&model, &vae(&source), Part::FirstStage);
    }
    // A model that has a VAE loses it.
    let zeros = {
        let bytes = fs::read(fixture("model.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let own = tensors.iter().filter(|(name, _)| name.starts_with(VAE));
        let zeros: Vec<(String, Vec<usize>, Vec<u8>)> = own
            .map(|(name, view)| (name.to_owned(), view.shape().to_vec(), vec![0; view.data().len()]))
            .collect();
        let views = zeros
            .iter()
            .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F16, shape.clone(), bytes).unwrap()));
        serialize(views, None).unwrap()
    };
    let path = folder.path().join("zeros.safetensors");
    fs::write(&path, zeros).unwrap();
    for model in ["model.safetensors", "diffusers"] {
        let found = Checkpoint::open_with(fixture(model), &vae(&path)).unwrap();
        let decoder = found.tensor("first_stage_model.decoder.conv_in.weight").unwrap();
        assert!(decoder.to_f32().iter().all(|number| *number == 0.0), "{model}");
    }
}

#[test]
fn a_text_encoder_is_laid_over_under_any_of_its_names() {
    let folder = TempDir::new().unwrap();
    let model = without(&folder, TEXT);
    let named = |file: &str, prefix: &str| {
        write(&folder, file, |name| Some(format!("{prefix}{}", name.strip_prefix(TEXT)?)))
    };
    let sources = [
        named("a.safetensors", TEXT),
        named("b.safetensors", "cond_stage_model.transformer."),
        named("c.safetensors", "text_model."),
        named("d.safetensors", ""),
        named("e.safetensors", "clip_l.transformer.text_model."),
        fixture("diffusers/text_encoder"),
        fixture("diffusers-old"),
    ];
    for source in sources {
        expect_whole(&model, &text_encoder(&source), Part::TextEncoder);
    }
}

#[test]
fn a_model_without_a_part_says_so_and_how_to_give_it() {
    let folder = TempDir::new().unwrap();
    let guess = |model: &Path| guess_config(&Checkpoint::open(model).unwrap()).unwrap_err().to_string();
    let said = guess(&without(&folder, VAE));
    assert!(said.contains("found no VAE") && said.contains("--vae FILE") && !said.contains("text"), "{said}");
    let said = guess(&without(&folder, "cond_stage_model."));
    assert!(said.contains("found no text encoder") && said.contains("--text-encoder FILE"), "{said}");
    let unet = write(&folder, "unet.safetensors", |name| {
        name.starts_with("model.diffusion_model.").then(|| name.to_owned())
    });
    let said = guess(&unet);
    assert!(said.contains("--vae FILE") && said.contains("--text-encoder FILE"), "{said}");
    let both = Overlays {
        vae: Some(fixture("diffusers/vae")),
        text_encoder: Some(fixture("diffusers/text_encoder")),
    };
    guess_config(&Checkpoint::open_with(&unet, &both).unwrap()).unwrap();
}

#[test]
fn a_diffusers_folder_without_a_part_opens_with_another() {
    let folder = TempDir::new().unwrap();
    copy_folder(&fixture("diffusers"), folder.path());
    fs::remove_dir_all(folder.path().join("vae")).unwrap();
    let said = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(said.contains("vae weights") && said.contains("--vae FILE"), "{said}");
    expect_whole(folder.path(), &vae(&fixture("diffusers/vae")), Part::FirstStage);
    let found = Checkpoint::open_with(folder.path(), &vae(&fixture("diffusers/vae"))).unwrap();
    let config = safelight::checkpoint::diffusers::diffusers_config(&found).unwrap().config;
    let stage = &config["model"]["params"]["first_stage_config"]["params"];
    assert_eq!(stage["ddconfig"]["ch_mult"], serde_json::json!([1, 1, 2, 2]));
}

#[test]
fn what_is_no_such_part_or_of_another_family_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let small = |name: &str, shape: Vec<usize>| {
        let path = folder.path().join("small.safetensors");
        let bytes = vec![0; shape.iter().product()];
        let view = TensorView::new(Dtype::U8, shape, &bytes).unwrap();
        fs::write(&path, serialize([(name, view)], None).unwrap()).unwrap();
        path
    };
    let model = fixture("model.safetensors");
    let said = |overlays: &Overlays| Checkpoint::open_with(&model, overlays).unwrap_err();
    let lora = said(&vae(&small("lora_unet_a.alpha", vec![1]))).to_string();
    assert!(lora.contains("expected a VAE, found an addition to models (LoRA)"), "{lora}");
    assert!(lora.contains("--vae") && lora.ends_with("small.safetensors"), "{lora}");
    let encoder = said(&vae(&small("text_model.encoder.layers.0.a", vec![1]))).to_string();
    assert!(encoder.contains("found a text encoder"), "{encoder}");
    let wide = said(&vae(&small("decoder.conv_in.weight", vec![2, 16, 3, 3])));
    assert!(matches!(wide.problem, Problem::PartWidth { expected: 4, found: 16, .. }), "{wide}");
    let wide = said(&text_encoder(&small("text_model.embeddings.token_embedding.weight", vec![2, 5])));
    assert!(matches!(wide.problem, Problem::PartWidth { expected: 4, found: 5, .. }), "{wide}");
    assert!(said(&vae(&folder.path().join("no.pt"))).to_string().ends_with("no.pt"));
}

#[test]
fn a_vae_that_seems_to_be_of_xl_is_told() {
    let told = |path: &Path| {
        let found = Checkpoint::open_with(fixture("model.safetensors"), &vae(path)).unwrap();
        found.notes().iter().any(|note| note.to_string().contains("Stable Diffusion XL's"))
    };
    let folder = TempDir::new().unwrap();
    let own = fixture("diffusers/vae/diffusion_pytorch_model.safetensors");
    for (name, is_told) in [
        ("sdxl_vae.safetensors", true),
        ("xl-vae-fp16.safetensors", true),
        ("pixl.safetensors", false),
        ("vae.safetensors", false),
    ] {
        let path = folder.path().join(name);
        fs::copy(&own, &path).unwrap();
        assert_eq!(told(&path), is_told, "{name}");
    }
    assert!(!told(&fixture("diffusers/vae")));
    copy_folder(&fixture("diffusers/vae"), &folder.path().join("vae"));
    fs::write(folder.path().join("vae/config.json"), "{\"scaling_factor\": 0.13025}").unwrap();
    assert!(told(&folder.path().join("vae")));
}
