//! Negatives from outside: runs that are killed, stopped, resumed, branched, printed and exported.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{command, folder};

/// What every run of these tests asks for: few steps of a small picture.
const APPLE: &[&str] =
    &["generate", "a red apple", "--steps", "10", "--width", "128", "--height", "128", "--seed", "5"];

/// A store of its own in `folder`.
fn home(folder: &TempDir) -> PathBuf {
    folder.path().join("home")
}

fn program(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = command(folder, arguments);
    command.env("SAFELIGHT_HOME", home(folder));
    command
}

/// Runs the program to its end; stdout's JSON lines, and the exit code with stderr.
fn run(folder: &TempDir, arguments: &[&str]) -> (Vec<Value>, i32, String) {
    let output = program(folder, arguments).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (lines, output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn done(folder: &TempDir, arguments: &[&str]) -> Vec<Value> {
    let (lines, code, stderr) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    lines
}

/// The apple with more arguments.
fn apple<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [APPLE, more, &["--json", "--force"]].concat()
}

fn list(folder: &TempDir) -> Vec<Value> {
    done(folder, &["negatives", "list", "--json"])
}

fn bytes(folder: &TempDir, name: &str) -> Vec<u8> {
    fs::read(folder.path().join(name)).unwrap()
}

fn copied(folder: &TempDir, path: &Path, name: &str) -> PathBuf {
    let copy = folder.path().join(name);
    fs::copy(path, &copy).unwrap();
    copy
}

/// A number from 0 to `most` that is the same in every run of the tests.
fn scattered(number: u64, most: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) % (most + 1)
}

#[test]
fn a_killed_run_goes_on_to_the_same_picture() {
    let folder = folder();
    let kinds: [&[&str]; 4] = [
        &["--sampler", "ddim", "--eta", "0.7"],
        &["--sampler", "euler_ancestral"],
        &["--sampler", "dpmpp_2m_sde"],
        &["--sampler", "uni_pc"],
    ];
    let mut caught = 0;
    for (number, kind) in kinds.iter().enumerate() {
        let whole = [kind, ["-o", "whole.png"].as_slice()].concat();
        let began = std::time::Instant::now();
        done(&folder, &apple(&whole));
        let took = began.elapsed().as_millis() as u64;
        let killed = [kind, ["-o", "killed.png"].as_slice()].concat();
        let mut child =
            program(&folder, &apple(&killed)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(took / 4 + scattered(number as u64 + 1, took / 2)));
        child.kill().unwrap();
        child.wait().unwrap();
        let newest = list(&folder).swap_remove(0);
        let id = newest["id"].as_str().unwrap();
        let state = newest["state"].as_str().unwrap();
        assert!(["interrupted", "finished"].contains(&state), "{kind:?}: {newest}");
        caught += usize::from(state == "interrupted");
        let steps_done = newest["steps_done"].as_u64().unwrap();
        let resumed = done(&folder, &["negatives", "resume", id, "-o", "resumed.png", "--json", "--force"]);
        assert_eq!(bytes(&folder, "whole.png"), bytes(&folder, "resumed.png"), "{kind:?} after {steps_done}");
        let saved = resumed.last().unwrap();
        assert_eq!(saved["first_step"].as_u64().unwrap(), steps_done, "{saved}");
        let calls = saved["model_calls"].as_u64().unwrap();
        assert_eq!(calls, 10 - steps_done, "{kind:?}: {saved}");
        assert_eq!(list(&folder)[0]["state"], "finished");
        fs::remove_dir_all(home(&folder).join("data")).unwrap();
    }
    // A run may end before it is killed, but not every one.
    assert!(caught > 0, "no run was killed in its middle");
}

#[test]
fn a_negative_opens_wherever_it_is_cut() {
    let folder = folder();
    done(&folder, &apple(&["-o", "a.png", "--until", "5"]));
    let under_way = list(&folder).swap_remove(0);
    done(&folder, &apple(&["-o", "a.png"]));
    let finished = list(&folder).swap_remove(0);
    for (negative, name) in [(under_way, "under-way"), (finished, "finished")] {
        let path = Path::new(negative["path"].as_str().unwrap());
        let copy = copied(&folder, path, name);
        let whole = fs::read(&copy).unwrap();
        let mut found: BTreeMap<usize, usize> = BTreeMap::new();
        for cut in whole.len() - 4096..=whole.len() {
            fs::write(&copy, &whole[..cut]).unwrap();
            let opened = safelight::negative::Negative::open(&copy);
            let opened = opened.unwrap_or_else(|error| panic!("{name} cut at {cut}: {error}"));
            let steps = opened.steps_done();
            opened.state(steps).unwrap();
            *found.entry(steps).or_default() += 1;
        }
        let most = negative["steps_done"].as_u64().unwrap() as usize;
        assert!(found.contains_key(&most) && found.keys().all(|steps| steps + 2 > most), "{name}: {found:?}");
    }
}

#[test]
fn a_finished_file_is_never_appended_to() {
    let folder = folder();
    done(&folder, &apple(&["-o", "a.png"]));
    let path = PathBuf::from(list(&folder)[0]["path"].as_str().unwrap());
    let whole = fs::read(&path).unwrap();
    let cut = &whole[..whole.len() / 2];
    fs::write(&path, cut).unwrap();
    let (_, code, stderr) = run(&folder, &["negatives", "resume", "last", "-o", "b.png"]);
    assert!(code == 2 && stderr.contains("not appended to"), "{stderr}");
    assert_eq!(fs::read(&path).unwrap(), cut);
    // What is left of it can be branched all the same.
    let done_steps = list(&folder)[0]["steps_done"].as_u64().unwrap().to_string();
    done(&folder, &["negatives", "branch", "last", "--at", &done_steps, "-o", "b.png", "--json"]);
    assert_eq!(bytes(&folder, "a.png"), bytes(&folder, "b.png"));
}

#[test]
fn a_finished_negative_is_a_safetensors_file_with_all_steps() {
    let folder = folder();
    done(&folder, &apple(&["-o", "a.png", "--sampler", "dpmpp_2m"]));
    let newest = list(&folder).swap_remove(0);
    let file = fs::read(newest["path"].as_str().unwrap()).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    for step in 0..=10 {
        let x = tensors.tensor(&format!("step.{step:06}.x")).unwrap();
        assert_eq!((x.shape().len(), x.dtype()), (4, safetensors::Dtype::F32));
    }
    assert_eq!(tensors.tensor("step.000003.pred_x0").unwrap().dtype(), safetensors::Dtype::F16);
    assert!(tensors.tensor("context").is_ok() && tensors.tensor("unconditional_context").is_ok());
    // The rule's history is a prediction that the step before holds: it is not written twice.
    assert!(tensors.tensor("step.000005.history.1").is_err());
    done(&folder, &["negatives", "export", "last", "-o", "copy.safetensors", "--json"]);
    assert_eq!(
        safetensors::SafeTensors::deserialize(&bytes(&folder, "copy.safetensors")).unwrap().len(),
        tensors.len()
    );
}

#[test]
fn a_branch_computes_the_steps_from_there_and_no_others() {
    let folder = folder();
    done(&folder, &apple(&["-o", "a.png", "--eta", "0.5"]));
    let parent = list(&folder)[0]["id"].as_str().unwrap().to_owned();
    let branch = |more: &[&str]| {
        let line = [&["negatives", "branch", &parent, "--at", "5", "-o", "b.png", "--json", "--force"], more]
            .concat();
        done(&folder, &line).pop().unwrap()
    };
    let same = branch(&[]);
    assert_eq!((same["first_step"].as_u64(), same["model_calls"].as_u64()), (Some(5), Some(5)));
    assert_eq!(bytes(&folder, "a.png"), bytes(&folder, "b.png"));
    for more in [
        ["--guidance", "6"],
        ["--prompt", "a green pear"],
        ["--negative", "red"],
        ["--eta", "0"],
        ["--seed", "77"],
        ["--sampler", "dpmpp_2m"],
    ] {
        let changed = branch(&more);
        assert_ne!(bytes(&folder, "a.png"), bytes(&folder, "b.png"), "{more:?}");
        let child = list(&folder).swap_remove(0);
        assert_eq!(child["parent"].as_str(), Some(parent.as_str()));
        assert_eq!(child["steps_done"], child["steps"]);
        // Another sampler's own schedule may have more levels below, or fewer.
        let left = child["steps"].as_u64().unwrap() - 5;
        assert!(
            changed["model_calls"].as_u64() == Some(left) && (1..10).contains(&left),
            "{more:?}: {changed}"
        );
    }
    let finer = branch(&["--steps", "24"]);
    assert!(finer["model_calls"].as_u64().unwrap() > 5, "{finer}");
    let (_, code, stderr) = run(&folder, &["negatives", "branch", &parent, "--at", "99"]);
    assert!(code == 2 && stderr.contains("a step up to 10"), "{stderr}");
    let (_, code, stderr) = run(&folder, &["negatives", "branch", &parent, "--at", "3", "--width", "256"]);
    assert!(code == 2 && stderr.contains("keeps its run's size"), "{stderr}");
}

#[test]
fn every_step_is_printed_and_the_last_is_the_picture() {
    let folder = folder();
    done(&folder, &apple(&["-o", "a.png"]));
    done(&folder, &["negatives", "print", "last", "-o", "last.png", "--json"]);
    assert_eq!(bytes(&folder, "a.png"), bytes(&folder, "last.png"));
    for step in ["0", "1", "9"] {
        done(&folder, &["negatives", "print", "last", "--step", step, "-o", "step.png", "--force", "--json"]);
        assert_ne!(bytes(&folder, "a.png"), bytes(&folder, "step.png"));
    }
    for name in ["all.gif", "all.apng", "all.png"] {
        done(&folder, &["negatives", "export", "last", "-o", name, "--json"]);
    }
    let sheet = super::picture(&folder, "all.png");
    assert_eq!((sheet.width, sheet.height), (4 * 128, 3 * 128));
    let (_, code, stderr) = run(&folder, &["negatives", "export", "last", "-o", "all.doc"]);
    assert!(code == 2 && stderr.contains(".safetensors, .gif, .apng or .png"), "{stderr}");
}

#[test]
fn the_store_keeps_what_is_pinned_and_forgets_what_is_told() {
    let folder = folder();
    for seed in ["1", "2", "3"] {
        let mut asked = apple(&["-o", "a.png", "--until", "1"]);
        asked[9] = seed;
        done(&folder, &asked);
    }
    let ids: Vec<String> = list(&folder).iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() == 3 && ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    done(&folder, &["negatives", "pin", &ids[2]]);
    done(&folder, &["negatives", "delete", &ids[1]]);
    assert_eq!(list(&folder).len(), 2);
    let gone = done(&folder, &["negatives", "prune", "--budget", "0", "--json"]);
    assert_eq!(gone.len(), 1);
    let left = list(&folder);
    assert_eq!(
        (left.len(), left[0]["id"].as_str(), &left[0]["pinned"]),
        (1, Some(ids[2].as_str()), &Value::Bool(true))
    );
    done(&folder, &["negatives", "unpin", &ids[2]]);
    done(&folder, &["negatives", "prune", "--budget", "0"]);
    assert!(list(&folder).is_empty());
    let (_, code, stderr) = run(&folder, &["negatives", "resume", "nobody"]);
    assert!(code == 2 && stderr.contains("expected the id of a kept negative"), "{stderr}");
    // No negative was asked for.
    done(&folder, &apple(&["-o", "a.png", "--no-negative"]));
    assert!(list(&folder).is_empty());
}

#[test]
fn a_store_that_cannot_be_written_costs_the_negative_and_not_the_picture() {
    let folder = folder();
    fs::create_dir_all(home(&folder)).unwrap();
    fs::write(home(&folder).join("data"), "in the way").unwrap();
    let (lines, code, stderr) = run(&folder, &apple(&["-o", "a.png"]));
    assert!(code == 0 && stderr.contains("the run's negative cannot be written"), "{stderr}");
    assert_eq!(lines.last().unwrap()["negative"], Value::Null);
}
