//! Opening an upscaler's file: its tensors under Real-ESRGAN's names.

use std::path::Path;

use super::error::{CheckpointError, Problem};
use super::kind::Kind;
use super::names::upscalers::as_real_esrgan;
use super::open::Checkpoint;

/// Opens the file of an upscaler of the ESRGAN family. Reads headers only.
///
/// # Errors
/// One sentence if it cannot be read, or is something else.
pub fn open_upscaler(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let mut checkpoint = Checkpoint::open(path)?;
    let kind = Kind::of(&checkpoint.tensors);
    if as_real_esrgan(&mut checkpoint.tensors) {
        return Ok(checkpoint);
    }
    Err(Problem::NoUpscaler(kind.filter(|kind| *kind != Kind::Upscaler)).at(path))
}
