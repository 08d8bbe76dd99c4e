//! A model's last picture: the newest kept one that it made.

use std::path::Path;

use crate::app::state::State;
use crate::engine::model_name;
use crate::gallery::Record;
use crate::library::{Entry, Sort};
use crate::settings::short_name;

impl State {
    /// The newest picture of the gallery that a model of this name and hash has made. Where both hashes are known
    /// they decide: files of one name may be others.
    pub fn last_picture_of(&self, name: &str, hash: Option<&str>) -> Option<&Path> {
        let made = |record: &Record| {
            let Some(found) = &record.recovered else { return false };
            match (hash, found.model_hash.as_deref().filter(|hash| !hash.is_empty())) {
                (Some(hash), Some(known)) => known.starts_with(hash) || hash.starts_with(known),
                _ => found.model.as_deref() == Some(name),
            }
        };
        self.library.records.iter().find(|record| made(record)).map(|record| record.path.as_path())
    }

    /// The same of an entry of the library; of a LoRA the newest that it was laid over.
    pub fn last_picture_of_entry(&self, entry: &Entry) -> Option<&Path> {
        match entry.sort() {
            Sort::Model => self.last_picture_of(&model_name(&entry.path), entry.hash()),
            Sort::Lora => {
                let path = entry.path.to_string_lossy();
                let own = short_name(&path);
                let laid = |record: &Record| {
                    let loras = record.settings().and_then(|settings| settings.loras.as_ref());
                    loras.is_some_and(|loras| loras.0.iter().any(|lora| short_name(&lora.name) == own))
                };
                self.library.records.iter().find(|record| laid(record)).map(|record| record.path.as_path())
            }
            _ => None,
        }
    }
}
