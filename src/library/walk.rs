//! Which files and folders of a folder can be models: the layouts of A1111, Forge, ComfyUI and the Hugging
//! Face cache, and any other tree.
//!
//! Trap: people name the folder of a whole program, which holds pictures, environments and other programs'
//! trees; a link may lead back up. So known layouts are entered at their places alone, depth and number are
//! limited, and no folder is entered twice.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::checkpoint::has_model_ending;

/// Levels below a folder of the library.
const DEEPEST: usize = 10;
/// Folders entered and files found in one folder of the library.
const MOST_FOLDERS: usize = 20_000;
const MOST_FILES: usize = 20_000;
/// What marks a diffusers folder.
const INDEX: &str = "model_index.json";
/// A repository of the hub's cache.
const REPOSITORY: &str = "models--";

/// Repositories of the hub's cache that are no models.
const OTHERS: [&str; 2] = ["datasets--", "spaces--"];

/// Folders of a program's own tree that models lie in, and a folder that tells the program.
const PROGRAMS: [(&str, &[&str]); 4] = [
    // A1111, Forge, SD.Next.
    ("models/Stable-diffusion", &["models", "embeddings"]),
    ("models/checkpoints", &["models"]),
    // A folder above ComfyUI's, as its desktop program has it.
    ("ComfyUI/models", &["ComfyUI/models"]),
    // `HF_HOME`.
    ("hub", &["hub"]),
];
/// Folders that never hold models, in any tree.
const NEVER: [&str; 8] =
    ["__pycache__", "node_modules", "venv", "outputs", "blobs", "refs", "site-packages", "output"];

/// What may be a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file or folder.
    pub path: PathBuf,
    /// Its repository on the hub, if it lies in the hub's cache.
    pub repository: Option<String>,
}

/// Walks one folder of the library.
pub fn walk(root: &Path) -> Vec<Found> {
    let mut walk = Walk { entered: HashSet::new(), found: Vec::new() };
    for start in starts(root) {
        walk.folder(&start, None, DEEPEST);
    }
    walk.found
}

/// Where a tree is entered.
fn starts(root: &Path) -> Vec<PathBuf> {
    for (mark, folders) in PROGRAMS {
        let is_hub = mark != "hub" || holds_repository(&root.join(mark));
        if root.join(mark).is_dir() && is_hub {
            return folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir()).collect();
        }
    }
    vec![root.to_owned()]
}

fn holds_repository(hub: &Path) -> bool {
    let entries = fs::read_dir(hub).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(REPOSITORY))
}

struct Walk {
    /// Where each folder really lies.
    entered: HashSet<PathBuf>,
    found: Vec<Found>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, repository: Option<&str>, depth: usize) {
        let full = self.entered.len() >= MOST_FOLDERS || self.found.len() >= MOST_FILES;
        let Ok(real) = fs::canonicalize(folder) else { return };
        if full || !self.entered.insert(real) {
            return;
        }
        if folder.join(INDEX).is_file() {
            return self.add(folder.to_owned(), repository);
        }
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_none =
                NEVER.contains(&name.as_str()) || OTHERS.iter().any(|start| name.starts_with(start));
            if name.starts_with('.') || is_none {
                continue;
            }
            // Through links; a broken one is neither.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_file() && has_model_ending(&path) && self.found.len() < MOST_FILES {
                self.add(path, repository);
            } else if metadata.is_dir() && depth > 0 {
                match name.strip_prefix(REPOSITORY) {
                    Some(id) => self.repository(&path, &id.replace("--", "/"), depth - 1),
                    None => self.folder(&path, repository, depth - 1),
                }
            }
        }
    }

    /// The version of a repository that its main line names, else all.
    fn repository(&mut self, folder: &Path, id: &str, depth: usize) {
        let snapshots = folder.join("snapshots");
        let main = fs::read_to_string(folder.join("refs/main")).ok();
        // A plain name, nothing that leads elsewhere.
        let main = main.filter(|name| name.trim().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let main = main.map(|name| snapshots.join(name.trim())).filter(|path| path.is_dir());
        self.folder(&main.unwrap_or(snapshots), Some(id), depth);
    }

    fn add(&mut self, path: PathBuf, repository: Option<&str>) {
        self.found.push(Found { path, repository: repository.map(str::to_owned) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes files, and returns what is found, with slashes, below the root.
    fn found(files: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        below(root.path())
    }

    fn below(root: &Path) -> Vec<String> {
        let told = |found: Found| {
            let path = found.path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            found.repository.map_or(path.clone(), |id| format!("{id}: {path}"))
        };
        walk(root).into_iter().map(told).collect()
    }

    #[test]
    fn programs_are_entered_where_their_models_lie() {
        let a1111 = [
            "models/Stable-diffusion/a b.safetensors",
            "models/Lora/style/ü.safetensors",
            "models/VAE/x.vae.pt",
            "embeddings/bad.pt",
            "venv/lib/torch/test.pt",
            "extensions/other/model.ckpt",
        ];
        assert_eq!(
            found(&a1111),
            [
                "models/Lora/style/ü.safetensors",
                "models/Stable-diffusion/a b.safetensors",
                "models/VAE/x.vae.pt",
                "embeddings/bad.pt"
            ]
        );
        let comfy = ["models/checkpoints/a.ckpt", "models/loras/b.safetensors", "custom_nodes/c.pth"];
        assert_eq!(found(&comfy), ["models/checkpoints/a.ckpt", "models/loras/b.safetensors"]);
        assert_eq!(found(&["ComfyUI/models/vae/a.pt", "b.pt"]), ["ComfyUI/models/vae/a.pt"]);
    }

    #[test]
    fn any_other_tree_is_walked_and_a_diffusers_folder_is_one() {
        let files = [
            "a/model_index.json",
            "a/unet/diffusion_pytorch_model.safetensors",
            "b/c/d.CKPT",
            ".hidden/e.ckpt",
            "f.safetensors.part",
            "outputs/g.pt",
            "notes.txt",
        ];
        assert_eq!(found(&files), ["a", "b/c/d.CKPT"]);
    }

    #[test]
    fn the_hubs_cache_gives_the_version_of_its_main_line() {
        let files = [
            "models--org--name/refs/main",
            "models--org--name/blobs/0123.safetensors",
            "models--org--name/snapshots/x/a.safetensors",
            "models--org--name/snapshots/y/b.safetensors",
            "models--me--two/snapshots/z/model_index.json",
            "datasets--d/snapshots/q/c.safetensors",
        ];
        // "x" is what the file `refs/main` holds.
        assert_eq!(
            found(&files),
            ["me/two: models--me--two/snapshots/z", "org/name: models--org--name/snapshots/x/a.safetensors"]
        );
        assert_eq!(found(&["hub/models--a--b/snapshots/1/m.bin", "x.bin"]).len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_broken_ones_left_out() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/m.ckpt"), b"x").unwrap();
        symlink(root.path(), root.path().join("a/up")).unwrap();
        symlink(root.path().join("gone.ckpt"), root.path().join("broken.ckpt")).unwrap();
        symlink(root.path().join("a/m.ckpt"), root.path().join("link.ckpt")).unwrap();
        assert_eq!(below(root.path()), ["a/m.ckpt", "link.ckpt"]);
    }
}
