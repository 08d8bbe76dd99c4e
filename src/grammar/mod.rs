//! The grammar of prompts: what of a text is words for the text encoder, and what says something else.
//!
//! [`Grammar::Literal`] takes every letter as a word, as the reference does; [`Grammar::A1111`] takes out
//! `<lora:name:0.8>`. What else A1111 reads in a prompt has its place here.

mod tags;

use crate::settings::LoraUse;

/// How prompts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grammar {
    /// Every letter as it stands.
    Literal,
    /// As AUTOMATIC1111's web UI reads them.
    #[default]
    A1111,
}

/// A prompt that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// The words.
    pub text: String,
    /// The LoRAs that it names.
    pub loras: Vec<LoraUse>,
    /// What was taken out: where in `text`, and how many bytes.
    taken: Vec<(usize, usize)>,
}

impl Grammar {
    /// Reads a prompt.
    pub fn read(self, text: &str) -> Prompt {
        match self {
            Self::Literal => Prompt { text: text.to_owned(), ..Prompt::default() },
            Self::A1111 => tags::take_out(text),
        }
    }
}

impl Prompt {
    /// The place in the prompt as it was written of a place in its words.
    pub fn place(&self, at: usize) -> usize {
        at + self.taken.iter().take_while(|(from, _)| *from <= at).map(|(_, length)| length).sum::<usize>()
    }
}
