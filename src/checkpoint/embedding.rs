//! Embeddings (textual inversion): vectors that a word of the prompt stands for.
//!
//! A1111 stores them under `string_to_param` or `emb_params`, and the word is the file's name; diffusers stores
//! each under its word. A file with several text encoders' vectors (`clip_l`, `clip_g`) is read as the first's.

use std::path::Path;

use super::error::{CheckpointError, Problem};
use super::formats;
use super::kind::Kind;
use super::tensor::model_file::ModelFile;
use crate::ops::host::HostTensor;

/// The names of vectors whose word is the file's name.
const NAMELESS: [&str; 4] = ["emb_params", "string_to_param.*", "clip_l", "*"];
/// Vectors of a text encoder that no model here has.
const OTHERS: [&str; 1] = ["clip_g"];
/// The most vectors of a word, and the most numbers of one: more is something else.
const MOST: [usize; 2] = [1024, 8192];

/// One word's vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedWord {
    /// The word in the prompt.
    pub word: String,
    /// Its vectors (n, channels).
    pub vectors: HostTensor<'static>,
}

/// Reads the words of an embedding's file; one without a word of its own has the file's name.
///
/// # Errors
/// One sentence if it cannot be read, or is no embedding.
pub fn read_embedding(path: &Path) -> Result<Vec<LearnedWord>, CheckpointError> {
    let file = ModelFile::open(path)?;
    let listed = formats::list(&file, 0)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let files = [file];
    let mut words = Vec::new();
    for (name, tensor) in &listed.tensors {
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        let Some(shape) = shape_of_vectors(&tensor.shape) else { continue };
        let vectors = tensor.read(name, &files, &shape).map_err(|problem| problem.at(path))?;
        let word = if NAMELESS.contains(&name.as_str()) { stem.clone() } else { name.clone() };
        words.push(LearnedWord { word, vectors });
    }
    let kind = Kind::of(&listed.tensors);
    let kind = kind.filter(|kind| !matches!(*kind, Kind::Embedding | Kind::XL_EMBEDDING));
    if words.is_empty() || words.len() != listed.tensors.len() && kind.is_some() {
        return Err(Problem::NoEmbedding(kind).at(path));
    }
    Ok(words)
}

/// (n, channels) of vectors.
fn shape_of_vectors(shape: &[usize]) -> Option<Vec<usize>> {
    let shape = match *shape {
        [channels] => [1, channels],
        [n, channels] => [n, channels],
        _ => return None,
    };
    let fits = shape.iter().zip(MOST).all(|(found, most)| (1..=most).contains(found));
    fits.then(|| shape.to_vec())
}
