//! LoRA files: changes of a model's layers, whatever program wrote them.
//!
//! kohya, diffusers, PEFT, LyCORIS and cloneofsimo name layers each in their own way. A file is read into
//! [`Lora`], a plain list of what it has for each layer, and fits a model by the names of the model's own
//! layers ([`Lora::fit`]): what belongs to no layer, or has another shape, is listed and never guessed.

mod alpha;
mod delta;
mod ends;
mod matrix;
mod names;
mod numbered;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::ops::host::HostTensor;
use crate::ops::{Change, LowRank};

use super::error::{CheckpointError, Problem};
use super::formats;
use super::kind::Kind;
use super::names::keys::UNET;
use super::tensor::model_file::ModelFile;
use super::tensor::stored::Tensors;
use alpha::Alphas;
use delta::{Delta, Rewriting};
use ends::PartOf;

/// Names of the file in a folder that a LoRA was saved to.
const IN_FOLDER: [&str; 4] = [
    "pytorch_lora_weights.safetensors",
    "adapter_model.safetensors",
    "pytorch_lora_weights.bin",
    "adapter_model.bin",
];

/// What a file has for one layer.
type Parts = BTreeMap<PartOf, HostTensor<'static>>;

/// A LoRA file, read whole.
#[derive(Debug)]
pub struct Lora {
    path: PathBuf,
    modules: BTreeMap<String, Parts>,
    /// Layers without names, by their numbers.
    numbered: numbered::Numbered,
    /// Embeddings that lie in the same file, by their words.
    words: BTreeMap<String, HostTensor<'static>>,
    /// Tensors that are no part of anything known.
    unknown: BTreeSet<String>,
    alphas: Alphas,
    metadata: Map<String, Value>,
}

/// What a LoRA does to a model's layers.
#[derive(Clone, Debug, Default)]
pub struct Fit {
    /// The changes by the layers' paths.
    changes: BTreeMap<String, Arc<Delta>>,
    /// What belongs to no layer of the model, or to one that another name has, as the file names it.
    pub unfit: Vec<String>,
}

impl Lora {
    /// Reads a file, or the one in a folder.
    ///
    /// # Errors
    /// One sentence if it cannot be read, or is no LoRA.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let inner = IN_FOLDER.iter().map(|name| path.join(name)).find(|file| file.is_file());
        let path = inner.unwrap_or_else(|| path.to_owned());
        let file = ModelFile::open(&path)?;
        let listed = formats::list(&file, 0)?;
        let mut lora = Self {
            alphas: Alphas::of(&listed.metadata, &path),
            path,
            modules: BTreeMap::new(),
            numbered: numbered::Numbered::of(&listed.metadata),
            words: BTreeMap::new(),
            unknown: BTreeSet::new(),
            metadata: listed.metadata,
        };
        let kind = Kind::of(&listed.tensors);
        // Some layers of another family have the shapes of v1's: what is made for it is no LoRA here.
        let is_other = matches!(kind, Some(Kind::Addition(name)) if name.ends_with(" LoRA"));
        if !is_other {
            lora.take(&listed.tensors, &[file])?;
        }
        if lora.modules.is_empty() && lora.numbered.is_empty() {
            return Err(Problem::NoLora(kind).at(&lora.path));
        }
        Ok(lora)
    }

    fn take(&mut self, tensors: &Tensors, files: &[ModelFile]) -> Result<(), CheckpointError> {
        let path = self.path.clone();
        for (name, tensor) in tensors {
            let read = || tensor.read(name, files, &tensor.shape).map_err(|problem| problem.at(&path));
            // Names first: a model that was given as a LoRA is not read.
            if let Some((parts, part)) = self.numbered.layer(name) {
                parts.insert(part, read()?);
            } else if let Some((module, part)) = ends::split(name) {
                let value = read()?;
                self.modules.entry(module.to_owned()).or_default().insert(part, value);
            } else if self.numbered.is_word(name) {
                let value = read()?;
                self.words.insert(name.clone(), value);
            } else {
                self.unknown.insert(name.clone());
            }
        }
        Ok(())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Layers that it has something for.
    pub fn count(&self) -> usize {
        self.modules.len() + self.numbered.count()
    }

    /// The most ranks that a layer has; none where nothing is of low rank.
    pub fn rank(&self) -> Option<usize> {
        let named =
            self.modules.values().filter_map(|parts| parts.get(&PartOf::Down)?.shape.first().copied());
        named.chain(self.numbered.ranks()).max()
    }

    /// The words that its file teaches besides, with their vectors.
    pub fn words(&self) -> &BTreeMap<String, HostTensor<'static>> {
        &self.words
    }

    /// What its writer says of it.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// Its algorithms in plain words: "LoRA", "LoHa, LoKr".
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: BTreeSet<&'static str> = self.modules.values().filter_map(ends::kind_of).collect();
        if !self.numbered.is_empty() {
            kinds.insert("LoRA");
        }
        kinds.into_iter().collect()
    }

    /// What it does to a model with these layers, by their paths, with the shapes of their weights.
    pub fn fit(&self, layers: &BTreeMap<String, Vec<usize>>) -> Fit {
        let known = names::Known::of(layers.keys().map(String::as_str));
        let mut fit = Fit::default();
        for (module, parts) in &self.modules {
            let found = known.layer(module).and_then(|path| Some((path, layers.get(path)?)));
            let delta = found.and_then(|(path, shape)| {
                Some((path, Delta::of(parts, shape, self.alphas.of_module(module))?))
            });
            match delta {
                Some((path, delta)) => fit.put(module.clone(), path, delta),
                None => fit.unfit.push(module.clone()),
            }
        }
        for (name, placed) in self.numbered.fit(&known, layers) {
            match placed {
                Some((path, delta)) => fit.put(name, path, delta),
                None => fit.unfit.push(name),
            }
        }
        fit.unfit.extend(self.unknown.iter().cloned());
        fit
    }
}

impl Fit {
    /// What the file has under `name` for the layer at `path`, which has one name there.
    fn put(&mut self, name: String, path: &str, delta: Delta) {
        if self.changes.contains_key(path) {
            return self.unfit.push(name);
        }
        self.changes.insert(path.to_owned(), Arc::new(delta));
    }

    /// Layers that it changes.
    pub fn count(&self) -> usize {
        self.changes.len()
    }

    /// Adds its changes to those of other files, in one strength for the UNet and one for the text encoder.
    pub fn add_to(&self, changes: &mut BTreeMap<String, Change>, unet: f64, texts: f64) {
        for (path, delta) in &self.changes {
            let strength = if path.starts_with(UNET) { unet } else { texts };
            if strength == 0.0 {
                continue;
            }
            let change = changes.entry(path.clone()).or_default();
            match &**delta {
                Delta::LowRank { product, scale } => {
                    change.low_rank.push((product.clone(), (strength * scale) as f32));
                }
                _ => change.rewrites.push(Arc::new(Rewriting { delta: delta.clone(), strength })),
            }
        }
    }
}

/// A product of low rank that is not shared yet.
fn low_rank(down: HostTensor<'static>, up: HostTensor<'static>, scale: f64) -> Delta {
    Delta::LowRank { product: Arc::new(LowRank { down, up }), scale }
}
