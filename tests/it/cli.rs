//! The program itself, started as a user or a script starts it.
//!
//! Each test works in a folder of its own and looks at what is there when the program has ended.
#![cfg(feature = "starter")]

mod additions;
#[cfg(all(target_os = "linux", feature = "gpu"))]
mod cards;
mod kinds;
mod lens;
mod models;
mod models_get;
mod negatives;
mod phrases;
mod pictures;
#[cfg(target_os = "linux")]
mod refused_memory;
mod reports;
mod upscale;
mod wrong_input;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use safelight::picture::{Frame, open};
use tempfile::TempDir;

/// A run that has ended.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Where negatives are kept: outside the folder that a test looks at, and never among the user's.
fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("home")
}

/// The program, with nothing on its standard input.
fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.current_dir(folder.path()).args(arguments).stdin(Stdio::null());
    command.env("SAFELIGHT_HOME", home());
    command
}

/// Runs the program in `folder` to its end.
fn safelight(folder: &TempDir, arguments: &[&str]) -> Run {
    let output = command(folder, arguments).output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it and expects that it is done without a fault; gives stdout.
fn done(folder: &TempDir, arguments: &[&str]) -> String {
    let run = safelight(folder, arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    run.stdout
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The picture in a file of `folder`.
fn picture(folder: &TempDir, name: &str) -> Frame {
    open::open(&folder.path().join(name)).unwrap()
}

/// Every file and empty folder below `folder`, hidden ones too, with slashes, sorted.
fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let inside = files(&path);
            names.extend(inside.is_empty().then(|| format!("{name}/")));
            names.extend(inside.into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

/// Pixels across the starter's own pictures, which are square.
fn side() -> usize {
    let settings: serde_json::Value =
        serde_json::from_slice(&fs::read(shipped("assets/starter/settings.json")).unwrap()).unwrap();
    assert_eq!(settings["width"], settings["height"]);
    settings["width"].as_u64().unwrap() as usize
}

/// A file or folder that the project ships.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The same as text for a command line.
fn shipped_text(name: &str) -> String {
    shipped(name).to_str().unwrap().to_owned()
}
