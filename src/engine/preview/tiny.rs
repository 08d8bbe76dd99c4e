//! Finding TAESD's file: the one that was chosen, else one beside the model, in `vae_approx` beside it, or in the
//! program's data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::Checkpoint;
use crate::message::ModelSource;
use crate::model::{TinyDecoder, TinyShape};
use crate::note::Note;
use crate::ops::Weights;

use crate::engine::open::OpenModel;

/// The tiny decoder for this model: the one that was chosen, else the one whose file is at hand.
///
/// # Errors
/// A note if there is a file that cannot be used; the model works without.
pub fn find(
    model: &OpenModel,
    chosen: Option<&Path>,
    data_folder: Option<&Path>,
) -> Result<Option<TinyDecoder>, Note> {
    if !suits(model) {
        return Ok(None);
    }
    // One that was chosen once may be gone.
    let chosen = chosen.filter(|path| path.is_file()).map(Path::to_owned);
    let found = || folders(&model.info.source, data_folder).iter().find_map(|folder| file_in(folder));
    match chosen.or_else(found) {
        Some(path) => read(&path, model).map(Some),
        None => Ok(None),
    }
}

/// Whether the model's latents are of the kind that TAESD reads.
fn suits(model: &OpenModel) -> bool {
    let config = &model.networks.config;
    let alike = TinyDecoder::suits(config.channels, config.first_stage_factor);
    alike && model.info.source != ModelSource::Starter
}

/// The decoder in this file, if the model's latents are of the kind that it reads.
///
/// # Errors
/// A note if the file is another.
pub fn open(path: &Path, model: &OpenModel) -> Result<Option<TinyDecoder>, Note> {
    if suits(model) { read(path, model).map(Some) } else { Ok(None) }
}

fn folders(source: &ModelSource, data_folder: Option<&Path>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let ModelSource::Path { path, .. } = source {
        let beside =
            if path.is_dir() { path.clone() } else { path.parent().map(Path::to_owned).unwrap_or_default() };
        folders.push(beside.join("vae_approx"));
        folders.push(beside.parent().map(|above| above.join("vae_approx")).unwrap_or_default());
        folders.push(beside);
    }
    folders.extend(data_folder.map(Path::to_owned));
    folders
}

/// The first file whose name begins with `taesd` and does not contain "encoder".
fn file_in(folder: &Path) -> Option<PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            let ending = [".safetensors", ".pth", ".pt"].iter().any(|ending| name.ends_with(ending));
            name.starts_with("taesd") && !name.contains("encoder") && ending && !name.contains("xl")
        })
        .collect();
    names.sort_unstable();
    names.into_iter().next()
}

fn read(path: &Path, model: &OpenModel) -> Result<TinyDecoder, Note> {
    let unusable = |cause: String| Note::NoTinyPreviews { file: path.display().to_string(), cause };
    let checkpoint = Checkpoint::open(path).map_err(|error| unusable(error.problem.to_string()))?;
    let diffusers = checkpoint.contains("decoder.layers.0.weight");
    let mut weights = Weights::new(Arc::new(checkpoint), model.networks.first_stage_device())
        .wrapping_as(model.networks.wrapping());
    if diffusers {
        weights = weights.pp("decoder").pp("layers");
    }
    let shape = TinyShape::taesd(model.networks.config.channels, diffusers);
    TinyDecoder::new(&weights, &shape).map_err(|error| {
        // The error's own sentence is about a model and its config.
        log::info!("the tiny decoder was not built: {error}");
        unusable("expected the tensors of TAESD's decoder, found others".to_owned())
    })
}
