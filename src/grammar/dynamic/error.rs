//! Why a prompt cannot be written out.

use crate::told::Told;

/// Why a prompt cannot be written out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DynamicError {
    /// A list that is not there, while others are.
    #[error(
        "expected a list called {name:?} for __{name}__ in {folder}, found only {known}; correct the name or put \
         {name}.txt there"
    )]
    Missing {
        /// The list's name in the prompt.
        name: String,
        /// Where lists lie.
        folder: String,
        /// Some that are there.
        known: String,
    },
    /// A list, and there is none.
    #[error(
        "expected a list called {name:?} for __{name}__ in {folder}, found no list at all; put {name}.txt there, with a \
         word a line"
    )]
    NoLists {
        /// The list's name in the prompt.
        name: String,
        /// Where lists would lie.
        folder: String,
    },
    /// A list without a line.
    #[error("expected lines in the list {name:?}, found none; write some into {name}.txt in {folder}")]
    Empty {
        /// The list's name in the prompt.
        name: String,
        /// Where lists lie.
        folder: String,
    },
    /// A list that leads back to itself.
    #[error(
        "expected an end of the list {name:?}, found that it leads back to itself; take __{name}__ out of its lines"
    )]
    Endless {
        /// The list that was one too many.
        name: String,
    },
    /// More text than any model reads.
    #[error(
        "expected a prompt of at most {most} letters, found more once its lists are put in; use shorter lines"
    )]
    TooLong {
        /// The most bytes.
        most: usize,
    },
}

impl Told for DynamicError {
    fn key(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "error-wildcard-missing",
            Self::NoLists { .. } => "error-wildcard-none",
            Self::Empty { .. } => "error-wildcard-empty",
            Self::Endless { .. } => "error-wildcard-endless",
            Self::TooLong { .. } => "error-prompt-grows",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self.clone() {
            Self::Missing { name, folder, known } => {
                vec![("name", name), ("folder", folder), ("known", known)]
            }
            Self::NoLists { name, folder } | Self::Empty { name, folder } => {
                vec![("name", name), ("folder", folder)]
            }
            Self::Endless { name } => vec![("name", name)],
            Self::TooLong { most } => vec![("most", most.to_string())],
        }
    }
}
