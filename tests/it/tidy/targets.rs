//! Targets: code under `#[cfg]` of a system or a processor has its other branch, so that a build for
//! another target is not found broken there.
//!
//! Trap: this reads attributes, not meaning: `#[cfg(not(…))]` of the same words must stand in the same
//! file (`unix` and `windows` are each other's). Tests may be of one system.

use std::fs;

use super::source::Source;
use super::{files, refuse, root};

/// Files with a branch that stands alone, the condition, and what happens elsewhere.
const ALONE: &[(&str, &str, &str)] = &[
    ("build.rs", "windows", "a program has no resources"),
    ("src/files.rs", "unix", "a new file has the folder's permissions by itself"),
    ("src/gallery/discard.rs", r#"target_os = "macos""#, "a trash has one method only"),
    ("src/sampler/noise/normal.rs", r#"target_arch = "x86_64""#, "the same source, compiled without AVX2"),
];

/// The conditions of a file's `#[cfg(…)]`, as they are written, tests and comments left out.
fn conditions(source: &Source, text: &str) -> Vec<String> {
    const START: &str = "#[cfg(";
    let found = source.code.match_indices(START).filter_map(|(at, _)| {
        // The code has as many bytes as the text, but no strings.
        let length = source.code[at..].find(")]")?;
        let written = text.get(at + START.len()..at + length)?;
        Some(written.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    found
        .filter(|condition| {
            ["unix", "windows", "target_os", "target_arch"].iter().any(|word| condition.contains(word))
        })
        .collect()
}

/// The condition that holds where this one does not.
fn opposite(condition: &str) -> String {
    match condition.strip_prefix("not(").and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => inner.to_owned(),
        None => format!("not({condition})"),
    }
}

/// Conditions of a file that have no other branch in it.
fn lone(source: &Source, text: &str) -> Vec<String> {
    let found = conditions(source, text);
    let has = |wanted: &str| found.iter().any(|condition| condition == wanted);
    let mut lone: Vec<String> = found
        .iter()
        .filter(|condition| {
            let other = match condition.as_str() {
                "unix" => has("windows"),
                "windows" => has("unix"),
                _ => false,
            };
            !other && !has(&opposite(condition))
        })
        .cloned()
        .collect();
    lone.dedup();
    lone
}

#[test]
fn every_condition_on_a_target_has_its_other_branch() {
    let paths = files(&root().join("src"), &["rs"]).into_iter().chain([root().join("build.rs")]);
    let mut found = Vec::new();
    for path in paths.filter(|path| path.file_name().is_some_and(|name| name != "tests.rs")) {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(&path).unwrap();
        found.extend(lone(&Source::new(&name, &text), &text).into_iter().map(|it| (name.clone(), it)));
    }
    let is_listed = |(file, condition): &(String, String)| {
        ALONE.iter().any(|(name, known, why)| name == file && known == condition && !why.is_empty())
    };
    let mut faults: Vec<String> = found
        .iter()
        .filter(|it| !is_listed(it))
        .map(|(file, condition)| format!("{file}: {condition} has no other branch"))
        .collect();
    let stale = ALONE
        .iter()
        .filter(|(file, condition, _)| !found.iter().any(|(name, lone)| name == file && lone == condition));
    faults.extend(stale.map(|(file, condition, _)| format!("{file}: {condition} needs no entry any more")));
    refuse(&faults);
}

#[test]
fn a_branch_that_stands_alone_is_seen() {
    let lone = |text: &str| lone(&Source::new("ops/a.rs", text), text);
    let none = Vec::<String>::new();
    let arm = r#"target_arch = "aarch64""#;
    assert_eq!(lone("#[cfg(unix)]\nfn f() {}"), ["unix"]);
    assert_eq!(lone("#[cfg(unix)]\nfn f() {}\n#[cfg(not(unix))]\nfn f() {}"), none);
    assert_eq!(lone("#[cfg(unix)]\nfn f() {}\n#[cfg(windows)]\nfn f() {}"), none);
    assert_eq!(lone(&format!("#[cfg({arm})]\nuse a::B;")), [arm]);
    assert_eq!(lone(&format!("#[cfg({arm})]\nuse a::B;\n#[cfg(not({arm}))]\nuse c::B;")), none);
    assert_eq!(lone(&format!("#[cfg(not({arm}))]\nfn f() {{}}")), [format!("not({arm})")]);
    assert_eq!(lone("// #[cfg(unix)]\n#[cfg(feature = \"window\")]\nfn f() {}"), none);
    assert_eq!(lone("#[cfg(test)]\nmod tests {\n    #[cfg(unix)]\n    fn f() {}\n}"), none);
}
