//! Where LoRAs, embeddings and upscalers lie: beside the model, in the folders that other programs keep for them, and in the
//! library's, which are walked as the library walks them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::checkpoint::{Kind, has_model_ending};
use crate::library::{name_of, walk};
use crate::settings::short_name;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A LoRA.
    Lora,
    /// An embedding.
    Embedding,
    /// An upscaler.
    Upscaler,
}

impl Wanted {
    /// What a file is, by its header.
    pub fn of_file(path: &Path) -> Option<Self> {
        match Kind::of_file(path)? {
            Kind::Addition("LoRA") => Some(Self::Lora),
            Kind::Embedding | Kind::XL_EMBEDDING => Some(Self::Embedding),
            Kind::Upscaler => Some(Self::Upscaler),
            _ => None,
        }
    }

    /// Whether a file of this name may be one: another kind of file may have the same name.
    fn is_of(self, path: &Path) -> bool {
        Self::of_file(path).is_none_or(|found| found == self)
    }

    /// The folders' names in A1111, Forge and ComfyUI, and here.
    fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Lora => &["Lora", "lora", "loras", "LyCORIS"],
            Self::Embedding => &["embeddings"],
            Self::Upscaler => &["upscale_models", "ESRGAN", "RealESRGAN", "upscalers"],
        }
    }
}

/// The file or folder that a path or a name means.
pub fn find(wanted: Wanted, name: &str, model: Option<&Path>, further: &[PathBuf]) -> Option<PathBuf> {
    let path = Path::new(name);
    let is_path = path.is_file() || (path.is_dir() && name.contains(['/', '\\']));
    if is_path {
        return Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    }
    let mut files: Vec<(String, PathBuf)> = model.and_then(Path::parent).map(beside).unwrap_or_default();
    files.extend(list(&folders(wanted, model)));
    files.extend(list(further));
    let own = short_name(name);
    let named = |same: &dyn Fn(&str) -> bool| {
        let is_named = |(name, path): &&(String, PathBuf)| {
            same(name) || path.file_stem().is_some_and(|stem| same(&stem.to_string_lossy()))
        };
        files.iter().filter(is_named).find(|(_, path)| wanted.is_of(path)).map(|(_, path)| path.clone())
    };
    named(&|known| known == own).or_else(|| named(&|known| known.to_lowercase() == own.to_lowercase()))
}

/// The folders near a model that are kept for this kind of file.
pub(super) fn folders(wanted: Wanted, model: Option<&Path>) -> Vec<PathBuf> {
    // A1111 keeps embeddings at its root, two folders above the models.
    let above = model.into_iter().flat_map(Path::ancestors).skip(1).take(3).map(Path::to_path_buf);
    let named = above.flat_map(|root| wanted.folders().iter().map(move |name| root.join(name)));
    let mut folders: Vec<PathBuf> = named.filter(|folder| folder.is_dir()).collect();
    folders.dedup();
    folders
}

/// The files in folders that may hold weights, each with the name that the library shows.
pub(super) fn list(folders: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let found = folders.iter().flat_map(|folder| walk(folder));
    let mut files: Vec<(String, PathBuf)> =
        found.map(|found| (name_of(&found.path, found.repository.as_deref()), found.path)).collect();
    files.sort();
    files.dedup();
    files
}

/// The same of the files in a folder, not those below it.
fn beside(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| has_model_ending(path));
    files.sort();
    files.into_iter().map(|path| (name_of(&path, None), path)).collect()
}

/// The embeddings of the library's folders that texts (in lower case) may name.
pub(super) fn named_in(folders: &[PathBuf], texts: &[String]) -> Vec<PathBuf> {
    let named = list(folders).into_iter().map(|(_, path)| path).filter(|path| may_be_named(path, texts));
    named.filter(|path| Wanted::of_file(path) == Some(Wanted::Embedding)).collect()
}

/// The same of folders that are kept for embeddings, where a file that tells not what it is may be a damaged one.
pub(super) fn named_near(folders: &[PathBuf], texts: &[String]) -> Vec<PathBuf> {
    let named = list(folders).into_iter().map(|(_, path)| path).filter(|path| may_be_named(path, texts));
    named
        .filter(|path| {
            Kind::of_file(path).is_none_or(|kind| matches!(kind, Kind::Embedding | Kind::XL_EMBEDDING))
        })
        .collect()
}

/// Whether texts (in lower case) may name an embedding's file. diffusers' own name for one tells nothing.
pub(super) fn may_be_named(path: &Path, texts: &[String]) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    stem.starts_with("learned_embeds") || texts.iter().any(|text| text.contains(&stem))
}

/// When a file was changed.
pub(super) fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_are_found_where_other_programs_keep_them() {
        let root = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let model = place("models/Stable-diffusion/v1.safetensors");
        let ink = place("models/Lora/style/Ink.safetensors");
        let near = place("models/Stable-diffusion/near.safetensors");
        let word = place("embeddings/easy.pt");
        let own = root.path().join("data");
        let kept = place("data/loras/kept.safetensors");
        let lora = |name: &str| find(Wanted::Lora, name, Some(&model), std::slice::from_ref(&own));
        assert_eq!(lora("ink"), Some(ink.clone()));
        assert_eq!(lora("Ink.safetensors"), Some(ink.clone()));
        assert_eq!(lora(&ink.to_string_lossy()), Some(ink));
        assert_eq!((lora("near"), lora("kept"), lora("easy")), (Some(near), Some(kept), None));
        // One of the hub's cache has its repository's name.
        let hub = place("data/models--latent--lcm-lora/snapshots/1a/pytorch_lora_weights.safetensors");
        assert_eq!(lora("lcm-lora"), Some(hub));
        let words: Vec<PathBuf> =
            list(&folders(Wanted::Embedding, Some(&model))).into_iter().map(|(_, path)| path).collect();
        assert_eq!(words, std::slice::from_ref(&word));
        // It tells not what it is, and may be damaged; a folder of other files is not asked for such.
        let texts = ["so easy".to_owned()];
        assert_eq!(named_near(&folders(Wanted::Embedding, Some(&model)), &texts), words);
        assert!(named_in(&folders(Wanted::Embedding, Some(&model)), &texts).is_empty());
        assert!(may_be_named(&word, &texts) && !may_be_named(&word, &["hard".to_owned()]));
    }
}
