//! The list of cards from a process of its own.
//!
//! Asking some drivers for what a card can do crashes inside the driver, and takes the whole process with it
//! (AMDVLK's cooperative matrices, on Windows and Linux). So the program asks itself first: it runs
//! `safelight gpu --json` in a child, and a child that dies or hangs says which interface not to touch.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::AdapterReport;
use super::adapter::BACKEND;

/// A child that takes longer hangs in a driver.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a child found out.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Probed {
    /// The interface that may be used; any if `None`, none if "cpu".
    pub backend: Option<String>,
    /// The cards by it.
    pub adapters: Vec<AdapterReport>,
    /// The interfaces in whose drivers a child died.
    pub died: Vec<String>,
}

/// A probe as it is kept: another version of the program, or another choice of the user, asks again.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    version: String,
    chosen: Option<String>,
    probed: Probed,
}

impl Probed {
    /// Reads what this version found out; `None` where nothing is known.
    pub fn read(file: &Path) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        (kept.version == env!("CARGO_PKG_VERSION") && kept.chosen == chosen()).then_some(kept.probed)
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let kept = Kept { version, chosen: chosen(), probed: self.clone() };
        serde_json::to_string_pretty(&kept).unwrap_or_default()
    }
}

fn chosen() -> Option<String> {
    std::env::var(BACKEND).ok().filter(|chosen| !chosen.is_empty())
}

/// The list that `safelight gpu --list` prints.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Listed {
    /// The cards.
    pub adapters: Vec<AdapterReport>,
}

/// Asks by a child of `program`: every interface first; where that dies, each that the system may have by
/// itself; where all die, none is to be used.
pub fn probe(program: &Path) -> Probed {
    let chosen = chosen();
    if chosen.as_deref() == Some("cpu") {
        return Probed { backend: chosen, adapters: Vec::new(), died: Vec::new() };
    }
    if let Some(adapters) = ask(program, chosen.as_deref()) {
        return Probed { backend: chosen, adapters, died: Vec::new() };
    }
    let mut died = vec![chosen.unwrap_or_else(|| "all".to_owned())];
    let others: &[&str] = if cfg!(windows) { &["dx12", "vulkan"] } else { &["vulkan"] };
    for other in others {
        match ask(program, Some(other)) {
            Some(adapters) => return Probed { backend: Some((*other).to_owned()), adapters, died },
            None => died.push((*other).to_owned()),
        }
    }
    Probed { backend: Some("cpu".to_owned()), adapters: Vec::new(), died }
}

/// The cards that a child lists; `None` if it dies, hangs or says something else.
fn ask(program: &Path, backend: Option<&str>) -> Option<Vec<AdapterReport>> {
    let mut command = Command::new(program);
    command.args(["gpu", "--list", "--json"]).stdin(Stdio::null()).stderr(Stdio::null());
    if let Some(backend) = backend {
        command.env(BACKEND, backend);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(None) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                // It died already, or is made to.
                child.kill().and_then(|()| child.wait()).ok();
                return None;
            }
        }
    }
    let listed: Listed = serde_json::from_reader(child.stdout.take()?).ok()?;
    Some(listed.adapters)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program that does as `script` says.
    fn program(folder: &Path, script: &str) -> std::path::PathBuf {
        let path = folder.join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    const CARD: &str = r#"{"adapters":[{"name":"A card","backend":"vulkan","kind":"discrete","driver":"1",
        "buffer_max":1,"binding_max":1,"shared_bytes":1,"subgroup":[32,32],"has_f16":true,
        "has_pipeline_cache":true}]}"#;

    #[test]
    fn a_child_that_dies_in_one_driver_leaves_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let told = program(folder.path(), &format!("echo '{CARD}'"));
        let probed = probe(&told);
        assert_eq!((probed.adapters[0].name.as_str(), probed.died.len()), ("A card", 0));
        // Dies unless it is told to leave all drivers but one alone.
        let dies = program(
            folder.path(),
            &format!("[ \"$SAFELIGHT_BACKEND\" = vulkan ] || kill -SEGV $$; echo '{CARD}'"),
        );
        let probed = probe(&dies);
        assert_eq!((probed.backend.as_deref(), probed.died.len()), (Some("vulkan"), 1));
        let always = program(folder.path(), "kill -SEGV $$");
        assert_eq!(probe(&always).backend.as_deref(), Some("cpu"));
        assert!(probe(&always).adapters.is_empty());
        assert_eq!(probe(Path::new("/no/such/program")).backend.as_deref(), Some("cpu"));
    }
}
