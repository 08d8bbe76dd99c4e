//! Examining a file that was dropped or chosen: a picture, a model, or neither.

use std::path::PathBuf;

use crate::app::i18n::file_name;
use crate::app::services::outcome;
use crate::app::services::photos;
use crate::app::services::{Answer, Began};
use crate::engine::additions::Wanted;
use crate::engine::is_model;
use crate::message::Report;
use crate::picture;
use crate::picture::metadata::read::Recovered;
use crate::picture::open::is_picture;
use crate::told::Sentence;

/// Looks at a file's first bytes; its ending counts for nothing.
pub(super) fn examine(path: PathBuf) -> Answer {
    let path = of_index(path);
    if path.is_file() {
        match is_picture(&path) {
            Ok(true) => return read_picture(path),
            Ok(false) => {}
            Err(error) => {
                return Answer::failed(
                    Sentence::with("error-unreadable", "file", file_name(&path)),
                    error.to_string(),
                );
            }
        }
    }
    match Wanted::of_file(&path) {
        Some(Wanted::Lora) => return Answer::Lora(path),
        Some(Wanted::Embedding) => return Answer::Embedding(path),
        // As a model it is refused in a sentence that says what it is.
        Some(Wanted::Upscaler) | None => {}
    }
    match is_model(&path) {
        Ok(()) => Answer::Model(path),
        Err(error) => match error.part() {
            Some(part) => Answer::Part { path, part },
            None if error.is_tiny_decoder() => Answer::Taesd(path),
            None => Answer::Failed(Report::of(&error)),
        },
    }
}

/// The index of a diffusers folder stands for the folder.
fn of_index(path: PathBuf) -> PathBuf {
    let is_index = path.file_name().is_some_and(|name| name == "model_index.json");
    match path.parent() {
        Some(folder) if is_index => folder.to_owned(),
        _ => path,
    }
}

/// A picture with settings gives those; one without is there to be worked from.
fn read_picture(path: PathBuf) -> Answer {
    let found = match picture::read::recover(&path) {
        Ok(Some(found)) if !found.settings.is_empty() => found,
        Ok(_) => return photos::of_file(path),
        Err(error) => return outcome::failed(&error),
    };
    match picture::open::open(&path) {
        Ok(frame) => {
            let made_by = found.made_by();
            let Recovered { settings, foreign_sampler, beginning, treatment, .. } = found;
            let began = match (beginning, treatment) {
                (Some(beginning), _) => Began::From(Box::new(beginning)),
                (None, Some(_)) => Began::Unnamed,
                (None, None) => Began::FromNoise,
            };
            Answer::Recovered { path, settings: Box::new(settings), foreign_sampler, made_by, frame, began }
        }
        Err(error) => outcome::failed(&error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_index_stands_for_its_folder() {
        assert_eq!(of_index("sd/model_index.json".into()), Path::new("sd"));
        assert_eq!(of_index("sd/v1.safetensors".into()), Path::new("sd/v1.safetensors"));
    }

    #[test]
    fn a_file_is_told_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], true),
            (b"RIFF\x10\0\0\0WEBP", true),
            (b"RIFF\x10\0\0\0WAVE", false),
            (b"\xff\xd8\xff\xe0", true),
            (b"", false),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(is_picture(&path).unwrap(), expected);
        }
    }
}
