//! `SourceNote`: what is odd about a picture that a run begins from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::told::Told;

/// What is odd about a picture that a run begins from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SourceNote {
    /// A strength leaves another number of steps than was asked for.
    Steps {
        /// Steps asked for.
        asked: usize,
        /// Steps that run.
        runs: usize,
        /// The strength.
        strength: f64,
    },
    /// A mask had another size than its picture.
    MaskResized {
        /// Its width and height.
        from: [usize; 2],
        /// The picture's.
        to: [usize; 2],
    },
    /// A part of what is masked lies beyond what the run works on.
    MaskBeyond,
    /// The picture that another was made from is gone.
    Gone {
        /// Its name.
        name: String,
    },
    /// Another picture lies in its place.
    Changed {
        /// Its name.
        name: String,
    },
    /// A picture of another program was made from a picture that it does not name.
    Unnamed,
}

fn size([width, height]: [usize; 2]) -> String {
    format!("{width}×{height}")
}

impl fmt::Display for SourceNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps { asked, runs, strength } => {
                write!(f, "a strength of {strength} runs {runs} steps where {asked} were asked for")
            }
            Self::MaskResized { from, to } => {
                write!(f, "the mask of {} is resized to the picture's {}", size(*from), size(*to))
            }
            Self::MaskBeyond => f.write_str(
                "a part of what is masked lies outside of what is drawn and stays; --resize fit takes all of the picture",
            ),
            Self::Gone { name } => write!(
                f,
                "the picture was made from {name}, which is not there any more; without it the words alone are drawn"
            ),
            Self::Changed { name } => write!(
                f,
                "the picture was made from {name}, in whose place there is another picture now; without it the words \
                 alone are drawn"
            ),
            Self::Unnamed => f.write_str(
                "the picture was made from another one, which it does not name; without it the words alone are drawn",
            ),
        }
    }
}

impl Told for SourceNote {
    fn key(&self) -> &'static str {
        match self {
            Self::Steps { .. } => "note-source-steps",
            Self::MaskResized { .. } => "note-mask-resized",
            Self::MaskBeyond => "note-mask-beyond",
            Self::Gone { .. } => "note-source-gone",
            Self::Changed { .. } => "note-source-changed",
            Self::Unnamed => "note-source-unnamed",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Steps { asked, runs, strength } => vec![
                ("asked", asked.to_string()),
                ("runs", runs.to_string()),
                ("strength", strength.to_string()),
            ],
            Self::MaskResized { from, to } => vec![("from", size(*from)), ("to", size(*to))],
            Self::Gone { name } | Self::Changed { name } => vec![("name", name.clone())],
            Self::MaskBeyond | Self::Unnamed => Vec::new(),
        }
    }
}
