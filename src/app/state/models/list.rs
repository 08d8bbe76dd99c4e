//! The list that models are chosen from: the starter, what was open lately and lies elsewhere, and the entries of
//! the library, under a heading for each sort.

use std::path::Path;

use crate::app::state::State;
use crate::engine::model_name;
use crate::library::{Entry, Sort};
use crate::message::ModelSource;

/// One line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The starter inside the program.
    Starter,
    /// A model that was open lately, by its place in what is remembered: one that lies in no folder of the library,
    /// or has other parts than its own.
    Recent(usize),
    /// An entry of the library, by its place.
    Entry(usize),
}

/// Lines under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they can be used for.
    pub sort: Sort,
    /// The lines, by name.
    pub items: Vec<Item>,
}

impl State {
    /// The groups that hold anything with all the words typed. `starter`: the starter's name in the window's words.
    pub fn model_groups(&self, typed: &str, starter: &str) -> Vec<Group> {
        let typed = typed.to_lowercase();
        let words: Vec<&str> = typed.split_whitespace().collect();
        let fits = |text: &str| {
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let mut groups: Vec<Group> =
            Sort::ALL.into_iter().map(|sort| Group { sort, items: Vec::new() }).collect();
        for (place, entry) in self.models.entries.iter().enumerate() {
            let group = groups.iter_mut().find(|group| group.sort == entry.sort());
            if let Some(group) = group.filter(|_| words.is_empty() || fits(&words_of(entry))) {
                group.items.push(Item::Entry(place));
            }
        }
        if let Some(models) = groups.first_mut() {
            let recent = (0..self.preferences.recent_models.len()).filter_map(|place| {
                let source = self.recent_model(place)?;
                let named = fits(&format!("{} {}", name_of(&source), folder_of(&source)));
                (named && !self.is_listed(&source)).then_some(Item::Recent(place))
            });
            let before = models.items.len();
            models.items.extend(recent);
            if models.items.len() > before {
                models.items.sort_by_cached_key(|item| self.name_of_item(*item).to_lowercase());
            }
            if fits(&format!("{starter} starter")) {
                models.items.insert(0, Item::Starter);
            }
        }
        groups.retain(|group| !group.items.is_empty());
        groups
    }

    /// A model that was open lately.
    pub fn recent_model(&self, place: usize) -> Option<ModelSource> {
        self.preferences.recent_models.get(place).cloned().map(ModelSource::from)
    }

    /// The name of a line; empty for the starter, whose name is the window's word.
    pub fn name_of_item(&self, item: Item) -> String {
        match item {
            Item::Starter => String::new(),
            Item::Recent(place) => {
                self.recent_model(place).map(|source| name_of(&source)).unwrap_or_default()
            }
            Item::Entry(place) => self.models.entries.get(place).map(Entry::name).unwrap_or_default(),
        }
    }

    /// Whether the list has a model anyway: as an entry, or as the starter.
    fn is_listed(&self, source: &ModelSource) -> bool {
        match source {
            ModelSource::Starter => true,
            ModelSource::Path { path, config, vae, text_encoder, .. } => {
                let alone = config.is_none() && vae.is_none() && text_encoder.is_none();
                alone && self.models.entry(path).is_some()
            }
        }
    }

    /// Whether a line of the list is open, or laid over what is open.
    pub fn is_in_use(&self, item: Item) -> bool {
        let open = self.model.info.as_ref().map(|info| &info.source);
        match item {
            Item::Starter => open == Some(&ModelSource::Starter),
            Item::Recent(place) => open.is_some() && open == self.recent_model(place).as_ref(),
            Item::Entry(place) => self.models.entries.get(place).is_some_and(|entry| self.uses(entry)),
        }
    }

    fn uses(&self, entry: &Entry) -> bool {
        let path = entry.path.as_path();
        let is = |text: &str| Path::new(text) == path;
        let settings = &self.draft.settings;
        let (model, vae, text_encoder) = match self.model.info.as_ref().map(|info| &info.source) {
            Some(ModelSource::Path { path, vae, text_encoder, .. }) => {
                (Some(path.as_path()), vae.as_deref(), text_encoder.as_deref())
            }
            _ => (None, None, None),
        };
        match entry.sort() {
            Sort::Model => model == Some(path) && vae.is_none() && text_encoder.is_none(),
            Sort::Vae => vae == Some(path),
            Sort::TextEncoder => text_encoder == Some(path),
            Sort::Lora => settings.loras.0.iter().any(|lora| is(&lora.name)),
            Sort::Embedding => settings.embeddings.0.iter().any(|name| is(name)),
            Sort::Taesd => self.preferences.taesd.as_deref().is_some_and(is),
            Sort::Other => false,
        }
    }
}

/// What a search looks in.
fn words_of(entry: &Entry) -> String {
    let facts = &entry.facts;
    let texts = [
        Some(entry.name()),
        Some(facts.detail.clone()),
        Some(entry.path.strip_prefix(&entry.folder).unwrap_or(&entry.path).display().to_string()),
        entry.repository.clone(),
        facts.license.clone(),
        entry.hash().map(str::to_owned),
    ];
    texts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The names of a model and of the parts that are laid over it.
pub fn name_of(source: &ModelSource) -> String {
    let ModelSource::Path { path, vae, text_encoder, .. } = source else { return String::new() };
    let parts = [Some(path), vae.as_ref(), text_encoder.as_ref()];
    parts.into_iter().flatten().map(|path| model_name(path)).collect::<Vec<_>>().join(" + ")
}

/// The folder that a model lies in.
pub fn folder_of(source: &ModelSource) -> String {
    let ModelSource::Path { path, .. } = source else { return String::new() };
    path.parent().map(|folder| folder.display().to_string()).unwrap_or_default()
}
