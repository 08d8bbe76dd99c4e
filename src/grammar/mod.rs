//! The grammar of prompts: what of a text is words for the text encoder, and what says something else.
//!
//! [`PromptGrammar::Literal`] takes every letter as a word, as the reference does. [`PromptGrammar::A1111`] reads a
//! prompt in A1111's order: [`read`] cuts comments and takes out tags, [`alternatives()`] splits at `AND`, each is laid
//! out over the steps by [`schedule()`], and each text that comes out is weighted by [`attention()`]. Trap: nothing here
//! fails. A text that the grammar does not take stands for itself, so a bracket too many never costs a picture.

mod alternatives;
mod attention;
mod comments;
mod excerpt;
mod schedule;
mod tags;

use crate::settings::{LoraUse, PromptGrammar};

pub use alternatives::{Alternative, alternatives};
pub use attention::{Part, attention};
pub use excerpt::Excerpt;
pub use schedule::{Segment, Steps, schedule};

/// A prompt without its comments and tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// The text.
    pub text: Excerpt,
    /// The LoRAs that it names.
    pub loras: Vec<LoraUse>,
}

/// Reads a prompt.
pub fn read(grammar: PromptGrammar, text: &str) -> Prompt {
    let text = Excerpt::whole(text);
    match grammar {
        PromptGrammar::Literal => Prompt { text, loras: Vec::new() },
        PromptGrammar::A1111 => tags::take_out(&comments::without_comments(&text)),
    }
}
