//! Checkpoint files of every layout, and files that are none.
//!
//! Invariant: whatever the bytes, opening and reading end in tensors or in one sentence.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use safelight::checkpoint::diffusers::diffusers_config;
use safelight::checkpoint::{
    Checkpoint, CheckpointKind, ElementType, EmaView, Part, ema_name, guess_config, inspect,
};
use safelight::ops::StopFlag;
use safelight::ops::host::{HostData, TensorSource};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const FIRST: &str = "model.diffusion_model.input_blocks.0.0.weight";
const SINGLE_FILES: &[&str] = &["model.safetensors", "model.ckpt", "model-legacy.ckpt", "bare.ckpt"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats").join(name)
}

fn refusal(path: &Path) -> String {
    let said = Checkpoint::open(path).unwrap_err().to_string();
    assert!(said.ends_with(&format!(": {}", path.display())), "the path is not last: {said}");
    assert!(said.starts_with("expected "), "nothing is expected: {said}");
    said
}

/// What is said about a file of these bytes.
fn refused(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.ckpt");
    fs::write(&path, bytes).unwrap();
    refusal(&path)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

#[test]
fn every_layout_holds_the_same_tensors() {
    let expected = Checkpoint::open(fixture("model.safetensors")).unwrap();
    assert_eq!(expected.tensors().count(), 514);
    for layout in ["model.ckpt", "model-legacy.ckpt", "bare.ckpt", "diffusers", "diffusers-old"] {
        let found = Checkpoint::open(fixture(layout)).unwrap();
        for tensor in expected.tensors() {
            let folder = found.kind() == CheckpointKind::DiffusersFolder;
            if folder && Part::of(tensor.name) == Part::Schedule {
                assert!(!found.contains(tensor.name));
                continue;
            }
            assert_eq!(found.stored_shape(tensor.name), Some(tensor.shape), "{layout} {}", tensor.name);
            assert_eq!(found.element(tensor.name), Some(tensor.element), "{layout} {}", tensor.name);
            let same = found.tensor(tensor.name).unwrap() == expected.tensor(tensor.name).unwrap();
            assert!(same, "{layout} {}", tensor.name);
        }
        assert_eq!(inspect(&found).leftovers, Vec::<String>::new(), "{layout}");
    }
}

#[test]
fn kinds_and_what_is_known_of_them() {
    let open = |name: &str| Checkpoint::open(fixture(name)).unwrap();
    let kinds = [
        ("model.safetensors", CheckpointKind::Safetensors, false),
        ("model.ckpt", CheckpointKind::TorchZip, true),
        ("model-legacy.ckpt", CheckpointKind::TorchLegacy, true),
        ("bare.ckpt", CheckpointKind::TorchZip, false),
        ("diffusers", CheckpointKind::DiffusersFolder, false),
    ];
    for (name, kind, has_state_dict) in kinds {
        let found = open(name);
        assert_eq!((found.kind(), found.has_state_dict()), (kind, has_state_dict), "{name}");
    }
    let size = fs::metadata(fixture("model.ckpt")).unwrap().len();
    assert_eq!(open("model.ckpt").total_bytes(), size);
}

#[test]
fn lightnings_additions_are_carried_or_skipped() {
    for name in ["model.ckpt", "model-legacy.ckpt"] {
        let found = Checkpoint::open(fixture(name)).unwrap();
        assert!(found.has_ema());
        let beside = [
            "callbacks",
            "epoch",
            "global_step",
            "lr_schedulers",
            "optimizer_states",
            "pytorch-lightning_version",
        ];
        assert_eq!(found.beside(), beside);
        assert_eq!(found.tensor("model_ema.num_updates").unwrap().data, HostData::I64(vec![470_000].into()));
        let ids = found.tensor("cond_stage_model.transformer.text_model.embeddings.position_ids").unwrap();
        assert_eq!((ids.shape, ids.data), (vec![1, 77], HostData::I64((0..77).collect())));
        let report = inspect(&found);
        assert_eq!(report.parts[&Part::Ema].tensors, 3);
        assert_eq!(report.parts[&Part::Unet].elements, BTreeMap::from([(ElementType::F16, 286)]));
    }
    assert!(!Checkpoint::open(fixture("bare.ckpt")).unwrap().has_ema());
}

#[test]
fn averages_stand_in_for_the_unet_where_they_are() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ema.safetensors");
    let numbers = |n: f32| n.to_le_bytes().repeat(2);
    let (plain, averaged, other) = (numbers(1.0), numbers(2.0), numbers(3.0));
    let copy = ema_name("model.diffusion_model.a.weight").unwrap();
    let view = |data| TensorView::new(Dtype::F32, vec![2], data).unwrap();
    let tensors = [
        ("model.diffusion_model.a.weight", view(&plain)),
        (copy.as_str(), view(&averaged)),
        ("model.diffusion_model.b.weight", view(&other)),
    ];
    fs::write(&path, serialize(tensors, None).unwrap()).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    let ema = EmaView(&checkpoint);
    let read = |source: &dyn TensorSource, name: &str| source.read(name, &[2]).unwrap().to_f32()[0];
    assert_eq!(read(&checkpoint, "model.diffusion_model.a.weight"), 1.0);
    assert_eq!(read(&ema, "model.diffusion_model.a.weight"), 2.0);
    assert_eq!(read(&ema, "model.diffusion_model.b.weight"), 3.0);
}

#[test]
fn weights_are_borrowed_from_the_map() {
    for name in ["model.safetensors", "model.ckpt"] {
        let found = Checkpoint::open(fixture(name)).unwrap();
        let tensor = found.tensor(FIRST).unwrap();
        assert!(matches!(tensor.data, HostData::F16(Cow::Borrowed(_))), "{name} was copied");
    }
}

#[test]
fn a_linear_layer_serves_as_a_convolution_and_nothing_else_does() {
    let found = Checkpoint::open(fixture("model.safetensors")).unwrap();
    let name = "model.diffusion_model.time_embed.0.weight";
    assert_eq!(found.shape(name, &[16, 4, 1, 1]).unwrap(), [16, 4, 1, 1]);
    assert_eq!(found.read(name, &[16, 4, 1, 1]).unwrap().shape, [16, 4, 1, 1]);
    assert_eq!(found.shape(name, &[4, 16]).unwrap(), [16, 4]);
    let said = found.read(name, &[4, 16]).unwrap_err();
    assert!(said.contains("[4, 16]") && said.contains("[16, 4]") && said.contains(name), "{said}");
    assert_eq!(found.shape("no.such", &[1]), None);
    assert!(found.read("no.such", &[1]).unwrap_err().contains("no.such"));
}

#[test]
fn a_file_that_asks_to_run_something_is_refused_by_name() {
    let said = refusal(&fixture("evil.ckpt"));
    assert!(said.contains("asks to run `posix.system`") && said.contains("refused"), "{said}");
    assert!(!Path::new("EVIL_CHECKPOINT_RAN_CODE").exists());
}

#[test]
fn what_is_no_checkpoint_is_named() {
    let folder = TempDir::new().unwrap();
    assert!(refusal(&folder.path().join("nothing.ckpt")).contains("check the spelling"));
    assert!(refusal(folder.path()).contains("model_index.json"));
    assert!(refused(b"").contains("empty file"));
    assert!(refused(b"<!DOCTYPE html><html></html>").contains("web page"));
    assert!(refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").contains("git lfs pull"));
    assert!(refused(b"GGUF\x03\0\0\0").contains("GGUF"));
    assert!(refused(b"\x89PNG\r\n\x1a\n\0\0").contains("89 50 4e 47"));
    assert!(refused(b"\x80\x02}q\0.").contains("magic number"));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("word/document.xml", stored()).unwrap();
    archive.write_all(b"words").unwrap();
    assert!(refused(archive.finish().unwrap().get_ref()).contains("without a data.pkl"));
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)
}

#[test]
fn truncated_files_say_what_is_missing() {
    for name in SINGLE_FILES {
        let whole = fs::read(fixture(name)).unwrap();
        let half = &whole[..whole.len() / 2];
        let said = refused(half);
        assert!(said.contains(&format!("{}", half.len())), "{name}: {said}");
        assert!(said.contains("again"), "{name}: {said}");
    }
    let whole = fs::read(fixture("model.safetensors")).unwrap();
    let said = refused(&whole[..whole.len() - 1]);
    assert!(said.contains(&format!("expected {} bytes, found {}", whole.len(), whole.len() - 1)), "{said}");
}

#[test]
fn big_endian_files_are_refused() {
    let mut file = fs::read(fixture("model.ckpt")).unwrap();
    let at = find(&file, b"little");
    file[at..at + 6].copy_from_slice(b"big   ");
    assert!(refused(&file).contains("big-endian"));
    let mut file = fs::read(fixture("model-legacy.ckpt")).unwrap();
    let at = find(&file, b"little_endian");
    let flag = at + file[at..].iter().position(|byte| *byte == 0x88).unwrap();
    file[flag] = 0x89;
    assert!(refused(&file).contains("big-endian"));
}

#[test]
fn zips_with_overlapping_or_packed_entries_are_refused() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("a/data.pkl", stored()).unwrap();
    archive.write_all(b"}.").unwrap();
    archive.shallow_copy_file("a/data.pkl", "a/data/0").unwrap();
    let said = refused(archive.finish().unwrap().get_ref());
    assert!(said.contains("overlap"), "{said}");

    let mut file = fs::read(fixture("bare.ckpt")).unwrap();
    // Bytes 8 and 10 hold the method in a local and a central header.
    file[8] = 8;
    let central = find(&file, b"PK\x01\x02");
    file[central + 10] = 8;
    let said = refused(&file);
    assert!(said.contains("data.pkl packed"), "{said}");
}

#[test]
fn a_tensor_outside_of_its_storage_is_refused() {
    let mut file = fs::read(fixture("bare.ckpt")).unwrap();
    // The first tensor is alphas_cumprod: 16 numbers (K 0x10) from 0 (K 0x00).
    let at = find(&file, b"QK\0K\x10\x85");
    file[at + 2] = 1;
    let said = refused(&file);
    assert!(said.contains("alphas_cumprod outside of its storage"), "{said}");
}

#[test]
fn sums_and_the_stop_flag() {
    let found = Checkpoint::open(fixture("diffusers")).unwrap();
    let unet = Checkpoint::open(fixture("diffusers/unet/diffusion_pytorch_model.safetensors")).unwrap();
    let stop = StopFlag::default();
    assert_eq!(found.sha256_10(&stop).unwrap(), unet.sha256_10(&stop).unwrap());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one");
    let file = serialize([("a", TensorView::new(Dtype::U8, vec![1], &[7]).unwrap())], None).unwrap();
    fs::write(&path, &file).unwrap();
    assert_eq!(Checkpoint::open(&path).unwrap().sha256_10(&stop).unwrap(), "febaeb7419");
    stop.raise();
    assert!(found.sha256_10(&stop).unwrap_err().to_string().contains("stopped"));
}

/// The fixture model's config as its writers had it, at an eighth of the widths.
fn expected_config(image_size: u64, heads: u64, clip_heads: u64, resolution: u64) -> Value {
    let channels = [("num_heads", heads)];
    json!({ "model": {
        "target": "ldm.models.diffusion.ddpm.LatentDiffusion",
        "params": {
            "linear_start": 0.00085, "linear_end": 0.012, "num_timesteps_cond": 1, "timesteps": 1000,
            "first_stage_key": "jpg", "cond_stage_key": "txt", "image_size": image_size, "channels": 4,
            "cond_stage_trainable": false, "conditioning_key": "crossattn", "scale_factor": 0.18215,
            "use_ema": false,
            "unet_config": {
                "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
                "params": {
                    "image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 4,
                    "attention_resolutions": [2, 1], "num_res_blocks": 1, "channel_mult": [1, 2],
                    "num_heads": channels[0].1, "use_spatial_transformer": true, "transformer_depth": 1,
                    "context_dim": 4, "use_checkpoint": false, "legacy": false,
                }
            },
            "first_stage_config": {
                "target": "ldm.models.autoencoder.AutoencoderKL",
                "params": {
                    "embed_dim": 4,
                    "ddconfig": {
                        "double_z": true, "z_channels": 4, "resolution": resolution, "in_channels": 3,
                        "out_ch": 3, "ch": 4, "ch_mult": [1, 1, 2, 2], "num_res_blocks": 1,
                        "attn_resolutions": [], "dropout": 0.0,
                    },
                    "lossconfig": { "target": "torch.nn.Identity" },
                }
            },
            "cond_stage_config": {
                "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
                "params": {
                    "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": clip_heads, "max_length": 77,
                }
            },
        }
    }})
}

#[test]
fn a_folders_settings_become_the_references_config() {
    let mut expected = expected_config(8, 4, 2, 64);
    let params = &mut expected["model"]["params"];
    params["unet_config"]["params"]["norm_num_groups"] = json!(2);
    params["first_stage_config"]["params"]["ddconfig"]["norm_num_groups"] = json!(2);
    for folder in ["diffusers", "diffusers-old"] {
        let found = Checkpoint::open(fixture(folder)).unwrap();
        assert_eq!(diffusers_config(&found).unwrap().config, expected, "{folder}");
    }
    let file = Checkpoint::open(fixture("model.ckpt")).unwrap();
    assert!(diffusers_config(&file).is_err());
}

/// A copy of the fixture folder with one JSON file changed.
fn changed_folder(file: &str, changes: &[(&str, Value)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    copy_folder(&fixture("diffusers"), folder.path());
    let path = folder.path().join(file);
    let mut settings: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for (key, value) in changes {
        settings[*key] = value.clone();
    }
    fs::write(path, settings.to_string()).unwrap();
    folder
}

fn config_of(folder: &TempDir) -> Result<Value, String> {
    let found = Checkpoint::open(folder.path()).map_err(|error| error.to_string())?;
    let config = diffusers_config(&found).map_err(|error| error.to_string())?;
    Ok(config.config["model"]["params"].clone())
}

#[test]
fn other_settings_of_a_folder() {
    let folder = changed_folder("unet/config.json", &[("in_channels", json!(9))]);
    assert_eq!(config_of(&folder).unwrap()["conditioning_key"], "hybrid");
    let version_2 = [("attention_head_dim", json!([1, 2])), ("use_linear_projection", json!(true))];
    let params = config_of(&changed_folder("unet/config.json", &version_2)).unwrap();
    let unet = &params["unet_config"]["params"];
    assert_eq!((&unet["num_head_channels"], &unet["num_heads"]), (&json!(4), &Value::Null));
    assert_eq!(unet["use_linear_in_transformer"], true);
    let scheduler = [("prediction_type", json!("v_prediction")), ("beta_schedule", json!("linear"))];
    let params = config_of(&changed_folder("scheduler/scheduler_config.json", &scheduler)).unwrap();
    assert_eq!((&params["parameterization"], &params["beta_schedule"]), (&json!("v"), &json!("sqrt_linear")));

    let said =
        |file: &str, key: &str, value: Value| config_of(&changed_folder(file, &[(key, value)])).unwrap_err();
    assert!(
        said("unet/config.json", "addition_embed_type", json!("text_time")).contains("addition_embed_type")
    );
    assert!(said("unet/config.json", "in_channels", json!(5)).contains("in_channels"));
    assert!(said("unet/config.json", "block_out_channels", json!([])).contains("block_out_channels"));
    assert!(said("unet/config.json", "layers_per_block", json!(-1)).contains("layers_per_block"));
    assert!(said("scheduler/scheduler_config.json", "prediction_type", json!("sample")).contains("epsilon"));
    let xl = said("model_index.json", "_class_name", json!("StableDiffusionXLPipeline"));
    assert!(xl.contains("StableDiffusionXLPipeline"), "{xl}");
}

#[test]
fn a_folder_without_a_part_or_with_a_foreign_shard_is_refused() {
    let folder = TempDir::new().unwrap();
    copy_folder(&fixture("diffusers-old"), folder.path());
    let index = folder.path().join("text_encoder/model.safetensors.index.json");
    fs::write(&index, r#"{"weight_map": {"a": "../unet/config.json"}}"#).unwrap();
    assert!(refusal_within(folder.path()).contains("../unet/config.json"));
    fs::remove_dir_all(folder.path().join("text_encoder")).unwrap();
    assert!(refusal_within(folder.path()).contains("text_encoder"));
}

fn refusal_within(folder: &Path) -> String {
    Checkpoint::open(folder).unwrap_err().to_string()
}

#[test]
fn the_second_versions_text_encoder_takes_open_clips_names() {
    let folder = changed_folder("text_encoder/config.json", &[("hidden_act", json!("gelu"))]);
    let found = Checkpoint::open(folder.path()).unwrap();
    let plain = Checkpoint::open(fixture("diffusers")).unwrap();
    let block = "cond_stage_model.model.transformer.resblocks.1.";
    let stacked = found.tensor(&format!("{block}attn.in_proj_weight")).unwrap();
    assert_eq!(stacked.shape, [12, 4]);
    let layer = "cond_stage_model.transformer.text_model.encoder.layers.1.";
    let parts = ["q", "k", "v"].map(|part| {
        plain.tensor(&format!("{layer}self_attn.{part}_proj.weight")).unwrap().to_f32().into_owned()
    });
    assert_eq!(stacked.to_f32().into_owned(), parts.concat());
    for name in [
        "attn.in_proj_bias",
        "attn.out_proj.bias",
        "ln_1.weight",
        "ln_2.bias",
        "mlp.c_fc.bias",
        "mlp.c_proj.weight",
    ] {
        assert!(found.contains(&format!("{block}{name}")), "{name}");
    }
    for name in ["token_embedding.weight", "positional_embedding", "ln_final.weight"] {
        assert!(found.contains(&format!("cond_stage_model.model.{name}")), "{name}");
    }
    let text = &config_of(&folder).unwrap()["cond_stage_config"];
    assert_eq!(text["target"], "ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder");
    assert_eq!(
        (&text["params"]["layer"], &text["params"]["num_hidden_layers"]),
        (&json!("penultimate"), &json!(3))
    );
}

#[test]
fn a_single_files_config_is_told_from_its_shapes() {
    for name in ["bare.ckpt", "model-legacy.ckpt"] {
        let guess = guess_config(&Checkpoint::open(fixture(name)).unwrap()).unwrap();
        let mut expected = expected_config(64, 4, 1, 256);
        // The fixture's schedule was cut to its first 16 steps.
        let params = &mut expected["model"]["params"];
        params["timesteps"] = json!(16);
        params["linear_end"] = guess.config["model"]["params"]["linear_end"].clone();
        assert_eq!(guess.config, expected, "{name}");
        assert!(guess.notes.iter().any(|note| note.contains("attention heads")));
    }
}

/// A file with one tensor of this name and shape, and what a guess at it says.
fn guess_of(name: &str, shape: &[usize]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.safetensors");
    let data = vec![0u8; shape.iter().product()];
    let view = TensorView::new(Dtype::U8, shape.to_vec(), &data).unwrap();
    fs::write(&path, serialize([(name, view)], None).unwrap()).unwrap();
    guess_config(&Checkpoint::open(&path).unwrap()).unwrap_err().to_string()
}

#[test]
fn other_families_are_refused_by_name() {
    assert!(guess_of("cond_stage_model.model.ln_final.weight", &[4]).contains("Stable Diffusion 2"));
    assert!(guess_of("conditioner.embedders.0.a", &[4]).contains("Stable Diffusion XL"));
    assert!(guess_of("lora_unet_a.alpha", &[1]).contains("LoRA"));
    assert!(guess_of("encoder.conv_in.weight", &[4]).contains("input_blocks.0.0.weight"));
    assert!(guess_of(FIRST, &[4, 4, 3, 3]).contains("levels"));
    assert!(guess_of(FIRST, &[]).contains("input_blocks.0.0.weight"));
}

#[test]
fn element_types_that_are_not_read_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("f8.safetensors");
    let view = TensorView::new(Dtype::F8_E4M3, vec![2], &[0, 1]).unwrap();
    fs::write(&path, serialize([("a", view)], None).unwrap()).unwrap();
    let found = Checkpoint::open(&path).unwrap();
    assert_eq!(found.element("a").unwrap().name(), "F8_E4M3");
    assert!(found.tensor("a").unwrap_err().to_string().contains("F8_E4M3"));
}

/// Opens and reads everything; a panic is the failure.
fn read_all(bytes: &[u8]) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    if let Ok(found) = Checkpoint::open(&path) {
        for name in found.names() {
            if let Ok(tensor) = found.tensor(&name) {
                assert_eq!(tensor.len(), tensor.shape.iter().product::<usize>());
            }
        }
        // Either answer will do.
        drop(guess_config(&found));
        inspect(&found);
    }
}

/// Where the interesting bytes of a file are: headers, pickles, the zip's directory.
fn header_ranges(name: &str, length: usize) -> [(usize, usize); 2] {
    match name {
        "model.safetensors" => [(0, 60_000.min(length)), (0, 64)],
        "model-legacy.ckpt" => [(0, 100_000.min(length)), (0, 200)],
        _ => [(0, 76_000.min(length)), (length.saturating_sub(40_000), length)],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        which in 0..SINGLE_FILES.len(),
        changes in prop::collection::vec((any::<bool>(), 0.0..1.0f64, any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, 0.0..1.0f64),
    ) {
        let mut bytes = fs::read(fixture(SINGLE_FILES[which])).unwrap();
        let ranges = header_ranges(SINGLE_FILES[which], bytes.len());
        for (second, place, value) in changes {
            let (from, to) = ranges[usize::from(second)];
            bytes[from + ((to - from - 1) as f64 * place) as usize] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate((bytes.len() as f64 * cut) as usize);
        }
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_pickles_never_panic(program in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
        bytes.extend(program);
        read_all(&bytes);
    }

    #[test]
    fn safetensors_come_back_as_they_were_written(
        tensors in prop::collection::btree_map("[a-z.]{1,12}", (0..6usize, prop::collection::vec(0..5usize, 0..4)), 1..8),
        seed in any::<u64>(),
    ) {
        let types = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64, Dtype::I64, Dtype::I32];
        let mut state = seed;
        let mut data = BTreeMap::new();
        for (name, (kind, shape)) in &tensors {
            let bits = types[*kind].bitsize() / 8;
            let length = shape.iter().product::<usize>() * bits;
            let bytes: Vec<u8> = (0..length).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // No exponent of all ones: NaN differs from itself.
                (state >> 40) as u8 & 0x3b
            }).collect();
            data.insert(name.clone(), (types[*kind], shape.clone(), bytes));
        }
        let views = data.iter().map(|(name, (kind, shape, bytes))| (name, TensorView::new(*kind, shape.clone(), bytes).unwrap()));
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, serialize(views, None).unwrap()).unwrap();
        let found = Checkpoint::open(&path).unwrap();
        prop_assert_eq!(found.names(), data.keys().cloned().collect::<Vec<_>>());
        for (name, (kind, shape, bytes)) in &data {
            let tensor = found.tensor(name).unwrap();
            prop_assert_eq!(&tensor.shape, shape);
            let back: Vec<u8> = match &tensor.data {
                HostData::F32(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::F16(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::Bf16(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::F64(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
                HostData::I64(v) if *kind == Dtype::I32 => v.iter().flat_map(|n| (*n as i32).to_le_bytes()).collect(),
                HostData::I64(v) => v.iter().flat_map(|n| n.to_le_bytes()).collect(),
            };
            prop_assert_eq!(&back, bytes);
        }
    }
}
