//! The phrasebook: what people keep to write prompts with, as files of their own: lists of words in a folder, which
//! wildcards stand for, and styles in a table that A1111 reads and writes too.
//!
//! Invariant: other columns and rows of the table stay as they are.

mod csv;
mod error;
mod styles;
mod wildcards;

use std::path::PathBuf;
use std::sync::Arc;

use crate::grammar::Style;
use crate::grammar::dynamic::Lists;

pub use error::PhraseError;
pub use styles::{find, read_styles, remove_style, save_style};
pub use wildcards::read_lists;

/// All that is in a phrasebook.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phrases {
    /// What wildcards stand for.
    pub lists: Arc<Lists>,
    /// The styles, in the order of their file.
    pub styles: Vec<Style>,
}

/// Where a phrasebook lies, and what was last seen of it.
#[derive(Debug, Default)]
pub struct Phrasebook {
    wildcards: Option<PathBuf>,
    styles: Option<PathBuf>,
    seen: Option<Seen>,
}

/// Files and folders by their paths, sizes and times.
#[derive(Debug, PartialEq)]
struct Seen {
    lists: Vec<wildcards::Found>,
    styles: Option<wildcards::Found>,
}

impl Phrasebook {
    /// One of a folder of lists and a table of styles; neither needs to exist.
    pub fn new(wildcards: Option<PathBuf>, styles: Option<PathBuf>) -> Self {
        Self { wildcards, styles, seen: None }
    }

    /// Reads it, if anything has changed since it was last read.
    ///
    /// # Errors
    /// If the table of styles cannot be read; it is read again once it has changed.
    pub fn read_again(&mut self) -> Option<(Phrases, Option<PhraseError>)> {
        let lists = self.wildcards.as_deref().map(wildcards::found).unwrap_or_default();
        let styles = self.styles.as_deref().and_then(wildcards::Found::of);
        let now = Seen { lists, styles };
        if self.seen.as_ref() == Some(&now) {
            return None;
        }
        let lists = match &self.wildcards {
            Some(folder) => wildcards::read_found(folder, &now.lists),
            None => Lists::default(),
        };
        let styles = self.styles.as_deref().map_or(Ok(Vec::new()), read_styles);
        self.seen = Some(now);
        let (styles, error) = match styles {
            Ok(styles) => (styles, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Some((Phrases { lists: Arc::new(lists), styles }, error))
    }

    /// Keeps a style, in place of one of that name.
    ///
    /// # Errors
    /// If there is no place for it, or the table cannot be read or written.
    pub fn save(&self, style: &Style) -> Result<(), PhraseError> {
        save_style(self.styles.as_deref().ok_or(PhraseError::NoPlace)?, style)
    }

    /// Forgets a style.
    ///
    /// # Errors
    /// If the table cannot be read or written.
    pub fn remove(&self, name: &str) -> Result<(), PhraseError> {
        remove_style(self.styles.as_deref().ok_or(PhraseError::NoPlace)?, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_read_again() {
        let home = tempfile::tempdir().unwrap();
        let (folder, table) = (home.path().join("wildcards"), home.path().join("styles.csv"));
        let mut book = Phrasebook::new(Some(folder.clone()), Some(table.clone()));
        assert_eq!(book.read_again().unwrap().0.styles, []);
        assert!(book.read_again().is_none());
        let style = Style { name: "ink".into(), prompt: "ink".into(), negative: String::new() };
        book.save(&style).unwrap();
        assert_eq!(book.read_again().unwrap().0.styles, [style]);
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        std::fs::write(folder.join("deep/pet.txt"), "cat").unwrap();
        let (phrases, error) = book.read_again().unwrap();
        assert!(phrases.lists.knows("deep/pet") && error.is_none());
        std::fs::write(&table, "a,b\n1,2\n").unwrap();
        assert!(matches!(book.read_again().unwrap().1, Some(PhraseError::NoNames { .. })));
        assert!(matches!(book.save(&Style::default()), Err(PhraseError::NoNames { .. })));
        book.remove("ink").unwrap_err();
        assert!(matches!(Phrasebook::default().remove("ink"), Err(PhraseError::NoPlace)));
    }
}
