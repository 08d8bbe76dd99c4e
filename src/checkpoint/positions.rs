//! The places of a text's tokens that CLIP's files store, `position_ids`: 0, 1, 2, …
//!
//! No network reads them here, since they follow from their number. Merging averages them as if they were weights,
//! and rounding then leaves one place twice; programs that read them draw other pictures with such a file.

use crate::note::{FileNote, Note};

use super::names::keys::CLIP;
use super::tensor::model_file::ModelFile;
use super::tensor::stored::Tensors;

/// More are no text's.
const MOST: usize = 1 << 16;

/// A note if a text encoder's stored places are not those of its tokens, whatever type they have.
pub(super) fn note(tensors: &Tensors, files: &[ModelFile]) -> Option<Note> {
    let name = format!("{CLIP}embeddings.position_ids");
    let stored = tensors.get(&name).filter(|stored| stored.count() <= MOST)?;
    let found = stored.read(&name, files, &stored.shape).ok()?;
    let found = found.to_f32();
    let (place, found) = found.iter().enumerate().find(|(place, found)| **found != *place as f32)?;
    Some(Note::File(FileNote::PositionsDamaged { place, found: found.to_string() }))
}
