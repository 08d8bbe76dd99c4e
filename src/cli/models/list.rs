//! `models list`: one line an entry, or one JSON object a line.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{List, say};
use crate::cli::Failure;
use crate::cli::develop::say_json;
use crate::cli::library::user_library;
use crate::library::{Entry, Sort};

/// Lists the library.
pub(super) fn run(asked: &List) -> Result<(), Failure> {
    let library = user_library()?;
    let cache = library.places.previews.as_deref();
    let mut entries = library.entries();
    let is_wanted = |entry: &Entry| match asked.kind {
        Some(sort) => entry.sort() == sort,
        None => asked.all || entry.sort() != Sort::Other,
    };
    entries.retain(is_wanted);
    let hashes = asked.hash || (asked.json.json && !asked.no_hash);
    for entry in &mut entries {
        if hashes {
            entry.find_hash(cache, &mut || true);
        }
        if asked.json.json {
            say_json(&as_json(entry));
        } else {
            print(entry);
        }
    }
    if entries.is_empty() && !asked.json.json {
        let own = library.places.models.map(|path| path.display().to_string()).unwrap_or_default();
        writeln!(
            std::io::stderr(),
            "no models yet; `safelight models add FOLDER` adds a folder of them, or put some into {own}"
        )
        .ok();
    }
    Ok(())
}

fn as_json(entry: &Entry) -> Value {
    json!({
        "name": entry.name(),
        "kind": entry.sort().name(),
        "detail": entry.facts.detail,
        "path": entry.path.display().to_string(),
        "folder": entry.folder.display().to_string(),
        "repository": entry.repository,
        "bytes": entry.bytes,
        "format": entry.facts.format,
        "dtype": entry.facts.dtype,
        "license": entry.facts.license,
        "sha256": entry.sha256,
        "hash": entry.hash(),
    })
}

fn print(entry: &Entry) {
    let parts = [
        Some(format!("{:<12}", entry.sort())),
        Some(format!("{:<32}", entry.name())),
        Some(format!("{:>9}", size(entry.bytes))),
        entry.facts.dtype.clone(),
        entry.hash().map(str::to_owned),
        Some(entry.facts.detail.clone()),
        entry.facts.license.as_ref().map(|license| format!("license {license}")),
    ];
    say(&parts.into_iter().flatten().collect::<Vec<_>>().join("  "));
}

/// Bytes as people write them.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        1_000_000_000.. => format!("{:.2} GB", bytes as f64 / 1e9),
        1_000_000.. => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.0} kB", (bytes as f64 / 1e3).ceil()),
    }
}
