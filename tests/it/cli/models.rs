//! `safelight models`: folders, names in place of paths, forgetting and the trash.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{Run, command, files, folder, shipped};

/// The program with a home, a trash and a hub's cache of its own.
fn run(folder: &TempDir, arguments: &[&str]) -> Run {
    let mut command = command(folder, arguments);
    for name in ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_ENDPOINT"] {
        command.env_remove(name);
    }
    command.env("SAFELIGHT_HOME", folder.path().join("home"));
    command.env("HOME", folder.path().join("user"));
    command.env("XDG_DATA_HOME", folder.path().join("user/data"));
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn done(folder: &TempDir, arguments: &[&str]) -> String {
    let run = run(folder, arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    run.stdout
}

/// The entries by name and kind.
fn listed(folder: &TempDir, arguments: &[&str]) -> Vec<(String, String)> {
    let said = done(folder, &[&["models", "list", "--json"], arguments].concat());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (text(&line["name"]), text(&line["kind"]))).collect()
}

/// The tree of another program, with our small model in it under a name that is hard.
fn tree(folder: &TempDir) -> String {
    let root = folder.path().join("stable diffusion ü");
    let models = root.join("models/Stable-diffusion/sub");
    fs::create_dir_all(&models).unwrap();
    fs::create_dir_all(root.join("models/VAE")).unwrap();
    let golden = shipped("tests/golden/formats");
    fs::copy(golden.join("model.safetensors"), models.join("rote Füchse.safetensors")).unwrap();
    for name in ["config.yaml", "tokenizer.json"] {
        fs::copy(golden.join(name), models.join(name)).unwrap();
    }
    fs::write(root.join("models/VAE/broken.pt"), b"<html>").unwrap();
    fs::create_dir_all(root.join("venv")).unwrap();
    fs::copy(golden.join("model.safetensors"), root.join("venv/no.safetensors")).unwrap();
    root.to_str().unwrap().to_owned()
}

fn model(name: &str) -> (String, String) {
    (name.to_owned(), "model".to_owned())
}

#[test]
fn a_folder_that_is_added_gives_its_models_by_name() {
    let folder = folder();
    let root = tree(&folder);
    let none = run(&folder, &["models", "list"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(none.stderr.contains("models add FOLDER"), "{}", none.stderr);
    let said = done(&folder, &["models", "add", &root]);
    assert!(said.contains(": 1 found"), "{said}");
    // A second time changes nothing.
    done(&folder, &["models", "add", &root]);
    assert_eq!(listed(&folder, &[]), [model("rote Füchse")]);
    assert_eq!(listed(&folder, &["--all"]).len(), 2);
    assert_eq!(listed(&folder, &["--kind", "vae"]), []);
    let said = done(&folder, &["models", "list", "--json"]);
    let line: Value = serde_json::from_str(said.trim()).unwrap();
    let hash = line["sha256"].as_str().unwrap();
    assert_eq!((hash.len(), line["hash"].as_str()), (64, hash.get(..10)));
    assert_eq!(line["dtype"], "F16");
    let said = done(&folder, &["models", "list"]);
    assert!(said.contains("rote Füchse") && said.contains(&hash[..10]), "{said}");
    let folders = done(&folder, &["models", "folders"]);
    assert_eq!(folders.lines().filter(|line| *line == root).count(), 1, "{folders}");
    // The name stands for the path, whole or in part, in any case.
    for name in ["rote Füchse", "ROTE FÜCHSE", "rote Füchse.safetensors", &hash[..10]] {
        let said = done(&folder, &["inspect", name]);
        assert!(said.contains("286 tensors"), "{name}: {said}");
    }
    let arguments =
        ["generate", "x", "--model", "rote füchse", "--steps", "1", "--width", "32", "--height", "32"];
    done(&folder, &[&arguments[..], &["--no-negative", "-o", "p.png"]].concat());
    assert!(folder.path().join("p.png").is_file());
}

#[test]
fn what_is_no_name_and_no_path_is_one_sentence() {
    let folder = folder();
    let root = tree(&folder);
    done(&folder, &["models", "add", &root]);
    for (arguments, expected) in [
        (&["generate", "x", "--model", "rote"][..], "there is rote Füchse"),
        (&["generate", "x", "--model", "rote Füchse", "--vae", "none"], "a vae in the library"),
        (&["inspect", "nothing"], "models list"),
        (&["models", "add", "nowhere"], "expected a folder of models"),
        (&["models", "remove", "nothing"], "none called \"nothing\""),
        (&["models", "remove", &root, "--delete"], "leave --delete out"),
    ] {
        let run = run(&folder, arguments);
        assert_eq!((run.code, run.stderr.lines().count()), (2, 1), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
    assert!(!folder.path().join("user").exists());
}

#[test]
fn remove_forgets_and_add_brings_back() {
    let folder = folder();
    let root = tree(&folder);
    done(&folder, &["models", "add", &root]);
    let path = Path::new(&root).join("models/Stable-diffusion/sub/rote Füchse.safetensors");
    let path = path.to_str().unwrap();
    assert_eq!(done(&folder, &["models", "remove", "rote Füchse"]).trim(), path);
    assert_eq!(listed(&folder, &[]), []);
    assert!(Path::new(path).is_file());
    done(&folder, &["models", "add", path]);
    assert_eq!(listed(&folder, &[]), [model("rote Füchse")]);
    done(&folder, &["models", "remove", &root]);
    assert_eq!(listed(&folder, &[]), []);
}

#[cfg(all(target_os = "linux", feature = "window"))]
#[test]
fn delete_moves_to_the_trash() {
    let folder = folder();
    let own = folder.path().join("home/models");
    fs::create_dir_all(&own).unwrap();
    fs::create_dir_all(folder.path().join("user/data")).unwrap();
    fs::copy(shipped("tests/golden/formats/model.safetensors"), own.join("a.safetensors")).unwrap();
    assert_eq!(listed(&folder, &[]), [model("a")]);
    done(&folder, &["models", "remove", "a", "--delete"]);
    assert_eq!(listed(&folder, &[]), []);
    assert_eq!(files(&own).len(), 0);
}

#[test]
fn the_hubs_cache_is_shared_and_never_deleted() {
    let folder = folder();
    let cache = folder.path().join("user/.cache/huggingface/hub/models--org--small");
    let snapshot = cache.join("snapshots/0123");
    fs::create_dir_all(&snapshot).unwrap();
    fs::copy(shipped("tests/golden/formats/model.safetensors"), snapshot.join("model.safetensors")).unwrap();
    fs::write(snapshot.join("README.md"), "---\nlicense: mit\n---\n").unwrap();
    assert_eq!(listed(&folder, &["--no-hash"]), [model("small")]);
    let said = done(&folder, &["models", "list", "--json", "--no-hash"]);
    let line: Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!((&line["repository"], &line["license"]), (&"org/small".into(), &"mit".into()));
    assert_eq!(line["sha256"], Value::Null);
    let refused = run(&folder, &["models", "remove", "org/small", "--delete"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("other programs share"), "{}", refused.stderr);
    // Nor where the cache or a part of it was added as a folder, whatever name it has there.
    let link = folder.path().join("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&snapshot, &link).unwrap();
    let above = folder.path().join("user/.cache/huggingface");
    for added in [&snapshot, &cache, &above, &link] {
        if !added.exists() {
            continue;
        }
        let added = added.to_str().unwrap();
        done(&folder, &["models", "add", added]);
        let said = done(&folder, &["models", "list", "--json", "--no-hash"]);
        let line: Value = serde_json::from_str(said.trim()).unwrap();
        assert_eq!(line["folder"], added);
        let path = line["path"].as_str().unwrap();
        let refused = run(&folder, &["models", "remove", path, "--delete"]);
        assert_eq!(refused.code, 2, "{added}");
        assert!(refused.stderr.contains("other programs share"), "{added}: {}", refused.stderr);
        done(&folder, &["models", "remove", added]);
    }
    assert!(snapshot.join("model.safetensors").is_file());
}

#[test]
fn damaged_settings_are_left_alone() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("home")).unwrap();
    fs::write(folder.path().join("home/remembered.json"), "{").unwrap();
    let root = tree(&folder);
    let refused = run(&folder, &["models", "add", &root]);
    assert_eq!((refused.code, refused.stderr.lines().count()), (2, 1), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("home/remembered.json")).unwrap(), "{");
}

/// What `inspect --json` prints of a file, and the exit code.
fn inspected(folder: &TempDir, arguments: &[&str]) -> (i32, Value) {
    let run = run(folder, &[&["inspect", "--json"], arguments].concat());
    (run.code, serde_json::from_str(run.stdout.trim()).unwrap_or_default())
}

#[test]
fn inspect_tells_of_every_sort_as_json() {
    let folder = folder();
    let golden = |name: &str| shipped("tests/golden/formats").join(name).to_str().unwrap().to_owned();
    let config = golden("config.yaml");
    let (code, model) = inspected(&folder, &[&golden("model.safetensors"), "--config", &config]);
    assert_eq!((code, &model["kind"], &model["dtype"]), (0, &"model".into(), &"F16".into()));
    assert_eq!(model["sha256"].as_str().map(str::len), Some(64));
    let fit = &model["fit"];
    assert!(fit["used"].as_u64() > Some(200) && fit["mismatch"].is_null(), "{fit}");
    assert_eq!(fit["missing"], Value::Array(vec![]));
    let vae = golden("diffusers/vae/diffusion_pytorch_model.safetensors");
    let (code, vae) = inspected(&folder, &[&vae]);
    assert_eq!((code, &vae["kind"], &vae["fit"]), (0, &"vae".into(), &Value::Null));
    let said = done(&folder, &["inspect", &golden("diffusers/vae/diffusion_pytorch_model.safetensors")]);
    assert!(said.contains("vae: VAE"), "{said}");
}

#[test]
fn the_first_tensor_of_another_shape_is_named_with_both() {
    let folder = folder();
    let golden = shipped("tests/golden/formats");
    let text = fs::read_to_string(golden.join("config.yaml")).unwrap();
    fs::copy(golden.join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    let channels = text.lines().find(|line| line.contains("model_channels:")).unwrap();
    let number: usize = channels.rsplit(' ').next().unwrap().parse().unwrap();
    let wider = text.replace(channels, &channels.replace(&number.to_string(), &(2 * number).to_string()));
    fs::write(folder.path().join("wider.yaml"), wider).unwrap();
    let averaged = text.replace("use_ema: false", "use_ema: true");
    fs::write(folder.path().join("averaged.yaml"), averaged).unwrap();
    let model = golden.join("model.safetensors").to_str().unwrap().to_owned();
    let (_, object) = inspected(&folder, &[&model, "--config", "wider.yaml"]);
    let mismatch = &object["fit"]["mismatch"];
    assert!(mismatch["name"].as_str().is_some_and(|name| name.contains("diffusion_model")), "{object}");
    assert_ne!(mismatch["expected"], mismatch["found"]);
    // What the config asks for and the weights lack is among the notes.
    let (_, object) = inspected(&folder, &[&model, "--config", "averaged.yaml"]);
    assert!(object["notes"].to_string().contains("EMA"), "{object}");
    let said = done(&folder, &["inspect", &model, "--config", "wider.yaml"]);
    assert!(said.contains("first of another shape: model.diffusion_model."), "{said}");
}
