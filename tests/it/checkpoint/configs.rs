//! The config that a folder's settings or a file's shapes amount to.

use std::fs;

use safelight::checkpoint::diffusers::diffusers_config;
use safelight::checkpoint::{Checkpoint, guess_config};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{FIRST, copy_folder, fixture};

/// The fixture model's config as its writers had it, at an eighth of the widths.
fn expected_config(image_size: u64, heads: u64, clip_heads: u64, resolution: u64) -> Value {
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
                    "num_heads": heads, "use_spatial_transformer": true, "transformer_depth": 1,
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
    let folder = changed_folder("unet/config.json", &[("mid_block_type", Value::Null)]);
    assert_eq!(config_of(&folder).unwrap()["unet_config"]["params"]["use_middle_block"], false);
    let distilled = [
        ("time_cond_proj_dim", json!(6)),
        ("only_cross_attention", json!([true, false])),
        ("attention_head_dim", json!([1, 4])),
        ("layers_per_block", json!([1, 2])),
    ];
    let params = config_of(&changed_folder("unet/config.json", &distilled)).unwrap();
    let unet = &params["unet_config"]["params"];
    assert_eq!((&unet["time_cond_proj_dim"], &unet["num_heads"]), (&json!(6), &json!([1, 4])));
    assert_eq!(unet["only_cross_attention"], json!([true, false]));
    assert_eq!(unet["num_res_blocks"], json!([1, 2]));
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
    assert!(said("unet/config.json", "in_channels", json!(7)).contains("7 input channels"));
    assert!(said("unet/config.json", "block_out_channels", json!([])).contains("block_out_channels"));
    assert!(said("unet/config.json", "layers_per_block", json!(-1)).contains("layers_per_block"));
    assert!(said("scheduler/scheduler_config.json", "prediction_type", json!("sample")).contains("epsilon"));
    let xl = said("model_index.json", "_class_name", json!("StableDiffusionXLPipeline"));
    assert!(xl.contains("Stable Diffusion XL"), "{xl}");
    let novel =
        [("_class_name", json!("NovelPipeline")), ("unet", json!(["diffusers", "UNet3DConditionModel"]))];
    let other = config_of(&changed_folder("model_index.json", &novel)).unwrap_err();
    assert!(other.contains("NovelPipeline"), "{other}");
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
        for part in ["unet_config", "first_stage_config"] {
            let params = &mut expected["model"]["params"][part]["params"];
            let inner = if part == "unet_config" { params } else { &mut params["ddconfig"] };
            inner["norm_num_groups"] = json!(4);
        }
        // The fixture's schedule was cut to its first 16 steps.
        let params = &mut expected["model"]["params"];
        params["timesteps"] = json!(16);
        let (from, to) = (0.00085f64.sqrt(), 0.012f64.sqrt());
        let last = (from + (to - from) * 15.0 / 999.0).powi(2);
        let linear_end = guess.config["model"]["params"]["linear_end"].clone();
        assert!((linear_end.as_f64().unwrap() - last).abs() < 1e-5 * last, "{linear_end} beside {last}");
        params["linear_end"] = linear_end;
        assert_eq!(guess.config, expected, "{name}");
        assert!(guess.notes.iter().any(|note| note.to_string().contains("attention heads")));
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
    assert!(guess_of("cond_stage_model.model.ln_final.weight", &[4]).contains("a text encoder"));
    assert!(guess_of("conditioner.embedders.0.a", &[4]).contains("Stable Diffusion XL"));
    assert!(guess_of("lora_unet_a.alpha", &[1]).contains("LoRA"));
    assert!(guess_of("encoder.conv_in.weight", &[4]).contains("a VAE"));
    assert!(guess_of("layer.weight", &[4]).contains("layer.weight"));
    assert!(guess_of(FIRST, &[4, 4, 3, 3]).contains("no VAE and no text encoder in it"));
}
