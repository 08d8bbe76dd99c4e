//! Saving a picture with how it was made, as a whole file under a free name.

use std::path::{Path, PathBuf};

use super::encode::encode_with_text;
use super::{Carried, Format, Frame, Made, PictureError, encode};
use crate::files::write_atomically;

/// Saves into a folder (made if missing) as `stem.png`, `stem-2.png`, …: the first free name.
///
/// # Errors
/// One sentence, if the folder cannot be made or written; nothing partial is left.
pub fn save_new(
    folder: &Path,
    stem: &str,
    format: Format,
    frame: &Frame,
    made: &Made,
) -> Result<PathBuf, PictureError> {
    let path = folder.join(format!("{stem}.{}", format.ending()));
    let bytes = encode(frame, Some(made), format)?;
    std::fs::create_dir_all(folder).map_err(|error| PictureError::write(&path, error))?;
    write_atomically(&path, &bytes, false).map_err(|error| PictureError::write(&path, error))
}

/// Saves under a name whose ending says the format; returns the name that was used.
///
/// With `force` an existing file is replaced; else the next free number is taken. Without `made`
/// the file carries no settings.
///
/// # Errors
/// One sentence, if the ending is unknown or the place cannot be written; nothing partial is left.
pub fn write_to(
    path: &Path,
    force: bool,
    frame: &Frame,
    made: Option<&Made>,
) -> Result<PathBuf, PictureError> {
    let bytes = encode(frame, made, Format::of(path)?)?;
    write_atomically(path, &bytes, force).map_err(|error| PictureError::write(path, error))
}

/// The same with what another picture's file told.
///
/// # Errors
/// As [`write_to`].
pub fn write_carried(
    path: &Path,
    force: bool,
    frame: &Frame,
    told: &Carried,
) -> Result<PathBuf, PictureError> {
    match told {
        Carried::Ours(made) => write_to(path, force, frame, Some(made)),
        Carried::Text(text) => {
            let bytes = encode_with_text(frame, text, Format::of(path)?)?;
            write_atomically(path, &bytes, force).map_err(|error| PictureError::write(path, error))
        }
    }
}
