//! `safelight models get` against a small hub on loopback.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Run, command, files, folder, shipped};
use crate::transfer::server::{Answer, Asked, Server};

const COMMIT: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

/// The files of the repository `org/name`: a name and its content.
type Files = Vec<(String, Vec<u8>)>;

fn golden(name: &str) -> Vec<u8> {
    fs::read(shipped("tests/golden/formats").join(name)).unwrap()
}

/// A diffusers folder's files.
fn diffusers() -> Files {
    let root = shipped("tests/golden/formats/diffusers");
    files(&root).into_iter().map(|name| (name.clone(), fs::read(root.join(&name)).unwrap())).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hub with one repository.
fn hub(files: Files) -> Server {
    Server::start(move |asked, _| answer(&files, asked))
}

fn answer(files: &Files, asked: &Asked) -> Answer {
    if asked.path.starts_with("/api/models/org/name/revision/main") {
        let sibling = |(name, bytes): &(String, Vec<u8>)| json!({ "rfilename": name, "size": bytes.len(), "lfs": { "sha256": sha256(bytes), "size": bytes.len() } });
        let siblings: Vec<Value> = files.iter().map(sibling).collect();
        let body = json!({ "sha": COMMIT, "siblings": siblings, "cardData": { "license": "creativeml-openrail-m" } });
        return Answer { body: body.to_string().into_bytes(), ..Answer::of(200) };
    }
    let name = asked.path.strip_prefix(&format!("/org/name/resolve/{COMMIT}/")).unwrap_or_default();
    match files.iter().find(|(own, _)| own.replace(' ', "%20") == name) {
        Some((_, bytes)) => {
            Answer::file(bytes, asked).with("X-Linked-ETag", &sha256(bytes)).with("X-Repo-Commit", COMMIT)
        }
        None => Answer::of(404),
    }
}

/// The program with a home of its own and this hub.
fn run(folder: &TempDir, hub: &str, hf_home: Option<&Path>, arguments: &[&str]) -> Run {
    let mut command = command(folder, arguments);
    for name in
        ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN", "http_proxy"]
    {
        command.env_remove(name);
    }
    command.env("SAFELIGHT_HOME", folder.path().join("home"));
    command.env("HOME", folder.path().join("user"));
    command.env("HF_ENDPOINT", hub);
    if let Some(home) = hf_home {
        command.env("HF_HOME", home);
    }
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn models(folder: &TempDir) -> PathBuf {
    folder.path().join("home/models")
}

#[test]
fn one_file_arrives_with_its_license_told_first() {
    let folder = folder();
    let model = golden("model.safetensors");
    let server =
        hub(vec![("a model.safetensors".to_owned(), model.clone()), ("README.md".to_owned(), vec![1])]);
    let told = run(&folder, &server.address, None, &["models", "get", "org/name", "--dry-run"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stderr.contains("creativeml-openrail-m: not an open license"), "{}", told.stderr);
    assert!(!models(&folder).exists());
    let got = run(&folder, &server.address, None, &["models", "get", "org/name"]);
    assert_eq!(got.code, 0, "{}", got.stderr);
    let path = models(&folder).join("a model.safetensors");
    assert_eq!(got.stdout.trim(), path.to_str().unwrap());
    assert_eq!(fs::read(&path).unwrap(), model);
    assert_eq!(files(&models(&folder)), ["a model.safetensors"]);
    // It is here, so nothing is fetched.
    let before = server.asked().len();
    let again = run(&folder, &server.address, None, &["models", "get", "org/name", "--json"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(server.asked()[before..].iter().all(|asked| asked.path.starts_with("/api/")));
    let last: Value = serde_json::from_str(again.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["path"]), (&"saved".into(), &path.to_str().unwrap().into()));
    assert_eq!(files(&models(&folder)).len(), 1);
    // What was left out is there again once it is got again.
    let removed = run(&folder, &server.address, None, &["models", "remove", path.to_str().unwrap()]);
    assert_eq!(removed.code, 0, "{}", removed.stderr);
    let listed = |run: Run| run.stdout.contains("a model");
    assert!(!listed(run(&folder, &server.address, None, &["models", "list"])));
    let again = run(&folder, &server.address, None, &["models", "get", "org/name"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(listed(run(&folder, &server.address, None, &["models", "list"])));
}

#[test]
fn what_has_the_name_and_length_of_another_model_is_not_here() {
    let folder = folder();
    let model = golden("model.safetensors");
    let mut other = model.clone();
    *other.last_mut().unwrap() ^= 1;
    let serve =
        |bytes: Vec<u8>| Server::start(move |asked, _| Answer::file(&bytes, asked).with("ETag", "\"v1\""));
    let (first, second) = (serve(model), serve(other.clone()));
    let get = |server: &Server| {
        let address = format!("{}/m.safetensors?token=secret", server.address);
        let got = run(&folder, "http://127.0.0.1:9", None, &["models", "get", &address]);
        assert_eq!(got.code, 0, "{}", got.stderr);
        assert!(!got.stderr.contains("secret"), "{}", got.stderr);
        PathBuf::from(got.stdout.trim())
    };
    let path = get(&first);
    let asked = first.asked().len();
    assert_eq!(get(&first), path);
    // Once more to see its state, and nothing is fetched.
    assert_eq!(first.asked().len(), asked + 1);
    let another = get(&second);
    assert_ne!(another, path);
    assert_eq!(fs::read(another).unwrap(), other);
}

#[test]
fn a_diffusers_folder_shows_when_it_is_whole() {
    let folder = folder();
    let mut given = diffusers();
    given.push(("safety_checker/model.safetensors".to_owned(), vec![0; 9]));
    let server = hub(given);
    let got = run(&folder, &server.address, None, &["models", "get", "org/name"]);
    assert_eq!(got.code, 0, "{}", got.stderr);
    let listed = run(&folder, &server.address, None, &["models", "list", "--json"]);
    let line: Value = serde_json::from_str(listed.stdout.trim()).unwrap();
    assert_eq!((&line["name"], &line["kind"]), (&"name".into(), &"model".into()));
    assert_eq!(line["sha256"], sha256(&golden("diffusers/unet/diffusion_pytorch_model.safetensors")));
    assert!(models(&folder).join("name/model_index.json").is_file());
    assert!(!models(&folder).join("name/safety_checker").exists());
    assert_eq!(fs::read_dir(models(&folder)).unwrap().count(), 1);
    // It is here while its content is that of the hub.
    let again = |code| {
        let before = server.asked().len();
        let got = run(&folder, &server.address, None, &["models", "get", "org/name"]);
        assert_eq!(got.code, code, "{}", got.stderr);
        (PathBuf::from(got.stdout.trim()), server.asked().len() - before)
    };
    assert_eq!(again(0), (models(&folder).join("name"), 1));
    let weights = models(&folder).join("name/vae/diffusion_pytorch_model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    assert_eq!(again(0).0, models(&folder).join("name-2"));
}

#[test]
fn half_of_a_folder_is_no_model_and_is_gone_on_with() {
    let folder = folder();
    let given = diffusers();
    let all = given.clone();
    // The text encoder is refused at first.
    let server = Server::start(move |asked, _| match asked.path.contains("text_encoder/model") {
        true => Answer::of(403),
        false => answer(&given, asked),
    });
    let refused = run(&folder, &server.address, None, &["models", "get", "org/name"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.lines().last().is_some_and(|line| line.contains("(403)")), "{}", refused.stderr);
    let listed = run(&folder, &server.address, None, &["models", "list", "--all"]);
    assert_eq!(listed.stdout, "");
    let server = hub(all);
    let got = run(&folder, &server.address, None, &["models", "get", "org/name"]);
    assert_eq!(got.code, 0, "{}", got.stderr);
    let fetched = server.asked().into_iter().filter(|asked| asked.path.contains("unet/diffusion")).count();
    assert_eq!(fetched, 0, "what was here is fetched again");
}

#[cfg(unix)]
#[test]
fn with_hf_home_the_hubs_cache_is_used_in_its_own_layout() {
    let folder = folder();
    let model = golden("model.safetensors");
    let server = hub(vec![("m.safetensors".to_owned(), model.clone())]);
    let home = folder.path().join("hf");
    let got = run(&folder, &server.address, Some(&home), &["models", "get", "org/name"]);
    assert_eq!(got.code, 0, "{}", got.stderr);
    let repository = home.join("hub/models--org--name");
    let path = repository.join("snapshots").join(COMMIT).join("m.safetensors");
    assert_eq!(got.stdout.trim(), path.to_str().unwrap());
    let blob = Path::new("../../blobs").join(sha256(&model));
    assert_eq!(fs::read_link(&path).unwrap(), blob);
    assert_eq!(fs::read_to_string(repository.join("refs/main")).unwrap(), COMMIT);
    assert_eq!(fs::read(&path).unwrap(), model);
    // Without HF_HOME the usual cache is read first.
    let cache = folder.path().join("user/.cache/huggingface");
    fs::create_dir_all(cache.parent().unwrap()).unwrap();
    fs::rename(&home, &cache).unwrap();
    let asked = server.asked().len();
    let got = run(&folder, &server.address, None, &["models", "get", "org/name/m.safetensors"]);
    assert_eq!(got.code, 0, "{}", got.stderr);
    assert!(got.stdout.contains("huggingface/hub/models--org--name"), "{}", got.stdout);
    assert!(got.stderr.contains("is here already") && !got.stderr.contains("license"), "{}", got.stderr);
    assert_eq!(server.asked().len(), asked);
    assert!(!models(&folder).exists());
}

#[test]
fn of_what_is_offered_and_here_the_list_knows_the_license() {
    let folder = folder();
    let snapshot =
        folder.path().join("user/.cache/huggingface/hub/models--madebyollin--taesd/snapshots/main");
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(snapshot.join("diffusion_pytorch_model.safetensors"), b"x").unwrap();
    let told = run(&folder, "http://127.0.0.1:9", None, &["models", "get", "taesd", "--dry-run"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stderr.contains("license: mit: an open license"), "{}", told.stderr);
}

#[test]
fn files_that_make_no_model_together_are_not_kept() {
    let folder = folder();
    let (good, mut bad) = (diffusers(), diffusers());
    let index = bad.iter_mut().find(|(name, _)| name == "model_index.json").unwrap();
    index.1 = br#"{ "_class_name": "StableDiffusionXLPipeline" }"#.to_vec();
    let server = hub(bad);
    let refused = run(&folder, &server.address, None, &["models", "get", "org/name"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing of it is kept"), "{}", refused.stderr);
    assert_eq!(files(&models(&folder)).len(), 0);
    // What is left of another state gives way, and has no second name beside the new one.
    let stale = models(&folder).join(format!(".name.{}.part/vae/config.json", &COMMIT[..8]));
    fs::create_dir_all(stale.parent().unwrap()).unwrap();
    fs::write(stale, b"{").unwrap();
    let server = hub(good.clone());
    let got = run(&folder, &server.address, None, &["models", "get", "org/name"]);
    assert_eq!(got.code, 0, "{}", got.stderr);
    let mut names: Vec<String> = good.iter().map(|(name, _)| format!("name/{name}")).collect();
    names.sort();
    assert_eq!(files(&models(&folder)), names);
}

#[test]
fn what_cannot_be_got_is_one_sentence_and_leaves_nothing() {
    let folder = folder();
    let page = b"<!DOCTYPE html><html>log in</html>".to_vec();
    let two = hub(vec![("a.ckpt".to_owned(), page.clone()), ("b.ckpt".to_owned(), page)]);
    for (arguments, expected) in [
        (&["org/name"][..], "--file (a.ckpt, b.ckpt)"),
        (&["org/name", "--file", "c.ckpt"], "found none"),
        (&["org/name", "--file", "a.ckpt"], "found a web page"),
        (&["org/other"], "404"),
        (&["nonsense"], "owner/name"),
    ] {
        let refused = run(&folder, &two.address, None, &[&["models", "get"], arguments].concat());
        let last = refused.stderr.lines().last().unwrap_or_default();
        assert_eq!(refused.code, 2, "{arguments:?}: {}", refused.stderr);
        assert!(last.contains(expected), "{arguments:?}: {last}");
    }
    assert_eq!(if models(&folder).exists() { files(&models(&folder)).len() } else { 0 }, 0);
}

#[test]
fn an_address_of_any_server_gives_a_file_and_the_list_needs_none() {
    let folder = folder();
    let model = golden("model.safetensors");
    let sent = model.clone();
    let server = Server::start(move |asked, _| {
        Answer::file(&sent, asked).with("Content-Disposition", "attachment; filename=\"given.safetensors\"")
    });
    let address = format!("{}/download/1?type=Model", server.address);
    let got = run(&folder, "http://127.0.0.1:9", None, &["models", "get", &address]);
    assert_eq!(got.code, 0, "{}", got.stderr);
    assert!(got.stderr.contains("no license is named"), "{}", got.stderr);
    assert_eq!(fs::read(models(&folder).join("given.safetensors")).unwrap(), model);
    let listed = run(&folder, "http://127.0.0.1:9", None, &["models", "get", "--json"]);
    assert_eq!(listed.code, 0);
    for line in listed.stdout.lines() {
        let offer: Value = serde_json::from_str(line).unwrap();
        assert!(offer["license_asks"].as_str().is_some_and(|asks| asks.len() > 20), "{line}");
    }
}
