//! Finding an entry by what people call it: its name, file name, place, repository or hash.

use std::path::PathBuf;

use super::entry::{Entry, Sort};
use crate::told::quoted;

/// Digits of a hash that are enough to name a file.
const HASH_LEAST: usize = 8;
/// The most names that an error lists.
const MOST_NAMES: usize = 4;

/// Why a name finds no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// Nothing has it.
    #[error(
        "expected a path or the name of {wanted} in the library, found none called \"{name}\"{}; `safelight models \
         list` shows what there is", like(.near)
    )]
    Unknown {
        /// What was looked for.
        wanted: String,
        /// The name.
        name: String,
        /// Names like it.
        near: Vec<String>,
    },
    /// Several have it.
    #[error(
        "expected a name that one file of the library has, found several called \"{name}\"; give one of these \
         paths: {}", paths(.found)
    )]
    Several {
        /// The name.
        name: String,
        /// Who has it.
        found: Vec<PathBuf>,
    },
}

fn like(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" (there is {})", names.join(", ")) }
}

fn paths(found: &[PathBuf]) -> String {
    let shown: Vec<String> = found.iter().take(MOST_NAMES).map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

/// The one entry of a wanted sort that is called so; letters count alike in both cases unless that leaves several.
///
/// # Errors
/// If none has this name, or several.
pub fn find<'a>(entries: &'a [Entry], name: &str, wanted: &[Sort]) -> Result<&'a Entry, FindError> {
    let wanted_ones = || entries.iter().filter(|entry| wanted.contains(&entry.sort()));
    let lower = name.to_lowercase();
    let loosely: Vec<&Entry> = wanted_ones().filter(|it| is_called(it, &lower, str::to_lowercase)).collect();
    let exactly: Vec<&Entry> = wanted_ones().filter(|it| is_called(it, name, str::to_owned)).collect();
    let by_hash = || wanted_ones().filter(|it| has_hash(it, &lower)).collect::<Vec<_>>();
    let several = |found: &[&Entry]| {
        Err(FindError::Several {
            name: quoted(name),
            found: found.iter().map(|entry| entry.path.clone()).collect(),
        })
    };
    match (loosely.as_slice(), exactly.as_slice()) {
        ([one], _) | (_, [one]) => Ok(one),
        ([], []) => match by_hash().as_slice() {
            [one] => Ok(one),
            [] => {
                let alike = wanted_ones().map(Entry::name).filter(|it| it.to_lowercase().contains(&lower));
                let wanted = wanted.iter().map(|sort| sort.name().replace('_', " ")).collect::<Vec<_>>();
                Err(FindError::Unknown {
                    wanted: format!("a {}", wanted.join(" or ")),
                    name: quoted(name),
                    near: alike.take(MOST_NAMES).collect(),
                })
            }
            found => several(found),
        },
        _ => several(&loosely),
    }
}

/// Whether this is the entry's name, file name, place below its folder, or repository.
fn is_called(entry: &Entry, name: &str, case: fn(&str) -> String) -> bool {
    let text = |path: Option<&std::ffi::OsStr>| path.map(|path| path.to_string_lossy().replace('\\', "/"));
    let below = entry.path.strip_prefix(&entry.folder).ok();
    let names = [
        Some(entry.name()),
        text(entry.path.file_name()),
        text(entry.path.file_stem()),
        text(below.map(|path| path.as_os_str())),
        text(below.map(|path| path.with_extension("")).as_deref().map(|path| path.as_os_str())),
        entry.repository.clone(),
    ];
    names.into_iter().flatten().any(|own| case(&own) == name)
}

fn has_hash(entry: &Entry, digits: &str) -> bool {
    digits.len() >= HASH_LEAST && entry.sha256.as_deref().is_some_and(|hash| hash.starts_with(digits))
}

#[cfg(test)]
mod tests {
    use super::super::entry::Facts;
    use super::*;

    fn entry(path: &str, sort: Sort, repository: Option<&str>) -> Entry {
        Entry {
            path: path.into(),
            folder: "/m".into(),
            repository: repository.map(str::to_owned),
            bytes: 1,
            facts: Facts {
                sort,
                detail: String::new(),
                format: String::new(),
                dtype: None,
                license: None,
                hashed_file: path.into(),
                refusal: None,
            },
            sha256: Some("0123456789abcdef".to_owned()),
        }
    }

    #[test]
    fn one_file_has_many_names() {
        let entries = [
            entry("/m/sd/V1-5.safetensors", Sort::Model, Some("org/v15")),
            entry("/m/lora/v1-5.safetensors", Sort::Lora, None),
        ];
        let path = |name: &str| find(&entries, name, &[Sort::Model]).map(|entry| entry.path.clone());
        for name in
            ["V1-5", "v1-5", "V1-5.safetensors", "sd/v1-5", "sd/V1-5.SAFETENSORS", "org/v15", "01234567"]
        {
            assert_eq!(path(name), Ok("/m/sd/V1-5.safetensors".into()), "{name}");
        }
        let said = path("v1").unwrap_err().to_string();
        assert!(said.contains("a model") && said.contains("(there is V1-5)"), "{said}");
        assert!(path("0123456").is_err());
    }

    #[test]
    fn a_hash_of_several_is_refused_with_their_paths() {
        let entries = [entry("/m/a.ckpt", Sort::Model, None), entry("/n/b.ckpt", Sort::Model, None)];
        let said = find(&entries, "0123456789", &[Sort::Model]).unwrap_err().to_string();
        assert!(said.contains("/m/a.ckpt, /n/b.ckpt"), "{said}");
        let said = find(&entries, "012345678f", &[Sort::Model]).unwrap_err().to_string();
        assert!(said.contains("found none"), "{said}");
    }

    #[test]
    fn a_name_of_several_is_refused_with_their_paths_unless_case_tells() {
        let entries =
            [entry("/m/a/x.ckpt", Sort::Model, None), entry("/m/b/X.safetensors", Sort::Model, None)];
        let path = |name: &str| find(&entries, name, &[Sort::Model]).map(|entry| entry.path.clone());
        assert_eq!(path("X"), Ok("/m/b/X.safetensors".into()));
        assert_eq!(path("x"), Ok("/m/a/x.ckpt".into()));
        let both = [entry("/m/a/x.ckpt", Sort::Vae, None), entry("/m/b/x.pt", Sort::Vae, None)];
        let said = find(&both, "x", &[Sort::Vae]).unwrap_err().to_string();
        assert!(said.contains("/m/a/x.ckpt, /m/b/x.pt"), "{said}");
    }
}
