//! Shape: order among the folders inside a layer, no two files that import each other, and files and
//! folders that can be taken in at once.
//!
//! Trap: the order of folders counts names that are written out, so a re-export of the layer's own
//! `mod.rs` must stand in the table like any other name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;
use super::{entry, program, refuse};

/// A folder or file inside a layer, and what else of that layer it may name. A part of a layer that is
/// not listed joins the others and may name all of them.
const INSIDE: &[(&str, &[&str])] = &[
    ("app::command", &["i18n", "sheets", "theme"]),
    ("app::i18n", &[]),
    ("app::picture", &[]),
    ("app::services", &["i18n"]),
    ("app::sheets", &[]),
    ("app::state", &["command", "i18n", "picture", "services", "sheets"]),
    ("app::theme", &["picture"]),
    ("app::ui", &["command", "i18n", "picture", "sheets", "state", "theme"]),
    (
        "engine::generate",
        &["additions", "denoise", "from", "generate_error", "ladder", "lens", "pixels", "prompts", "upscale"],
    ),
    ("engine::prompts", &["generate_error"]),
    ("engine::ladder", &["denoise", "from"]),
    ("engine::preview", &["from", "generate", "negative", "open"]),
    ("model::cond", &["resident"]),
    ("model::first_stage", &["resident"]),
    ("model::unet", &["resident"]),
];

/// A folder inside a layer, and crates that it may not name although its layer may.
const NEVER_INSIDE: &[(&str, &[&str])] = &[("app::state", &["eframe", "egui", "egui_wgpu"])];

/// The longest file, in lines.
const LINES_MAX: usize = 500;

/// Most files of one folder; its subfolders are not counted.
const FILES_MAX: usize = 20;

/// The part of a layer that a module belongs to: `app::ui` of `app::ui::prompt`.
fn part(module: &[String]) -> String {
    module.iter().take(2).map(String::as_str).collect::<Vec<_>>().join("::")
}

/// What `source` names and its part of a layer may not.
fn inside_faults(source: &Source) -> Vec<String> {
    let module = source.module_path();
    let part = part(&module);
    let Some(below) = entry(INSIDE, &part) else { return Vec::new() };
    let never = entry(NEVER_INSIDE, &part).unwrap_or_default();
    let may_not = |path: &String| {
        let segments: Vec<&str> = path.split("::").collect();
        match segments[..] {
            ["crate", layer, named, ..] if layer == module[0] => {
                named != module[1] && !below.contains(&named)
            }
            [first, ..] => never.contains(&first),
            [] => false,
        }
    };
    let named: BTreeSet<String> = source.paths().into_iter().filter(may_not).collect();
    named.into_iter().map(|path| format!("{} may not name {path}", source.name)).collect()
}

/// The files that each file imports, by the names of the files.
fn imports(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let files: BTreeMap<Vec<String>, &str> =
        sources.iter().map(|source| (source.module_path(), source.name.as_str())).collect();
    let file_of = |path: &str| {
        let mut module: Vec<String> = path.split("::").skip(1).map(str::to_owned).collect();
        while !files.contains_key(&module) {
            module.pop()?;
        }
        files.get(&module).copied()
    };
    let imported = |source: &Source| {
        let paths = source.paths().into_iter().filter(|path| path.starts_with("crate::"));
        paths.filter_map(|path| file_of(&path)).collect::<BTreeSet<_>>()
    };
    sources.iter().map(|source| (source.name.as_str(), imported(source))).collect()
}

/// Whether one of two files is the other's parent module.
fn is_parent_and_child(sources: &[Source], a: &str, b: &str) -> bool {
    let module = |name: &str| sources.iter().find(|source| source.name == name).map(Source::module_path);
    let (Some(a), Some(b)) = (module(a), module(b)) else { return false };
    a.split_last().is_some_and(|(_, parent)| *parent == b)
        || b.split_last().is_some_and(|(_, parent)| *parent == a)
}

/// Pairs of files that import each other.
fn circles(sources: &[Source]) -> Vec<String> {
    let imports = imports(sources);
    let pairs = imports.iter().flat_map(|(a, named)| named.iter().map(move |b| (*a, *b)));
    let mutual = pairs.filter(|(a, b)| a < b && imports.get(b).is_some_and(|named| named.contains(a)));
    let mutual = mutual.filter(|(a, b)| !is_parent_and_child(sources, a, b));
    mutual.map(|(a, b)| format!("{a} and {b} import each other")).collect()
}

/// Files that are too long, and folders that are too full.
fn size_faults(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.lines > LINES_MAX);
    let mut faults: Vec<String> = long.map(|source| format!("{} is too long", source.name)).collect();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        *folders.entry(source.name.rsplit_once('/').map_or("src", |(folder, _)| folder)).or_default() += 1;
    }
    let full = folders.into_iter().filter(|(_, files)| *files > FILES_MAX);
    faults.extend(full.map(|(folder, _)| format!("{folder} has too many files")));
    faults
}

#[test]
fn folders_inside_a_layer_keep_their_order() {
    refuse(&program().iter().flat_map(inside_faults).collect::<Vec<_>>());
}

#[test]
fn no_two_files_import_each_other_and_none_is_too_long() {
    let sources = program();
    let mut faults = circles(&sources);
    faults.extend(size_faults(&sources));
    refuse(&faults);
}

#[test]
fn every_part_in_the_tables_exists() {
    let parts: BTreeSet<String> = program().iter().map(|source| part(&source.module_path())).collect();
    let listed = INSIDE.iter().chain(NEVER_INSIDE).map(|(name, _)| *name);
    refuse(&listed.filter(|name| !parts.contains(*name)).map(str::to_owned).collect::<Vec<_>>());
}

/// The checks themselves, on source that breaks each rule.
mod checks {
    use super::*;

    #[test]
    fn a_folder_that_reaches_up_inside_its_layer_is_seen() {
        let faults = |name: &str, text: &str| inside_faults(&Source::new(name, text)).len();
        assert_eq!(faults("app/ui/prompt.rs", "use crate::app::state::State; use crate::app::ui::view;"), 0);
        assert_eq!(faults("app/ui/prompt.rs", "use crate::app::services::Task;"), 1);
        assert_eq!(faults("app/ui/prompt.rs", "use crate::app::{Safelight, services::Task};"), 2);
        assert_eq!(faults("app/theme/mod.rs", "fn f() { super::state::f() }"), 1);
        assert_eq!(faults("app/state/mod.rs", "use egui::Rect;"), 1);
        assert_eq!(faults("app/execute.rs", "use crate::app::ui::f; use egui::Rect;"), 0);
    }

    #[test]
    fn files_that_import_each_other_are_seen_and_a_parent_and_its_child_may() {
        let found = |files: &[(&str, &str)]| {
            circles(&files.iter().map(|(name, text)| Source::new(name, text)).collect::<Vec<_>>()).len()
        };
        let b = ("model/b.rs", "use crate::model::a::A;");
        assert_eq!(found(&[("model/a.rs", "use crate::model::b::B;"), b]), 1);
        assert_eq!(found(&[("model/a.rs", "fn f() { super::b::f() }"), b]), 1);
        assert_eq!(found(&[("model/a.rs", "#[cfg(test)]\nmod tests { use crate::model::b::B; }"), b]), 0);
        assert_eq!(found(&[("model/mod.rs", "use crate::model::b::B;"), b]), 0);
        let child = ("model/a/c.rs", "use crate::model::a::A; use crate::model::f;");
        assert_eq!(found(&[("model/a.rs", "use crate::model::a::c::C;"), child]), 0);
        assert_eq!(found(&[("model/mod.rs", "use crate::model::a::c::C;"), child]), 1, "a grandchild");
    }

    #[test]
    fn a_long_file_and_a_full_folder_are_seen() {
        let long = |lines: usize| size_faults(&[Source::new("told.rs", &"\n".repeat(lines))]);
        assert_eq!(long(LINES_MAX), Vec::<String>::new());
        assert_eq!(long(LINES_MAX + 1), ["told.rs is too long"]);
        let folder = |files: usize| {
            let sources: Vec<Source> = (0..files).map(|i| Source::new(&format!("ops/a{i}.rs"), "")).collect();
            size_faults(&sources)
        };
        assert_eq!(folder(FILES_MAX), Vec::<String>::new());
        assert_eq!(folder(FILES_MAX + 1), ["ops has too many files"]);
    }
}
