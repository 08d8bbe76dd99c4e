//! The phrasebook among the services: told when it has changed, written when a style was saved or deleted.

use crate::app::services::channels::Out;
use crate::app::services::{Answer, OfPhrasebook};
use crate::message::Report;
use crate::phrasebook::{PhraseError, Phrasebook};
use crate::places::Places;

/// The user's phrasebook, and who is told of it.
pub(super) struct PhrasebookDesk {
    phrasebook: Phrasebook,
    out: Out,
}

impl PhrasebookDesk {
    pub(super) fn new(places: &Places, out: Out) -> Self {
        Self { phrasebook: Phrasebook::new(places.wildcards.clone(), places.styles.clone()), out }
    }

    /// Tells what is in it, if that has changed.
    pub(super) fn read(&mut self) {
        let Some((phrases, error)) = self.phrasebook.read_again() else { return };
        self.out.send(Answer::Phrases(phrases));
        self.tell_trouble(error.map_or(Ok(()), Err));
    }

    /// Saves or deletes a style.
    pub(super) fn write(&mut self, asked: &OfPhrasebook) {
        let written = match asked {
            OfPhrasebook::Save(style) => self.phrasebook.save(style),
            OfPhrasebook::Delete(name) => self.phrasebook.remove(name),
        };
        self.tell_trouble(written);
        self.read();
    }

    fn tell_trouble(&self, outcome: Result<(), PhraseError>) {
        if let Err(error) = outcome {
            self.out.send(Answer::Failed(Report::of(&error)));
        }
    }
}
