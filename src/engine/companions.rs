//! Files beside a model: settings that suit it, names of things that it knows, its tokenizer.
//!
//! Other programs use the same file names. What has another form is ignored with a note; only a
//! tokenizer that the config names must be there and right.

use std::path::Path;

use crate::message::Concept;
use crate::note::{FileNote, Note};
use crate::settings::{PartialSettings, Settings};

const SETTINGS: &str = "settings.json";
const CONCEPTS: &str = "concepts.txt";
/// A companion may not be longer.
const BYTES_MAX: u64 = 16 << 20;
/// The side of the pictures that Stable Diffusion v1 was trained on.
const V1_PIXELS: usize = 512;
/// A name of a thing is a few words.
const LETTERS_MAX: usize = 100;

/// What lies beside a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Companions {
    /// `settings.json`: what suits the model.
    pub(super) settings: PartialSettings,
    /// `concepts.txt`: what it knows.
    pub(super) concepts: Vec<Concept>,
}

/// What suits the starter; in a build without it, Stable Diffusion v1.
pub fn first_settings() -> Settings {
    #[cfg(feature = "starter")]
    let suiting = PartialSettings::suiting(crate::starter::SETTINGS).unwrap_or_default();
    #[cfg(not(feature = "starter"))]
    let suiting = PartialSettings::default();
    complete(&suiting, V1_PIXELS, 1)
}

/// All settings, those of v1 where the model's say nothing or a side is no multiple of `multiple`.
/// `pixels` is the side of the training's pictures.
fn complete(suiting: &PartialSettings, pixels: usize, multiple: usize) -> Settings {
    let settings = suiting.put_over(&Settings { width: pixels, height: pixels, ..Settings::default() });
    let side = |side: usize| if side.is_multiple_of(multiple) { side } else { pixels };
    Settings { width: side(settings.width), height: side(settings.height), ..settings }
}

impl Companions {
    /// Reads them from the texts of a model that is part of the program.
    #[cfg(feature = "starter")]
    pub(super) fn of_texts(settings: &str, concepts: &str) -> Self {
        Self {
            settings: PartialSettings::suiting(settings).unwrap_or_default(),
            concepts: parse_concepts(concepts).unwrap_or_default(),
        }
    }

    /// Reads those in a folder; each that has another form is a note.
    pub(super) fn beside(folder: &Path, notes: &mut Vec<Note>) -> Self {
        Self {
            settings: read(folder, SETTINGS, PartialSettings::suiting, notes),
            concepts: read(folder, CONCEPTS, parse_concepts, notes),
        }
    }

    /// The settings to begin with: those that suit the model, completed for pictures of `pixels` a side
    /// whose sides are multiples of `multiple`.
    pub(super) fn settings_for(&self, pixels: usize, multiple: usize) -> Settings {
        complete(&self.settings, pixels, multiple)
    }
}

fn read<T: Default>(folder: &Path, name: &str, parse: fn(&str) -> Option<T>, notes: &mut Vec<Note>) -> T {
    if !folder.join(name).is_file() {
        return T::default();
    }
    let text = read_bytes(folder, name).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| parse(text.strip_prefix('\u{feff}').unwrap_or(&text))).unwrap_or_else(|| {
        notes.push(Note::File(FileNote::CompanionLeftAside { file: name.to_owned() }));
        T::default()
    })
}

/// A file in the config's folder, such as its tokenizer.
///
/// # Errors
/// In one sentence, if it is not there, cannot be read or is very large.
pub(super) fn read_bytes(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path = folder.join(name);
    let Ok(metadata) = std::fs::metadata(&path) else {
        return Err(format!("expected {name} beside the config, found no such file"));
    };
    if metadata.len() > BYTES_MAX {
        return Err(format!("expected a small file, found {} bytes in {}", metadata.len(), path.display()));
    }
    std::fs::read(&path).map_err(|error| format!("cannot read {} ({error})", path.display()))
}

/// `label | name | name …` a line; the label comes first among the names where none is given.
fn parse_concepts(text: &str) -> Option<Vec<Concept>> {
    let names = |line: &str| {
        line.split('|').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let concepts: Vec<Concept> = text
        .lines()
        .map(names)
        .filter(|names: &Vec<String>| !names.is_empty())
        .map(|names| Concept { names })
        .collect();
    // Any text has lines; those of a list of concepts have several short names each.
    let short = |concept: &Concept| concept.names.iter().all(|name| name.chars().count() <= LETTERS_MAX);
    let ours = concepts.iter().any(|concept| concept.names.len() > 1) && concepts.iter().all(short);
    ours.then_some(concepts)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_companion_of_another_form_is_left_aside_with_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let beside = |settings: &[u8], concepts: &[u8]| {
            fs::write(folder.path().join(SETTINGS), settings).unwrap();
            fs::write(folder.path().join(CONCEPTS), concepts).unwrap();
            let mut notes = Vec::new();
            let found = Companions::beside(folder.path(), &mut notes);
            (found.settings.steps, found.concepts.len(), notes.len())
        };
        assert_eq!(
            beside(b"\xef\xbb\xbf{\"steps\": 20}", b"cat | cat | kitten\ndog | dog\n"),
            (Some(20), 2, 0)
        );
        for settings in [
            &b"{\"editor.fontSize\": 14}"[..],
            b"{\"steps\": {\"max\": 3}}",
            b"{\"steps\": 100000}",
            b"{\"width\": 0}",
            b"[1, 2]",
            b"not JSON",
            b"\xff\xfe{\0}\0",
        ] {
            assert_eq!(beside(settings, b"cat | cat\n"), (None, 1, 1), "{settings:?}");
        }
        for concepts in [&b"Some notes on what I learned today.\n"[..], b"caf\xe9 | cup\n", b"\0\x01\x02"] {
            assert_eq!(beside(b"{\"steps\": 20}", concepts), (Some(20), 0, 1), "{concepts:?}");
        }
    }
}
