//! The layers and habits of the source, held by a test: who may name whom, and what is not written.
//!
//! Invariant: every module of the crate stands in [`LAYERS`]; a new one is entered there or refused.

mod shape;
mod source;
mod space;
mod targets;
mod unsafe_code;

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// A module of the crate, and the other modules that it may name. Data flows one way: what a module
/// may name stands lower in the program.
const LAYERS: &[(&str, &[&str])] = &[
    ("told", &[]),
    ("files", &[]),
    ("hashes", &["files"]),
    ("journal", &[]),
    ("process", &[]),
    ("places", &[]),
    ("resize", &[]),
    ("config", &["told"]),
    ("note", &["told"]),
    ("gpu", &["files"]),
    ("ops", &["gpu", "told"]),
    ("sampler", &["note", "told"]),
    ("settings", &["sampler"]),
    ("grammar", &["settings", "told"]),
    ("phrasebook", &["files", "grammar", "told"]),
    ("picture", &["files", "note", "resize", "sampler", "settings", "told"]),
    ("tray", &["picture", "settings", "told"]),
    ("negative", &["files", "sampler", "settings"]),
    ("message", &["gpu", "note", "picture", "sampler", "settings", "told", "tray"]),
    ("trace", &["files", "sampler"]),
    ("checkpoint", &["note", "ops", "told"]),
    ("starter", &["checkpoint"]),
    ("model", &["config", "note", "ops", "resize", "sampler", "told"]),
    (
        "engine",
        &[
            "checkpoint",
            "config",
            "files",
            "gpu",
            "grammar",
            "hashes",
            "journal",
            "library",
            "message",
            "model",
            "negative",
            "note",
            "ops",
            "picture",
            "resize",
            "sampler",
            "settings",
            "starter",
            "told",
            "tray",
        ],
    ),
    ("transfer", &["files", "hashes", "told"]),
    ("library", &["checkpoint", "files", "hashes", "journal", "places", "preferences", "told", "transfer"]),
    ("verify", &["config", "engine", "model", "ops", "sampler", "settings", "starter", "trace"]),
    (
        "bench",
        &[
            "checkpoint",
            "config",
            "engine",
            "gpu",
            "model",
            "ops",
            "process",
            "sampler",
            "settings",
            "starter",
            "verify",
        ],
    ),
    ("gallery", &["picture", "settings"]),
    ("preferences", &["files", "message", "picture", "settings"]),
    (
        "app",
        &[
            "engine",
            "files",
            "gallery",
            "gpu",
            "grammar",
            "library",
            "message",
            "negative",
            "note",
            "phrasebook",
            "picture",
            "places",
            "preferences",
            "process",
            "resize",
            "sampler",
            "settings",
            "told",
            "transfer",
            "tray",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "bench",
            "checkpoint",
            "engine",
            "files",
            "gallery",
            "gpu",
            "grammar",
            "hashes",
            "journal",
            "library",
            "message",
            "model",
            "negative",
            "ops",
            "note",
            "phrasebook",
            "picture",
            "places",
            "preferences",
            "sampler",
            "settings",
            "starter",
            "told",
            "trace",
            "transfer",
            "tray",
            "verify",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// A crate or a part of the standard library, and the only modules that may name it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("candle_core", &["ops"]),
    ("candle_nn", &["ops"]),
    ("eframe", &["app"]),
    ("egui", &["app"]),
    ("rfd", &["app"]),
    ("rustls", &["transfer"]),
    ("ureq", &["transfer"]),
    ("wgpu", &["app", "gpu", "ops"]),
];

/// Paths that a module may not name.
const NEVER: &[(&str, &[&str])] = &[
    ("model", &["std::fs", "std::thread", "std::net", "std::process"]),
    ("sampler", &["std::fs", "std::thread", "std::net", "std::process"]),
    ("ops", &["std::fs", "std::net", "std::process"]),
    ("message", &["std::fs", "std::thread", "std::net", "std::process"]),
];

/// Calls that end the program where an error should be returned.
const PANICS: &[&str] =
    &[".unwrap(", ".expect(", "panic!", "todo!", "unimplemented!", "unreachable!", "dbg!"];

/// Words of unfinished work, and places that exist on one machine only. Joined here, so that this
/// file does not hold them.
const UNFINISHED: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("/wo", "rk/"), concat!("../sha", "red")];

/// The longest function, in lines: what fits a screen.
const LINES_MAX: usize = 70;

/// Functions that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every file with one of these endings below `folder`, sorted.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every file of the program, tests in files of their own left out.
fn program() -> Vec<Source> {
    let sources: Vec<Source> = files(&root().join("src"), &["rs"])
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "tests.rs"))
        .map(|path| {
            let name = path.strip_prefix(root().join("src")).unwrap().to_string_lossy().replace('\\', "/");
            Source::new(&name, &fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(sources.len() > 50, "found only {} source files", sources.len());
    sources
}

fn refuse(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn entry<'a>(table: &[(&str, &'a [&'a str])], key: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(name, _)| *name == key).map(|(_, values)| *values)
}

/// What `source` names and may not.
fn layer_faults(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(below) = entry(LAYERS, module) else {
        return vec![format!("{}: the module {module} is not in the table of layers", source.name)];
    };
    let never = entry(NEVER, module).unwrap_or_default();
    let mut faults = Vec::new();
    for path in source.paths() {
        let segments: Vec<&str> = path.split("::").collect();
        let known = segments.get(1).is_some_and(|part| entry(LAYERS, part).is_some());
        if segments[0] == "crate" && known && segments[1] != module && !below.contains(&segments[1]) {
            faults.push(format!("{} may not name {path}", source.name));
        }
        if entry(ONLY_IN, segments[0]).is_some_and(|allowed| !allowed.contains(&module)) {
            faults.push(format!("{} may not name {path}", source.name));
        }
        if never.iter().any(|word| path == *word || path.starts_with(&format!("{word}::"))) {
            faults.push(format!("{} may not name {path}", source.name));
        }
        if path == "std::thread::spawn" {
            faults.push(format!("{} starts a thread without a name", source.name));
        }
    }
    faults
}

/// Calls in `source` that could end the program.
fn panic_faults(source: &Source) -> Vec<String> {
    let packed: String = source.code.split_whitespace().collect();
    PANICS
        .iter()
        .filter(|call| packed.contains(*call))
        .map(|call| format!("{}: {call}", source.name))
        .collect()
}

/// Functions of `source` that do not fit a screen.
fn length_faults(source: &Source) -> Vec<String> {
    let longer = |name: &str| LONGER.iter().any(|(known, _)| *known == format!("{}::{name}", source.name));
    let functions = source.functions().into_iter();
    let long = functions.filter(|(name, lines)| *lines > LINES_MAX && !longer(name));
    long.map(|(name, lines)| format!("{}: {name} has {lines} lines", source.name)).collect()
}

#[test]
fn every_file_says_what_it_is() {
    let silent = program().into_iter().filter(|source| !source.says_what_it_is());
    refuse(&silent.map(|source| format!("{} does not open with //!", source.name)).collect::<Vec<_>>());
}

#[test]
fn modules_name_only_what_lies_below_them() {
    refuse(&program().iter().flat_map(layer_faults).collect::<Vec<_>>());
}

#[test]
fn nothing_ends_the_program_where_an_error_should_come_back() {
    refuse(&program().iter().flat_map(panic_faults).collect::<Vec<_>>());
}

#[test]
fn functions_fit_a_screen() {
    refuse(&program().iter().flat_map(length_faults).collect::<Vec<_>>());
}

#[test]
fn exceptions_are_of_functions_that_exist() {
    let sources = program();
    let is_there = |name: &str| {
        sources.iter().any(|source| {
            let mut functions = source.functions().into_iter();
            functions
                .any(|(function, lines)| lines > LINES_MAX && format!("{}::{function}", source.name) == name)
        })
    };
    let stale = LONGER.iter().filter(|(name, reason)| reason.is_empty() || !is_there(name));
    refuse(&stale.map(|(name, _)| format!("{name} needs no exception")).collect::<Vec<_>>());
}

#[test]
fn every_asset_has_its_license_beside_it() {
    let mut faults = Vec::new();
    for entry in fs::read_dir(root().join("assets")).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.is_dir(), "{} lies in no folder with a license", path.display());
        if !has_license(&path) {
            faults.push(format!("{} has no license file", path.display()));
        }
    }
    refuse(&faults);
}

/// Whether a folder holds a license: `LICENSE…`, or `OFL…` for fonts.
fn has_license(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let name = entry.unwrap().file_name().to_string_lossy().to_uppercase();
        name.starts_with("LICENSE") || name.starts_with("OFL")
    })
}

#[test]
fn nothing_is_unfinished_or_tied_to_one_machine() {
    let mut texts = Vec::new();
    for folder in ["src", "tests", "tools"] {
        texts.extend(files(&root().join(folder), &["rs", "py", "sh", "md", "yaml", "ftl"]));
    }
    texts.extend(["README.md", "CONTRIBUTING.md", "Cargo.toml", ".ci/run"].map(|name| root().join(name)));
    let mut faults = Vec::new();
    for path in texts {
        let text = fs::read_to_string(&path).unwrap();
        let found = UNFINISHED.iter().filter(|word| text.contains(*word));
        faults.extend(found.map(|word| format!("{}: {word}", path.display())));
        if text.contains(concat!("#[ign", "ore")) {
            faults.push(format!("{}: a test that does not run", path.display()));
        }
    }
    refuse(&faults);
}

/// The checks themselves, on source that breaks each rule.
mod checks {
    use super::*;

    fn faults(name: &str, text: &str) -> usize {
        layer_faults(&Source::new(name, text)).len()
    }

    #[test]
    fn a_layer_that_reaches_up_is_seen() {
        assert_eq!(faults("model/unet/mod.rs", "use crate::ops::Tensor;"), 0);
        assert_eq!(faults("model/unet/mod.rs", "use crate::engine::OpenModel;"), 1);
        assert_eq!(faults("model/unet/mod.rs", "use crate::{ops, engine::{self, OpenModel}};"), 2);
        assert_eq!(faults("checkpoint/a/b.rs", "use super::super::super::model::UNetModel;"), 1);
        assert_eq!(faults("checkpoint/open.rs", "fn f() { super::super::sampler::run(); }"), 1);
        assert_eq!(faults("checkpoint/mod.rs", "use super::model as m;"), 1);
        assert_eq!(faults("novelty/mod.rs", "fn f() {}"), 1);
    }

    #[test]
    fn a_crate_out_of_place_is_seen() {
        assert_eq!(faults("sampler/run.rs", "use candle_core::Tensor;"), 1);
        assert_eq!(faults("picture/frame.rs", "fn f(c: egui::Color32) {}"), 1);
        assert_eq!(faults("engine/mod.rs", "use eframe as window;"), 1);
        assert_eq!(faults("engine/mod.rs", "// candle_core::Tensor\nconst A: &str = \"egui::Ui\";"), 0);
        assert_eq!(faults("app/mod.rs", "use egui::Ui;"), 0);
        assert_eq!(faults("sampler/run.rs", "use std::{fmt, fs::{self, File}};"), 2);
        assert_eq!(faults("engine/mod.rs", "fn f() { std::thread::spawn(g); }"), 1);
    }

    #[test]
    fn a_panic_is_seen_but_not_in_tests() {
        let count = |text: &str| panic_faults(&Source::new("engine/mod.rs", text)).len();
        assert_eq!(count("fn f() { g() .unwrap ( ) }"), 1);
        assert_eq!(count("fn f() { g()\n    .expect(\"it\") }"), 1);
        assert_eq!(count("fn f() { todo!() }"), 1);
        assert_eq!(count("// panic!\nfn f() { say(\"panic!\") }"), 0);
        assert_eq!(count("#[expect(dead_code)] fn f() { g().unwrap_or(1) }"), 0);
        assert_eq!(count("#[cfg(test)]\nmod tests { fn f() { g().unwrap() } }"), 0);
        assert_eq!(count("#[cfg(test)]\nmod tests;\nfn f() { g().unwrap() }"), 1);
    }

    #[test]
    fn a_long_function_is_seen() {
        let function = |lines: usize| {
            let text =
                format!("fn f(x: [u8; 2])\nwhere\n    A: B,\n{{\n{}}}\n", "    g();\n".repeat(lines - 5));
            length_faults(&Source::new("engine/mod.rs", &text))
        };
        assert_eq!(function(LINES_MAX), Vec::<String>::new());
        assert_eq!(function(LINES_MAX + 1), ["engine/mod.rs: f has 71 lines"]);
    }

    #[test]
    fn a_folder_without_a_license_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("picture.png"), b"").unwrap();
        assert!(!has_license(folder.path()));
        fs::write(folder.path().join("LICENSE-PICTURES"), b"").unwrap();
        assert!(has_license(folder.path()));
    }
}
