//! `Record`: what a list of negatives tells of each, and `Records`, which reads a file again only where it may have
//! changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::store::{RunIs, Store, Summary};
use super::{Negative, Parent};
use crate::settings::Settings;

/// What a list tells of a negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What people are told.
    pub summary: Summary,
    /// All that was asked.
    pub settings: Settings,
    /// The timesteps in the order run.
    pub timesteps: Vec<usize>,
    /// The guidance that acted in each step that is done.
    pub guidance_of_steps: Vec<f64>,
    /// Where it branched off, if it did.
    pub parent: Option<Parent>,
    /// The first ten hex digits of the model file's SHA-256; empty if they were never known.
    pub model_hash: String,
}

impl Record {
    /// What is told of a negative of `store`.
    pub fn of(store: &Store, negative: &Negative) -> Self {
        Self {
            summary: store.summary(negative),
            settings: negative.head.settings.clone(),
            timesteps: negative.head.schedule.timesteps_in_order(),
            guidance_of_steps: negative.guidance_of_steps(),
            parent: negative.head.parent.clone(),
            model_hash: negative.model_hash().to_owned(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.summary.id
    }

    /// Whether its file is what it will be.
    fn is_settled(&self) -> bool {
        matches!(self.summary.state, RunIs::Finished | RunIs::Stopped)
    }
}

/// The negatives of a store, as far as they are known.
#[derive(Debug, Default)]
pub struct Records(HashMap<String, Arc<Record>>);

impl Records {
    /// All that can be read, the newest first.
    pub fn list(&mut self, store: &Store) -> Vec<Arc<Record>> {
        let ids = store.ids();
        self.0.retain(|id, _| ids.binary_search_by(|other| id.cmp(other)).is_ok());
        let listed = ids.into_iter().filter_map(|id| {
            let known = self.0.get(&id).filter(|known| {
                let bytes = std::fs::metadata(store.path(&id)).map_or(0, |file| file.len());
                known.is_settled()
                    && known.summary.bytes == bytes
                    && known.summary.pinned == store.is_pinned(&id)
            });
            if let Some(known) = known {
                return Some(known.clone());
            }
            let opened = store.open(&id).map_err(|error| log::warn!("{error}")).ok()?;
            let record = Arc::new(Record::of(store, &opened));
            self.0.insert(id, record.clone());
            Some(record)
        });
        listed.collect()
    }
}
