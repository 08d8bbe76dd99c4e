//! What the program carries of its build: its version with the commit, every shader checked, and on
//! Windows an icon and a manifest.
//!
//! Trap: whatever a `rerun-if-changed` names builds the whole crate again when it changes, so only a
//! release build looks at the commit. It names the whole of `src`, since a shader that is new has no
//! line of its own yet.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "src/ops/wgsl/compose.rs"]
mod compose;
#[path = "src/ops/wgsl/variants.rs"]
#[allow(dead_code, reason = "which card takes what is none of the build's business")]
mod variants;
use compose::{compose, with_constants};

/// How a shader begins that is nothing by itself, and is checked in those that ask for it.
const PART: &str = "//! part of others";

/// Threads of a subgroup on the cards that have cooperative matrices.
const SUBGROUPS: [u32; 5] = [4, 8, 16, 32, 64];

fn main() {
    if let Err(error) = run() {
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rustc-env=SAFELIGHT_VERSION={}", version());
    let mut shaders = Vec::new();
    find_shaders(Path::new("src"), &mut shaders)?;
    let texts = shaders.iter().map(|path| Ok((name_of(path), fs::read_to_string(path)?)));
    let texts: Vec<(String, String)> = texts.collect::<std::io::Result<_>>()?;
    for shader in &shaders {
        let is_part = |text: &&(String, String)| text.0 == name_of(shader) && text.1.starts_with(PART);
        if texts.iter().find(is_part).is_none() {
            check_shader(shader, &texts)?;
        }
    }
    #[cfg(windows)]
    windows_resources()?;
    Ok(())
}

/// The package's version, followed in a release build by the commit where git knows one.
fn version() -> String {
    let package = env!("CARGO_PKG_VERSION");
    if std::env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return package.to_owned();
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    match git(&["rev-parse", "--short=9", "HEAD"]) {
        Some(commit) => format!("{package} ({commit})"),
        None => package.to_owned(),
    }
}

/// What git answers, if this is a clone and git is installed.
fn git(arguments: &[&str]) -> Option<String> {
    // A package that was unpacked inside somebody else's repository is no clone of this one.
    if !Path::new(".git").exists() {
        return None;
    }
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Finds every WGSL file below `folder`.
fn find_shaders(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_shaders(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "wgsl") {
            found.push(path);
        }
    }
    Ok(())
}

/// A shader's name without its folder and ending.
fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Parses and validates a shader with the files that it asks for, in each storage and with the constants of
/// each row of the table of variants; a fault ends the build with its line.
fn check_shader(path: &Path, texts: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    let name = path.display().to_string();
    let text_of = |name: &str| texts.iter().find(|text| text.0 == name).map(|text| text.1.as_str());
    let rows = match name_of(path).as_str() {
        "product" => {
            let gated = variants::TILES.iter().filter(|tile| tile.panels == 2);
            let plain = variants::TILES.iter().map(|tile| tile.constants(false, 0));
            plain.chain(gated.map(|tile| tile.constants(true, 0))).collect()
        }
        "product_matrices" => {
            let tiles = variants::MATRIX_TILES.iter();
            let all = tiles.flat_map(|tile| SUBGROUPS.map(|subgroup| (tile, subgroup)));
            all.flat_map(|(tile, subgroup)| {
                [false, true].map(|gated| tile.constants(gated && tile.panels == 2, subgroup))
            })
            .collect()
        }
        _ => vec![Vec::new()],
    };
    let for_matrices =
        Capabilities::COOPERATIVE_MATRIX | Capabilities::SHADER_FLOAT16 | Capabilities::SUBGROUP;
    let capabilities = match rows.iter().flatten().any(|constant| constant.0 == "TOGETHER") {
        true => Capabilities::SHADER_FLOAT16_IN_FLOAT32 | for_matrices,
        false => Capabilities::SHADER_FLOAT16_IN_FLOAT32,
    };
    for (storage, weights) in [("f32", "f32"), ("f32", "f16"), ("f16", "f32"), ("f16", "f16")] {
        let source = compose(&name_of(path), text_of, storage, weights)
            .map_err(|file| format!("{name} asks for {file}.wgsl, which is not there"))?;
        for constants in &rows {
            let source = with_constants(&source, constants);
            let module = naga::front::wgsl::parse_str(&source)
                .map_err(|error| error.emit_to_string_with_path(&source, &name))?;
            Validator::new(ValidationFlags::all(), capabilities)
                .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
                .validate(&module)
                .map_err(|error| error.emit_to_string_with_path(&source, &name))?;
        }
    }
    Ok(())
}

/// The icon that Explorer shows, and a manifest that asks for the right scale on every screen.
#[cfg(windows)]
fn windows_resources() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets/icons/safelight.ico");
    println!("cargo::rerun-if-changed=assets/icons/safelight.manifest");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "windows") {
        winresource::WindowsResource::new()
            .set_icon("assets/icons/safelight.ico")
            .set_manifest_file("assets/icons/safelight.manifest")
            .compile()?;
    }
    Ok(())
}
