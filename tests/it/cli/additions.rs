//! LoRAs and embeddings on the command line: laid over a model, told by the picture, and inspected.

use std::fs;

use super::{done, folder, picture, safelight, shipped_text};
use crate::lora::Cases;

#[test]
fn a_lora_changes_the_picture_which_tells_it() {
    let folder = folder();
    let cases = Cases::read("lora/cases.safetensors.gz");
    cases.unpack("kohya", folder.path());
    fs::create_dir(folder.path().join("loras")).unwrap();
    fs::rename(folder.path().join("kohya/lora.safetensors"), folder.path().join("loras/ink.safetensors"))
        .unwrap();
    let (model, config) =
        (shipped_text("tests/golden/formats/diffusers"), shipped_text("tests/golden/lora/config.yaml"));
    let usual = [
        "--model",
        &model,
        "--config",
        &config,
        "--steps",
        "5",
        "--guidance",
        "4",
        "--seed",
        "3",
        "--no-negative",
    ];
    let draw = |name: &str, more: &[&str]| {
        let all = [&["generate", "a red tomato", "-o", name][..], &usual, more].concat();
        done(&folder, &all);
        picture(&folder, name)
    };
    let plain = draw("plain.png", &[]);
    let inked = draw("inked.png", &["--lora", "loras/ink.safetensors:0.8"]);
    assert!(inked != plain);
    assert!(draw("weak.png", &["--lora", "loras/ink.safetensors:0.1"]) != inked);
    let told = done(&folder, &["inspect", "inked.png", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["settings"]["loras"][0]["name"], "ink", "{told}");
    let bytes = fs::read(folder.path().join("inked.png")).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("a red tomato <lora:ink:0.8>") && text.contains("Lora hashes: \"ink: "), "{text}");
    assert!(!text.contains("loras/ink"), "a folder is nobody else's affair");
    // The same again from the picture: the LoRA is looked for by its name.
    let missing =
        safelight(&folder, &[&["generate", "--like", "inked.png", "-o", "no.png"][..], &usual[..4]].concat());
    assert_eq!(missing.code, 2, "{}", missing.stderr);
    assert!(missing.stderr.contains("found no \"ink\""), "{}", missing.stderr);
}

#[test]
fn loras_and_embeddings_are_inspected() {
    let folder = folder();
    let cases = Cases::read("lora/cases.safetensors.gz");
    for (case, file, expected) in [
        ("kohya", "lora.safetensors", "LoCon, LoRA for"),
        ("dora", "lora.safetensors", "DoRA for"),
        ("lokr", "lora.safetensors", "LoKr for"),
        ("peft-loha", "", "LoHa for"),
        ("numbered", "lora.safetensors", "LoRA for 71 layers, rank 2"),
        ("embeddings", "t.pt", "t: 24 vectors of 4 channels"),
    ] {
        cases.unpack(case, folder.path());
        let path = if file.is_empty() { case.to_owned() } else { format!("{case}/{file}") };
        let said = done(&folder, &["inspect", &path]);
        assert!(said.contains(expected), "{path}: {said}");
    }
}
