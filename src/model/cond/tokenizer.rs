//! Text to token ids: byte pair encoding as CLIP does it, with start, end and padding.
//!
//! [`Tokenizer::clip`] is the tokenizer of every Stable Diffusion model, built on first use from the
//! embedded list of merges; [`Tokenizer::from_json`] is one that a config brings along. Trap: a text
//! may contain `<|startoftext|>` or `<|endoftext|>` literally; both become their own ids, as in the
//! reference. Words that do not fit are reported, never dropped in silence.

mod clip;
mod json;

use std::sync::{Arc, LazyLock};

/// The token that opens every text.
pub const START: &str = "<|startoftext|>";
/// The token that ends every text, and pads it unless told otherwise.
pub const END: &str = "<|endoftext|>";

/// Why there is no tokenizer, or no tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    /// The file is not one that we take; the sentence says what was expected and found.
    #[error("the tokenizer cannot be used: {0}")]
    Unfit(String),
    /// The tokenizer could not deal with a text.
    #[error("the text could not be split into tokens: {0}")]
    Text(String),
}

/// A text as the text encoder takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Start, the text's tokens, end, then padding: `max_length` ids.
    pub ids: Vec<i64>,
    /// Ids that are not padding, start and end included; at most `max_length`.
    pub used: usize,
    /// Ids that the whole text would need, start and end included.
    pub needed: usize,
    /// Byte offset in the text of the first token that did not fit, on a character boundary.
    pub dropped_from: Option<usize>,
}

/// Splits text into tokens. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    start: i64,
    end: i64,
    padding: i64,
}

impl Tokenizer {
    /// CLIP ViT-L/14's tokenizer: 49,408 ids, start 49406, end and padding 49407.
    ///
    /// # Errors
    /// None in practice: the list it is made from is part of the program.
    pub fn clip() -> Result<Self, TokenizerError> {
        static CLIP: LazyLock<Result<Tokenizer, TokenizerError>> =
            LazyLock::new(|| Tokenizer::around(clip::build()?));
        CLIP.clone()
    }

    /// A tokenizer from the text of a `tokenizer.json` (byte pair encoding only, at most 16 MiB).
    ///
    /// # Errors
    /// One sentence, if the file is damaged or asks for something that CLIP's text needs not.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TokenizerError> {
        Self::around(json::build(bytes)?)
    }

    /// Wraps a tokenizer that knows the start and the end token.
    fn around(inner: tokenizers::Tokenizer) -> Result<Self, TokenizerError> {
        tokenizers::utils::parallelism::set_parallelism(false);
        let id = |token: &str| {
            let id = inner.token_to_id(token).map(i64::from);
            id.ok_or_else(|| TokenizerError::Unfit(format!("its vocabulary has no {token}")))
        };
        let (start, end) = (id(START)?, id(END)?);
        Ok(Self { inner: Arc::new(inner), start, end, padding: end })
    }

    /// The same tokenizer, padding with another id (version 2 models pad with 0).
    #[must_use]
    pub fn padded_with(self, padding: i64) -> Self {
        Self { padding, ..self }
    }

    /// One more than the largest id: the rows that a token embedding needs.
    pub fn vocabulary_size(&self) -> usize {
        let largest = self.inner.get_vocab(true).into_values().max();
        largest.map_or(0, |id| id as usize + 1)
    }

    /// The id of the end token; CLIP's pooled output is taken there.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Splits a text and cuts it to `max_length` ids (77 for CLIP; at least 2).
    ///
    /// # Errors
    /// If the vocabulary lacks the text's characters and has no stand-in for them; CLIP's has all.
    pub fn encode(&self, text: &str, max_length: usize) -> Result<Tokens, TokenizerError> {
        let encoding =
            self.inner.encode(text, false).map_err(|error| TokenizerError::Text(error.to_string()))?;
        let (of_text, offsets) = (encoding.get_ids(), encoding.get_offsets());
        let room = max_length.saturating_sub(2);
        let kept = of_text.len().min(room);
        let mut ids = Vec::with_capacity(max_length.max(2));
        ids.push(self.start);
        ids.extend(of_text[..kept].iter().map(|&id| i64::from(id)));
        ids.push(self.end);
        ids.resize(max_length, self.padding);
        Ok(Tokens {
            ids,
            used: (kept + 2).min(max_length),
            needed: of_text.len() + 2,
            dropped_from: offsets.get(kept).map(|&(from, _)| text.floor_char_boundary(from)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_reported() {
        let clip = Tokenizer::clip().unwrap();
        let text = "a  red — apple";
        let tokens = clip.encode(text, 5).unwrap();
        assert_eq!(tokens.ids.len(), 5);
        assert_eq!((tokens.used, tokens.needed), (5, 6));
        assert_eq!(&text[tokens.dropped_from.unwrap()..], "apple");
        let all = clip.encode(text, 6).unwrap();
        assert_eq!((all.used, all.dropped_from), (6, None));
    }

    /// An emoji is several tokens; cut in its middle, the offset still lies on a boundary.
    #[test]
    fn the_offset_is_a_character_boundary() {
        let clip = Tokenizer::clip().unwrap();
        let text = "👩‍🚀 ﷺ İ ½ 日本の城";
        for max_length in 0..30 {
            let tokens = clip.encode(text, max_length).unwrap();
            assert_eq!(tokens.ids.len(), max_length);
            assert!(tokens.used <= max_length);
            if let Some(from) = tokens.dropped_from {
                assert!(text.is_char_boundary(from));
            }
        }
    }

    #[test]
    fn padding_can_be_chosen() {
        let clip = Tokenizer::clip().unwrap().padded_with(0);
        assert_eq!(clip.encode("a", 6).unwrap().ids, [49406, 320, 49407, 0, 0, 0]);
        assert_eq!(clip.vocabulary_size(), 49_408);
    }
}
