//! A message: a sentence by its key and values, turned into words where it is drawn.

#[cfg(test)]
pub(super) mod tests;

use crate::app::i18n::Words;
use crate::told::Sentence;

/// A sentence by its key, not in words yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The string of that name.
    Key(&'static str),
    /// The string of that name with `{ $what }` filled in.
    With(&'static str, String),
    /// The string of that name with several values filled in.
    Values(&'static str, Vec<(&'static str, String)>),
    /// The string of that name with the number `{ $n }` and `{ $what }` filled in.
    Counted(&'static str, usize, String),
    /// A sentence and the string of that name.
    Then(Box<Self>, &'static str),
}

impl Message {
    /// The sentence in words.
    pub fn text(&self, words: &Words) -> String {
        match self {
            Self::Key(key) => words.t(key),
            Self::With(key, what) => words.with(key, &[("what", what.as_str().into())]),
            Self::Values(key, values) => {
                let values: Vec<_> =
                    values.iter().map(|(name, value)| (*name, value.as_str().into())).collect();
                words.with(key, &values)
            }
            Self::Counted(key, n, what) => {
                words.with(key, &[("n", (*n).into()), ("what", what.as_str().into())])
            }
            Self::Then(said, key) => format!("{} {}", said.text(words), words.t(key)),
        }
    }
}

impl From<Sentence> for Message {
    fn from(Sentence { key, values }: Sentence) -> Self {
        Self::Values(key, values)
    }
}
