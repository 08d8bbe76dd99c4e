//! `Told`: what a user reads, as data: the name of a sentence and the values in it.
//!
//! `Display` gives the command line's English sentence; the window looks [`Told::key`] up in its own
//! words (`assets/words/*.ftl`). Invariant: every language has every key, and its sentence uses no
//! value that [`Told::values`] does not give.

use std::fmt::Display;

/// Something to be said to the user.
pub trait Told: Display {
    /// The name of its sentence in the window's words.
    fn key(&self) -> &'static str;

    /// The values in that sentence, by name.
    fn values(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Both, as plain data that can travel.
    fn sentence(&self) -> Sentence {
        Sentence { key: self.key(), values: self.values() }
    }
}

/// A sentence that is not in words yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// The name under which the words of each language stand.
    pub key: &'static str,
    /// The values in it, by name.
    pub values: Vec<(&'static str, String)>,
}

impl Sentence {
    /// A sentence with one value.
    pub fn with(key: &'static str, name: &'static str, value: impl Into<String>) -> Self {
        Self { key, values: vec![(name, value.into())] }
    }
}

impl From<&'static str> for Sentence {
    fn from(key: &'static str) -> Self {
        Self { key, values: Vec::new() }
    }
}

/// The most letters of a text that a sentence quotes.
const QUOTED_MAX: usize = 60;

/// A text as a sentence quotes it: shortened, without control characters, which could control a terminal.
pub fn quoted(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.trim().chars().take(QUOTED_MAX).map(shown).collect();
    if text.trim().chars().count() > QUOTED_MAX {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_short_and_harmless() {
        assert_eq!(quoted(" an\x1bapple\n"), "an apple");
        assert_eq!(quoted(&"é".repeat(98_000)).chars().count(), QUOTED_MAX + 1);
    }
}
