//! `safelight verify`, `safelight inspect`, and the program's version.

use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{TensorView, serialize};
use tempfile::TempDir;

use super::{done, folder, safelight, shipped, shipped_text};

/// A copy of a shipped case in `folder`.
fn copy_case(folder: &TempDir, name: &str) -> String {
    let target = folder.path().join(name);
    fs::create_dir(&target).unwrap();
    for file in ["config.yaml", "request.json", "expected.safetensors"] {
        fs::copy(shipped("assets/cases").join(name).join(file), target.join(file)).unwrap();
    }
    target.to_str().unwrap().to_owned()
}

/// Changes the first number of a tensor in a case's expectation.
fn change_a_number(case: &str, tensor: &str, change: impl Fn(f32) -> f32) {
    let path = Path::new(case).join("expected.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let at = 8 + length + header[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    let number = f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    bytes[at..at + 4].copy_from_slice(&change(number).to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_shipped_case_passes_and_a_changed_number_fails() {
    let folder = folder();
    let case = copy_case(&folder, "sd-ddim");
    let said = done(&folder, &["verify", &case]);
    assert!(said.contains("1 cases computed as the reference does"), "{said}");
    assert!(said.contains("✓ image") && !said.contains('✗'), "{said}");
    change_a_number(&case, "samples", |number| number + 0.1);
    let run = safelight(&folder, &["verify", &case]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stdout.contains("✗ samples") && run.stdout.contains("✓ image"), "{}", run.stdout);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    change_a_number(&case, "samples", |_| f32::NAN);
    assert_eq!(safelight(&folder, &["verify", &case]).code, 1);
}

#[test]
fn what_a_case_asks_and_we_do_not_know_is_never_passed_over() {
    let folder = folder();
    let case = copy_case(&folder, "sd-ddim");
    let request = Path::new(&case).join("request.json");
    let text = fs::read_to_string(&request).unwrap();
    fs::write(&request, text.replacen('{', "{\"novelty\": 1,", 1)).unwrap();
    let run = safelight(&folder, &["verify", &case]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("novelty"), "{}", run.stderr);
    let run = safelight(&folder, &["verify", "no-such-case"]);
    assert_eq!((run.code, run.stderr.lines().count()), (2, 1), "{}", run.stderr);
}

#[test]
fn the_starter_as_a_folder_is_a_case() {
    let said = done(&folder(), &["verify", &shipped_text("assets/starter")]);
    assert!(said.contains("✓ x_steps") && !said.contains('✗'), "{said}");
}

#[test]
fn inspect_says_what_every_layout_is() {
    let folder = folder();
    let config = shipped_text("tests/golden/formats/config.yaml");
    let kinds = [
        ("model.safetensors", "safetensors file"),
        ("model.ckpt", "torch checkpoint"),
        ("model-legacy.ckpt", "torch checkpoint (before 1.6)"),
        ("bare.ckpt", "torch checkpoint"),
        ("diffusers", "diffusers folder"),
        ("diffusers-old", "diffusers folder"),
    ];
    for (name, kind) in kinds {
        let path = shipped_text(&format!("tests/golden/formats/{name}"));
        let said = done(&folder, &["inspect", &path, "--config", &config]);
        for part in [kind, "286 tensors", "F16", "conditioning_key crossattn", "multiples of 16"] {
            assert!(said.contains(part), "{name}: {part} is not in {said}");
        }
        assert!(!said.contains("missing from the weights"), "{said}");
        assert_eq!(
            said.contains("left over, of EMA: 3 tensors"),
            name.starts_with("model") && name.ends_with("ckpt"),
            "{said}"
        );
    }
}

#[test]
fn inspect_names_what_is_missing_and_what_only_training_needs() {
    let folder = folder();
    let text = fs::read_to_string(shipped("tests/golden/formats/config.yaml")).unwrap();
    fs::copy(shipped("tests/golden/formats/tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    let deeper = text
        .replace("num_hidden_layers: 2", "num_hidden_layers: 3")
        .replace("    linear_start", "    monitor: loss\n    linear_start");
    fs::write(folder.path().join("deeper.yaml"), deeper).unwrap();
    let model = shipped_text("tests/golden/formats/model.safetensors");
    let said = done(&folder, &["inspect", &model, "--config", "deeper.yaml"]);
    assert!(said.contains("missing from the weights (16)") && said.contains("layers.2.self_attn"), "{said}");
    assert!(said.contains("LatentDiffusion.monitor"), "{said}");
}

/// The small model with a change to its tensors, in `folder`.
fn broken(folder: &TempDir, change: impl Fn(&str, &mut Vec<usize>) -> Option<String>) -> String {
    let bytes = fs::read(shipped("tests/golden/formats/model.safetensors")).unwrap();
    let stored = SafeTensors::deserialize(&bytes).unwrap();
    let tensors: Vec<(String, TensorView<'_>)> = stored
        .iter()
        .filter_map(|(name, view)| {
            let mut shape = view.shape().to_vec();
            let name = change(name, &mut shape)?;
            let length = shape.iter().product::<usize>() * view.data().len()
                / view.shape().iter().product::<usize>().max(1);
            Some((name, TensorView::new(view.dtype(), shape, &view.data()[..length]).unwrap()))
        })
        .collect();
    let path = folder.path().join("broken.safetensors");
    fs::write(&path, serialize(tensors, None).unwrap()).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn inspect_reports_what_is_used_what_is_missing_and_what_is_left_over() {
    const UNET: &str = "model.diffusion_model.";
    let folder = folder();
    let config = shipped_text("tests/golden/formats/config.yaml");
    let inspect = |path: &str| {
        let said = done(&folder, &["inspect", path, "--config", &config]);
        let json = done(&folder, &["inspect", path, "--config", &config, "--json"]);
        let object: serde_json::Value = serde_json::from_str(&json).unwrap();
        (said, object["fit"].clone())
    };
    let plain = shipped_text("tests/golden/formats/model.ckpt");
    let (said, fit) = inspect(&plain);
    assert!(said.contains("  used: 504 tensors") && !said.contains("does not open"), "{said}");
    assert_eq!(
        (&fit["used"], &fit["unused"]["ema"], &fit["unused"]["computed"]),
        (&504.into(), &3.into(), &1.into())
    );
    assert_eq!(fit["unused"]["other"], serde_json::json!([]));

    let lacking =
        broken(&folder, |name, _| (!name.contains("middle_block.1.norm.")).then(|| name.to_owned()));
    let (said, fit) = inspect(&lacking);
    let names = ["bias", "weight"].map(|end| format!("{UNET}middle_block.1.norm.{end}"));
    assert!(said.contains(&format!("missing from the weights (2): {}, {}", names[0], names[1])), "{said}");
    assert!(said.contains("used: 502 tensors") && said.contains("does not open so"), "{said}");
    assert_eq!((&fit["missing"], &fit["mismatch"]), (&serde_json::json!(names), &serde_json::Value::Null));

    // The first in the order in which the networks ask is named, with both shapes.
    let other = broken(&folder, |name, shape| {
        if name.ends_with("attn1.to_q.weight") {
            shape[0] /= 2;
        }
        Some(name.to_owned())
    });
    let (said, fit) = inspect(&other);
    let first = format!("{UNET}input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight");
    assert!(
        said.contains(&format!("first of another shape: {first} is [2, 4] where the config asks for [4, 4]")),
        "{said}"
    );
    let mismatch = serde_json::json!({ "name": first, "expected": [4, 4], "found": [2, 4] });
    assert_eq!((&fit["mismatch"], &fit["missing"]), (&mismatch, &serde_json::json!([])));

    let surplus =
        broken(&folder, |name, _| Some(name.replace("betas", "loss.logvar").replace("sqrt_", "extra.")));
    let (said, fit) = inspect(&surplus);
    let extra = fit["unused"]["other"].as_array().unwrap().len();
    assert!(extra > 0 && said.contains(&format!("not used by the config ({extra}): extra.")), "{said}");
    assert!(said.contains("left over, of training: 1 tensor\n"), "{said}");

    // The first block tells where numbers begin: without it no other is renumbered.
    let beheaded = broken(&folder, |name, _| (!name.contains("input_blocks.0.0.")).then(|| name.to_owned()));
    let (said, fit) = inspect(&beheaded);
    assert_eq!(fit["missing"].as_array().unwrap().len(), 2, "{said}");
    let run = safelight(&folder, &["inspect", &beheaded]);
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(
        run.stderr
            .contains("expected a tensor called model.diffusion_model.input_blocks.0.0.weight, found none")
    );

    let cut = fs::read(shipped("tests/golden/formats/model.safetensors")).unwrap();
    fs::write(folder.path().join("cut.safetensors"), &cut[..cut.len() / 2]).unwrap();
    let run = safelight(&folder, &["inspect", "cut.safetensors", "--json"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (2, "", 1), "{}", run.stderr);
}

#[test]
fn help_names_every_command_and_version_is_the_package() {
    let folder = folder();
    let help = done(&folder, &["--help"]);
    assert!(["generate", "inspect", "models", "verify"].iter().all(|name| help.contains(name)), "{help}");
    // A release build adds the commit.
    let version = done(&folder, &["--version"]);
    assert!(version.starts_with(concat!("safelight ", env!("CARGO_PKG_VERSION"))), "{version}");
}

#[test]
fn recorded_trajectories_are_checked_and_a_changed_one_fails() {
    let folder = folder();
    let recorded = shipped("tests/golden/samplers/cases.safetensors");
    let run = safelight(&folder, &["verify", "--samplers", &recorded.to_string_lossy()]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("✓ kd_dpmpp_2m_sde_karras") && !run.stdout.contains('✗'), "{}", run.stdout);
    let changed = crate::samplers::with_another_number("kd_lms/x");
    fs::write(folder.path().join("changed.safetensors"), changed).unwrap();
    let run = safelight(&folder, &["verify", "--samplers", "changed.safetensors"]);
    assert_eq!((run.code, run.stdout.matches('✗').count()), (1, 1), "{}", run.stdout);
    let run = safelight(&folder, &["verify", "--samplers", "none.safetensors"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn a_picture_tells_the_schedule_and_the_eta_that_acted_and_gives_them_back() {
    let folder = folder();
    let first =
        ["generate", "an apple", "--sampler", "Euler a", "--steps", "3", "--seed", "4", "-o", "a.png"];
    done(&folder, &first);
    let told = done(&folder, &["inspect", "a.png"]);
    for line in ["sampler: euler_ancestral", "schedule: normal", "eta: 1"] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    done(&folder, &["generate", "--like", "a.png", "-o", "b.png"]);
    assert_eq!(super::picture(&folder, "a.png"), super::picture(&folder, "b.png"));
}
