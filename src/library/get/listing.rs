//! What a repository of the hub holds, and which of its files make one model.
//!
//! Repositories hold the same weights several times over: one set is chosen, half width before full and
//! safetensors before torch, since that is what a download costs and a pickle can ask to run.

use std::path::Path;

use serde::Deserialize;

use crate::checkpoint::has_model_ending;

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its path, with slashes.
    pub path: String,
    /// Its length, where the hub tells.
    pub bytes: Option<u64>,
    /// Its SHA-256, where the hub keeps it as a large file.
    pub sha256: Option<String>,
}

/// A repository at one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The commit.
    pub commit: Option<String>,
    /// The license, as the hub names it.
    pub license: Option<String>,
    /// Its files.
    pub files: Vec<RemoteFile>,
}

#[derive(Deserialize)]
struct Told {
    sha: Option<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(rename = "cardData")]
    card: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Listing {
    /// Reads the hub's answer; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let told: Told = serde_json::from_str(text).ok()?;
        let of_card = |key: &str| Some(told.card.as_ref()?.get(key)?.as_str()?.to_owned());
        let of_tag = || told.tags.iter().find_map(|tag| tag.strip_prefix("license:")).map(str::to_owned);
        let license = of_card("license").or_else(of_tag);
        let license = match license.as_deref() {
            Some("other") => of_card("license_name").or(license),
            _ => license,
        };
        let file = |sibling: Sibling| {
            let (sha256, bytes) = sibling.lfs.map_or((None, None), |lfs| (lfs.sha256, lfs.size));
            RemoteFile { path: sibling.rfilename, bytes: bytes.or(sibling.size), sha256 }
        };
        let files = told.siblings.into_iter().map(file).filter(|file| super::wanted::is_inside(&file.path));
        Some(Self { commit: told.sha, license, files: files.collect() })
    }
}

/// The files that make one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// One file.
    File(RemoteFile),
    /// A diffusers folder.
    Folder(Vec<RemoteFile>),
    /// Several models; one of these names is to be given.
    Several(Vec<String>),
    /// None.
    Nothing,
}

/// Parts of a diffusers folder that are fetched; a safety checker is of no use here.
const PARTS: [&str; 3] = ["unet", "vae", "text_encoder"];
/// Small files that go with them.
const SMALL: [&str; 10] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer.json",
    "README.md",
    "LICENSE",
    "LICENSE.md",
];
/// Weights of a part, the best choice first: what stands between its stem and its ending, and the ending.
const VARIANTS: [(&str, &str); 5] = [
    (".fp16", "safetensors"),
    ("", "safetensors"),
    (".non_ema", "safetensors"),
    (".fp16", "bin"),
    ("", "bin"),
];

/// Chooses the files of one model.
pub fn choose(listing: &Listing, file: Option<&str>) -> Chosen {
    if let Some(wanted) = file {
        let found = listing.files.iter().find(|file| file.path == wanted);
        return found.cloned().map_or(Chosen::Nothing, Chosen::File);
    }
    if listing.files.iter().any(|file| file.path == "model_index.json") {
        let folder = folder(listing);
        if !folder.is_empty() {
            return Chosen::Folder(folder);
        }
    }
    let is_model = |file: &&RemoteFile| {
        let path = Path::new(&file.path);
        has_model_ending(path) && !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("bin"))
    };
    let mut models: Vec<&RemoteFile> = listing.files.iter().filter(is_model).collect();
    // The same weights as torch's file and as safetensors.
    let stem = |file: &RemoteFile| file.path.rsplit_once('.').map(|(stem, _)| stem.to_owned());
    let safe: Vec<String> = models
        .iter()
        .filter(|file| file.path.ends_with(".safetensors"))
        .filter_map(|file| stem(file))
        .collect();
    models.retain(|file| {
        file.path.ends_with(".safetensors") || stem(file).is_none_or(|stem| !safe.contains(&stem))
    });
    match models.as_slice() {
        [] => Chosen::Nothing,
        [one] => Chosen::File((*one).clone()),
        several => Chosen::Several(several.iter().map(|file| file.path.clone()).collect()),
    }
}

/// A diffusers folder's files; none if a part has no weights that can be chosen.
fn folder(listing: &Listing) -> Vec<RemoteFile> {
    let mut chosen: Vec<RemoteFile> =
        listing.files.iter().filter(|file| SMALL.contains(&file.path.as_str())).cloned().collect();
    for part in PARTS {
        let weights = weights(listing, part);
        if weights.is_empty() {
            return Vec::new();
        }
        chosen.extend(weights);
        let config = format!("{part}/config.json");
        chosen.extend(listing.files.iter().find(|file| file.path == config).cloned());
    }
    chosen
}

/// The weights of one part, in one file or several with their index.
fn weights(listing: &Listing, part: &str) -> Vec<RemoteFile> {
    let stems: &[&str] = match part {
        "text_encoder" => &["model", "pytorch_model"],
        _ => &["diffusion_pytorch_model"],
    };
    let find = |path: String| listing.files.iter().find(|file| file.path == path).cloned();
    for (variant, ending) in VARIANTS {
        for stem in stems {
            if let Some(one) = find(format!("{part}/{stem}{variant}.{ending}")) {
                return vec![one];
            }
            let indices = [
                format!("{part}/{stem}.{ending}.index{variant}.json"),
                format!("{part}/{stem}{variant}.{ending}.index.json"),
            ];
            let Some(index) = indices.into_iter().find_map(find) else { continue };
            let start = format!("{part}/{stem}{variant}-");
            let also = format!("{part}/{stem}-");
            let is_shard = |file: &&RemoteFile| {
                let of_variant = file.path.strip_prefix(&start).or_else(|| file.path.strip_prefix(&also));
                let plain = of_variant.is_some_and(|rest| rest.ends_with(&format!(".{ending}")));
                plain && (variant.is_empty() != file.path.contains(variant) || variant.is_empty())
            };
            let shards: Vec<RemoteFile> = listing.files.iter().filter(is_shard).cloned().collect();
            if !shards.is_empty() {
                return [vec![index], shards].concat();
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Listing {
        let file = |path: &&str| RemoteFile { path: (*path).to_owned(), bytes: Some(1), sha256: None };
        Listing { files: paths.iter().map(file).collect(), ..Listing::default() }
    }

    fn chosen(paths: &[&str]) -> Vec<String> {
        match choose(&listing(paths), None) {
            Chosen::File(file) => vec![file.path],
            Chosen::Folder(files) => files.into_iter().map(|file| file.path).collect(),
            Chosen::Several(names) => [vec!["several".to_owned()], names].concat(),
            Chosen::Nothing => Vec::new(),
        }
    }

    #[test]
    fn the_hubs_answer_is_read() {
        let text = r#"{"id": "o/n", "sha": "abc", "tags": ["license:mit", "x"], "cardData": {"license": "other",
            "license_name": "sai-nc"}, "siblings": [{"rfilename": "a.safetensors", "size": 9,
            "lfs": {"sha256": "00ff", "size": 10, "pointerSize": 1}}, {"rfilename": "../evil"}]}"#;
        let found = Listing::read(text).unwrap();
        assert_eq!((found.commit.as_deref(), found.license.as_deref()), (Some("abc"), Some("sai-nc")));
        let file =
            RemoteFile { path: "a.safetensors".to_owned(), bytes: Some(10), sha256: Some("00ff".to_owned()) };
        assert_eq!(found.files, [file]);
        let tagged = Listing::read(r#"{"tags": ["license:openrail++"]}"#).unwrap();
        assert_eq!(tagged.license.as_deref(), Some("openrail++"));
        assert_eq!(Listing::read("<html>"), None);
    }

    #[test]
    fn one_set_of_a_diffusers_folder_is_chosen() {
        let paths = [
            "model_index.json",
            "v1.safetensors",
            "unet/config.json",
            "unet/diffusion_pytorch_model.bin",
            "unet/diffusion_pytorch_model.safetensors",
            "unet/diffusion_pytorch_model.fp16.safetensors",
            "vae/config.json",
            "vae/diffusion_pytorch_model.safetensors",
            "text_encoder/config.json",
            "text_encoder/pytorch_model.bin",
            "safety_checker/model.safetensors",
            "tokenizer/merges.txt",
        ];
        assert_eq!(
            chosen(&paths),
            [
                "model_index.json",
                "tokenizer/merges.txt",
                "unet/diffusion_pytorch_model.fp16.safetensors",
                "unet/config.json",
                "vae/diffusion_pytorch_model.safetensors",
                "vae/config.json",
                "text_encoder/pytorch_model.bin",
                "text_encoder/config.json"
            ]
        );
    }

    #[test]
    fn shards_come_with_their_index() {
        let paths = [
            "model_index.json",
            "unet/diffusion_pytorch_model.safetensors.index.json",
            "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
            "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
            "text_encoder/model.safetensors",
        ];
        assert_eq!(chosen(&paths)[1..4], paths[1..4]);
    }

    #[test]
    fn of_single_files_one_is_chosen_or_all_are_named() {
        assert_eq!(chosen(&["a.ckpt", "README.md"]), ["a.ckpt"]);
        assert_eq!(chosen(&["a.ckpt", "a.safetensors"]), ["a.safetensors"]);
        assert_eq!(chosen(&["a.ckpt", "b.safetensors"]), ["several", "a.ckpt", "b.safetensors"]);
        assert_eq!(chosen(&["README.md", "training.bin"]), Vec::<String>::new());
        // A folder that lacks a part is none.
        assert_eq!(chosen(&["model_index.json", "unet/diffusion_pytorch_model.bin", "v.ckpt"]), ["v.ckpt"]);
        let two = listing(&["a.ckpt", "b.ckpt"]);
        assert!(matches!(choose(&two, Some("b.ckpt")), Chosen::File(file) if file.path == "b.ckpt"));
        assert_eq!(choose(&two, Some("c.ckpt")), Chosen::Nothing);
    }
}
