//! Files beside a model: settings that suit it, names of things that it knows, its tokenizer.
//!
//! Other programs use the same file names. What has another form is ignored with a note; only a
//! tokenizer that the config names must be there and right.

use std::path::Path;

use serde::Deserialize;

use crate::message::Concept;
use crate::note::{FileNote, Note};
use crate::settings::{SIDE_MAX, STEPS_MAX, Settings};

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
    pub(super) settings: SuitingSettings,
    pub(super) concepts: Vec<Concept>,
}

/// `settings.json` of a model: what suits it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct SuitingSettings {
    pub(super) prompt: Option<String>,
    pub(super) steps: Option<usize>,
    pub(super) guidance: Option<f64>,
    pub(super) eta: Option<f64>,
    pub(super) width: Option<usize>,
    pub(super) height: Option<usize>,
}

impl SuitingSettings {
    /// All settings; v1's where the file has none, or where a side is no multiple of `multiple`. `pixels` is
    /// the side of the training's pictures.
    pub(super) fn complete(self, pixels: usize, multiple: usize) -> Settings {
        let side = |side: Option<usize>| side.filter(|side| side.is_multiple_of(multiple)).unwrap_or(pixels);
        let usual = Settings::default();
        Settings {
            prompt: self.prompt.unwrap_or_default(),
            steps: self.steps.unwrap_or(usual.steps),
            guidance: self.guidance.unwrap_or(usual.guidance),
            eta: self.eta.unwrap_or(usual.eta),
            width: side(self.width),
            height: side(self.height),
            ..usual
        }
    }

    /// Whether anything is set, and every value is in range.
    fn is_ours(&self) -> bool {
        let within = |value: Option<f64>, most: f64| value.is_none_or(|value| (0.0..=most).contains(&value));
        *self != Self::default()
            && self.steps.is_none_or(|steps| (1..=STEPS_MAX).contains(&steps))
            && [self.width, self.height].iter().flatten().all(|side| (8..=SIDE_MAX).contains(side))
            && within(self.eta, 1.0)
            && within(self.guidance, 1000.0)
    }
}

/// What suits the starter; in a build without it, Stable Diffusion v1.
pub fn first_settings() -> Settings {
    #[cfg(feature = "starter")]
    if let Some(suiting) = parse_settings(crate::starter::SETTINGS) {
        return suiting.complete(V1_PIXELS, 1);
    }
    SuitingSettings::default().complete(V1_PIXELS, 1)
}

impl Companions {
    /// Reads them from the texts of a model that is part of the program.
    #[cfg(feature = "starter")]
    pub(super) fn of_texts(settings: &str, concepts: &str) -> Self {
        Self {
            settings: parse_settings(settings).unwrap_or_default(),
            concepts: parse_concepts(concepts).unwrap_or_default(),
        }
    }

    /// Reads those in a folder; each that has another form is a note.
    pub(super) fn beside(folder: &Path, notes: &mut Vec<Note>) -> Self {
        Self {
            settings: read(folder, SETTINGS, parse_settings, notes),
            concepts: read(folder, CONCEPTS, parse_concepts, notes),
        }
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

fn parse_settings(text: &str) -> Option<SuitingSettings> {
    serde_json::from_str(text).ok().filter(SuitingSettings::is_ours)
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
