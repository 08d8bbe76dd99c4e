//! What is laid over an open model for a run: LoRAs that the settings and the prompt name, and embeddings; and the
//! upscaler that enlarges its picture.
//!
//! Files are looked for and read once, for the run's plan, and kept while the next one names them; layers are changed
//! only where the list or a strength did. Trap: whoever computes with a model lays the plan's LoRAs first
//! (`OpenModel::lay`), since another run may have laid its own.

mod error;
mod few_steps;
mod find;
mod hash;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::checkpoint::{Fit, LearnedWord, Lora, read_embedding};
use crate::engine::upscale::{OpenUpscaler, UpscaleError};
use crate::grammar::{Prompt, read};
use crate::model::{LatentDiffusion, cond::stands_in};
use crate::note::{AdditionNote, Note};
use crate::ops::Axes;
use crate::picture::{Added, AddedKind};
use crate::settings::{LoraUse, PromptGrammar, Settings, Tile, short_name};

pub use error::AdditionError;
pub use few_steps::suiting;
pub use find::{Wanted, find};

/// What is laid over a model.
#[derive(Default)]
pub struct Additions {
    /// Where LoRAs and embeddings lie, beside the model's own neighborhood.
    folders: Mutex<Vec<PathBuf>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The LoRAs that the layers have now.
    laid: Laid,
    upscaler: Option<(Arc<OpenUpscaler>, Option<SystemTime>, Added)>,
    embeddings: Vec<Embedding>,
    taught: Vec<LearnedWord>,
}

/// An embedding's file, when it was changed, and its words.
type Embedding = (PathBuf, Option<SystemTime>, Vec<LearnedWord>);

/// What the layers of a model have for a run.
#[derive(Clone, Default)]
pub struct Laid {
    /// LoRAs in their order, each with its strength for the UNet and for the text encoder.
    loras: Vec<(Arc<OpenLora>, f64, f64)>,
    /// The axes along which maps wrap.
    tile: Tile,
}

impl std::fmt::Debug for Laid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let loras = self.loras.iter().map(|(lora, unet, texts)| (&lora.name, unet, texts));
        f.debug_list().entries(loras).entry(&self.tile).finish()
    }
}

impl Laid {
    /// Whether the LoRAs are the same files, read at the same time, in the same strengths.
    fn has_loras_of(&self, other: &Self) -> bool {
        self.loras.len() == other.loras.len()
            && self.loras.iter().zip(&other.loras).all(
                |((lora, unet, texts), (other, other_unet, other_texts))| {
                    Arc::ptr_eq(lora, other) && (unet, texts) == (other_unet, other_texts)
                },
            )
    }
}

/// A LoRA's file, read.
struct OpenLora {
    /// What it was asked by: a file, or a folder that holds it.
    path: PathBuf,
    /// The file itself.
    file: PathBuf,
    modified: Option<SystemTime>,
    name: String,
    hash: String,
    fit: Fit,
    words: Vec<LearnedWord>,
}

/// A model on which files are being laid.
struct Laying<'a> {
    additions: &'a Additions,
    networks: &'a LatentDiffusion,
    /// The model's file or folder.
    path: Option<&'a Path>,
}

/// What a run lays over its model.
#[derive(Clone, Debug, Default)]
pub struct Adapted {
    /// The prompt without the tags that name LoRAs.
    pub prompt: Prompt,
    /// The LoRAs, which lie over the model now.
    pub laid: Laid,
    /// What enlarges its picture.
    pub upscaler: Option<Arc<OpenUpscaler>>,
    /// The files.
    pub added: Vec<Added>,
    /// What was left out, and what was found.
    pub notes: Vec<Note>,
}

impl Additions {
    /// Over a model; files are looked for in `folders` too.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders: Mutex::new(folders), state: Mutex::default() }
    }

    /// Looks for files in these folders from the next run on.
    pub fn look_in(&self, folders: &[PathBuf]) {
        *self.folders.lock().unwrap_or_else(PoisonError::into_inner) = folders.to_vec();
    }

    fn folders(&self) -> Vec<PathBuf> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lays over a model, which lies at `path`, what the settings and the prompt name, and nothing else.
    ///
    /// # Errors
    /// If a file cannot be read or does not go with the model.
    pub fn adapt(
        &self,
        networks: &LatentDiffusion,
        path: Option<&Path>,
        settings: &Settings,
    ) -> Result<Adapted, AdditionError> {
        let laying = Laying { additions: self, networks, path };
        let prompt = read(settings.grammar, &settings.prompt);
        let mut adapted = Adapted { prompt, ..Adapted::default() };
        let loras = laying.loras(settings, &mut adapted)?;
        adapted.laid.tile = settings.tile;
        self.lay(networks, &adapted.laid);
        match networks.text_width().filter(|_| settings.grammar != PromptGrammar::Literal) {
            Some(width) => laying.teach(settings, &loras, width, &mut adapted)?,
            None if settings.embeddings.0.is_empty() => {}
            None => return Err(AdditionError::NoWords),
        }
        laying.upscaler(settings, &mut adapted)?;
        Ok(adapted)
    }

    /// Lays these LoRAs over a model, and no others, and makes it wrap as the run does.
    pub fn lay(&self, networks: &LatentDiffusion, laid: &Laid) {
        let mut state = self.state();
        let [x, y] = laid.tile.axes();
        networks.wrapping().set(Axes { x, y });
        if !state.laid.has_loras_of(laid) {
            let mut changes = BTreeMap::new();
            for (lora, unet, texts) in &laid.loras {
                lora.fit.add_to(&mut changes, *unet, *texts);
            }
            networks.adapt(changes);
        }
        state.laid = laid.clone();
    }

    /// Makes a model wrap as a run of these settings does; its LoRAs stay.
    pub fn wrap(&self, networks: &LatentDiffusion, tile: Tile) {
        let laid = Laid { tile, ..self.laid() };
        self.lay(networks, &laid);
    }

    /// What the layers have now.
    pub fn laid(&self) -> Laid {
        self.state().laid.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Laying<'_> {
    fn loras(&self, settings: &Settings, adapted: &mut Adapted) -> Result<Vec<Arc<OpenLora>>, AdditionError> {
        let mut wanted: Vec<(LoraUse, PathBuf)> = Vec::new();
        let tags = adapted.prompt.loras.iter().map(|used| (used, true));
        for (used, is_tag) in settings.loras.0.iter().map(|used| (used, false)).chain(tags) {
            match self.find(Wanted::Lora, &used.name) {
                Some(path) => wanted.push((used.clone(), path)),
                None if is_tag => {
                    let name = used.name.clone();
                    adapted.notes.push(Note::Addition(AdditionNote::TagLeftOut { name }));
                }
                None => return Err(AdditionError::NoLora { name: used.name.clone() }),
            }
        }
        let mut loras: Vec<Arc<OpenLora>> = Vec::new();
        let before: Vec<Arc<OpenLora>> =
            self.additions.laid().loras.into_iter().map(|(lora, ..)| lora).collect();
        for (used, path) in &wanted {
            let lora = match loras.iter().chain(&before).find(|lora| lora.is(path)) {
                Some(lora) => lora.clone(),
                None => Arc::new(OpenLora::read(path, self.networks)?),
            };
            adapted.notes.extend(lora.left_out());
            let (name, hash) = (lora.name.clone(), lora.hash.clone());
            adapted.added.push(Added { kind: AddedKind::Lora, name, hash, strength: Some(used.strength) });
            adapted.laid.loras.push((lora.clone(), used.strength, used.of_texts()));
            loras.push(lora);
        }
        Ok(loras)
    }

    /// Teaches the text encoder the words of the embeddings that the texts may have.
    fn teach(
        &self,
        settings: &Settings,
        loras: &[Arc<OpenLora>],
        width: usize,
        adapted: &mut Adapted,
    ) -> Result<(), AdditionError> {
        let texts = [adapted.prompt.text.as_str().to_owned(), settings.negative_prompt.clone()];
        let lower = texts.each_ref().map(|text| text.to_lowercase());
        let mut state = self.additions.state();
        let kept = self.embeddings(settings, &lower, &state, &mut adapted.notes)?;
        let mut taught: Vec<(Option<&Path>, LearnedWord)> = Vec::new();
        let all = kept.iter().map(|(path, _, words)| (Some(path.as_path()), words));
        for (path, words) in all.chain(loras.iter().map(|lora| (None, &lora.words))) {
            let named =
                |word: &&LearnedWord| lower.iter().any(|text| text.contains(&word.word.to_lowercase()));
            for word in words.iter().filter(named) {
                let found = word.vectors.shape[1];
                if found == width {
                    if !taught.iter().any(|(_, known)| known.word == word.word) {
                        taught.push((path, word.clone()));
                    }
                } else if texts.iter().any(|text| stands_in(&word.word, text)) {
                    let name = word.word.clone();
                    let note = AdditionNote::EmbeddingLeftOut { name, found, expected: width };
                    adapted.notes.push(Note::Addition(note));
                }
            }
        }
        if !taught.iter().map(|(_, word)| word).eq(&state.taught) {
            let words =
                taught.iter().map(|(_, word)| (word.word.clone(), word.vectors.to_f32().into_owned()));
            self.networks.teach(words.collect())?;
            state.taught = taught.iter().map(|(_, word)| word.clone()).collect();
        }
        self.tell(&taught, &texts, adapted)?;
        state.embeddings = kept;
        Ok(())
    }

    /// Opens the upscaler that the settings name, where the former run did not.
    fn upscaler(&self, settings: &Settings, adapted: &mut Adapted) -> Result<(), AdditionError> {
        let name = &settings.upscaler;
        let mut state = self.additions.state();
        if name.is_empty() {
            state.upscaler = None;
            return Ok(());
        }
        let missing = || UpscaleError::Missing { name: name.clone() };
        let path = self.find(Wanted::Upscaler, name).ok_or_else(missing)?;
        let (device, modified) = (self.networks.first_stage_device(), find::modified(&path));
        let former = state.upscaler.take().filter(|(open, then, _)| open.path() == path && *then == modified);
        let (open, _, added) = match former.filter(|(open, ..)| open.is_on(&device)) {
            Some(former) => state.upscaler.insert(former),
            None => {
                let open = Arc::new(OpenUpscaler::open(&path, &device)?);
                let added = added(&open);
                state.upscaler.insert((open, modified, added))
            }
        };
        adapted.added.push(added.clone());
        adapted.upscaler = Some(open.clone());
        Ok(())
    }

    /// The embeddings that the settings name, and those near the model and in the folders that texts (in lower
    /// case) may name.
    fn embeddings(
        &self,
        settings: &Settings,
        texts: &[String],
        state: &State,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<Embedding>, AdditionError> {
        let mut files = Vec::new();
        for name in &settings.embeddings.0 {
            let missing = || AdditionError::NoEmbedding { name: name.clone() };
            files.push(self.find(Wanted::Embedding, name).ok_or_else(missing)?);
        }
        let asked = files.len();
        let near = find::named_near(&find::folders(Wanted::Embedding, self.path), texts);
        for path in near.into_iter().chain(find::named_in(&self.additions.folders(), texts)) {
            if !files.contains(&path) {
                files.push(path);
            }
        }
        let mut kept = Vec::new();
        for (place, path) in files.into_iter().enumerate() {
            let modified = find::modified(&path);
            let known = state.embeddings.iter().find(|known| known.0 == path && known.1 == modified);
            match known.map_or_else(|| read_embedding(&path), |known| Ok(known.2.clone())) {
                Ok(words) => kept.push((path, modified, words)),
                Err(error) if place < asked => return Err(error.into()),
                // Nobody asked for it.
                Err(error) => {
                    let name = short_name(&path.to_string_lossy()).to_owned();
                    let note = AdditionNote::EmbeddingUnread { name, cause: error.to_string() };
                    notes.push(Note::Addition(note));
                }
            }
        }
        Ok(kept)
    }

    /// Tells which of the words that were taught stand in the texts.
    fn tell(
        &self,
        taught: &[(Option<&Path>, LearnedWord)],
        texts: &[String],
        adapted: &mut Adapted,
    ) -> Result<(), AdditionError> {
        if taught.is_empty() {
            return Ok(());
        }
        let mut found = BTreeSet::new();
        for text in texts {
            found.extend(self.networks.taught_in(text)?);
        }
        let mut words = Vec::new();
        for (path, LearnedWord { word, .. }) in taught.iter().filter(|(_, word)| found.contains(&word.word)) {
            let hash = path.and_then(hash::of_file).unwrap_or_default();
            adapted.added.push(Added {
                kind: AddedKind::Embedding,
                name: word.clone(),
                hash,
                strength: None,
            });
            words.push(word.as_str());
        }
        if !words.is_empty() {
            let words = words.join(", ");
            adapted.notes.push(Note::Addition(AdditionNote::EmbeddingsUsed { words }));
        }
        Ok(())
    }

    /// Where a named file lies.
    fn find(&self, wanted: Wanted, name: &str) -> Option<PathBuf> {
        find(wanted, name, self.path, &self.additions.folders())
    }
}

/// An upscaler, as pictures tell it.
pub fn added(upscaler: &OpenUpscaler) -> Added {
    Added {
        kind: AddedKind::Upscaler,
        name: upscaler.name(),
        hash: hash::of_file(upscaler.path()).unwrap_or_default(),
        strength: Some(upscaler.scale() as f64),
    }
}

impl OpenLora {
    fn read(path: &Path, networks: &LatentDiffusion) -> Result<Self, AdditionError> {
        let lora = Lora::open(path)?;
        let file = lora.path().to_owned();
        let modified = find::modified(&file);
        let fit = lora.fit(&networks.layers());
        let name = short_name(&path.to_string_lossy()).to_owned();
        if fit.count() == 0 {
            let first = fit.unfit.first().cloned().unwrap_or_default();
            return Err(AdditionError::FitsNothing { name, first });
        }
        let words = lora.words().iter().map(|(word, vectors)| {
            let mut vectors = vectors.clone();
            if let [channels] = *vectors.shape {
                vectors.shape = vec![1, channels];
            }
            LearnedWord { word: word.clone(), vectors }
        });
        let words = words.filter(|word| word.vectors.shape.len() == 2).collect();
        Ok(Self { path: path.to_owned(), file, modified, name, hash: hash::of_lora(&lora), fit, words })
    }

    /// Whether it is what lies at `path` now.
    fn is(&self, path: &Path) -> bool {
        self.path == path && self.modified == find::modified(&self.file)
    }

    fn left_out(&self) -> Option<Note> {
        let first = self.fit.unfit.first()?.clone();
        let (left_out, used) = (self.fit.unfit.len(), self.fit.count());
        Some(Note::Addition(AdditionNote::PartsLeftOut { name: self.name.clone(), left_out, used, first }))
    }
}
