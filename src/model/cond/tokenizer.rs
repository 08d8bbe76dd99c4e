//! Text to token ids: byte pair encoding as CLIP does it, with start, end and padding.
//!
//! [`Tokenizer::clip`] is the tokenizer of every Stable Diffusion model, built on first use from the
//! embedded list of merges; [`Tokenizer::from_json`] is one that a config brings along. Trap: a text
//! may contain `<|startoftext|>` or `<|endoftext|>` literally; both become their own ids, as in the
//! reference. Words that do not fit are reported, never dropped in silence.

mod clip;
mod json;

use std::ops::Range;
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

/// A word of a text, and its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its bytes in the text.
    pub text: Range<usize>,
    /// The places of its tokens among [`Tokens::ids`].
    pub tokens: Range<usize>,
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub id: u32,
    /// Its bytes in the text.
    pub text: Range<usize>,
    /// What tokens of one word share: where the piece begins that was split, and a number there.
    pub word: Option<(usize, u32)>,
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

    /// The ids of a text alone.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let tokens = self.tokens(text, 0..text.len())?;
        Ok(tokens.into_iter().map(|token| token.id).collect())
    }

    /// The tokens of a piece of a text, whose ends are characters'.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub(super) fn tokens(&self, text: &str, piece: Range<usize>) -> Result<Vec<Token>, TokenizerError> {
        let first = piece.start;
        let encoding = self.inner.encode(text.get(piece).unwrap_or_default(), false);
        let encoding = encoding.map_err(|error| TokenizerError::Text(error.to_string()))?;
        let places = encoding.get_offsets().iter().zip(encoding.get_word_ids());
        let tokens = encoding.get_ids().iter().zip(places).map(|(id, (&(from, to), word))| Token {
            id: *id,
            text: first + from..first + to,
            word: word.map(|word| (first, word)),
        });
        Ok(tokens.collect())
    }

    /// Splits a text and cuts it to `max_length` ids (77 for CLIP; at least 2).
    ///
    /// # Errors
    /// If the vocabulary lacks the text's characters and has no stand-in for them; CLIP's has all.
    pub fn encode(&self, text: &str, max_length: usize) -> Result<Tokens, TokenizerError> {
        Ok(self.cut(text, &self.tokens(text, 0..text.len())?, max_length))
    }

    /// The id of a comma that stands alone, if it has one.
    pub(super) fn comma(&self) -> Option<u32> {
        self.inner.token_to_id(",</w>")
    }

    /// Ids between start and end, padded to `max_length`.
    pub(super) fn framed(&self, ids: &[u32], max_length: usize) -> Vec<i64> {
        let mut framed = vec![self.start];
        framed.extend(ids.iter().map(|id| i64::from(*id)));
        framed.push(self.end);
        framed.resize(max_length, self.padding);
        framed
    }

    /// A text's tokens, cut to `max_length` ids.
    pub(super) fn cut(&self, text: &str, of_text: &[Token], max_length: usize) -> Tokens {
        let room = max_length.saturating_sub(2);
        let kept = of_text.len().min(room);
        let mut ids = Vec::with_capacity(max_length.max(2));
        ids.push(self.start);
        ids.extend(of_text[..kept].iter().map(|token| i64::from(token.id)));
        ids.push(self.end);
        ids.resize(max_length, self.padding);
        Tokens {
            ids,
            used: (kept + 2).min(max_length),
            needed: of_text.len() + 2,
            dropped_from: of_text.get(kept).map(|token| text.floor_char_boundary(token.text.start)),
        }
    }
}

impl Tokenizer {
    /// The words of a text that fit, with the places of their tokens; what has no letter or digit is no word.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn words(&self, text: &str, max_length: usize) -> Result<Vec<Word>, TokenizerError> {
        Ok(Self::words_of(text, &self.tokens(text, 0..text.len())?, max_length))
    }

    /// The words of a text's tokens that fit.
    pub(super) fn words_of(text: &str, tokens: &[Token], max_length: usize) -> Vec<Word> {
        let mut words: Vec<((usize, u32), Word)> = Vec::new();
        for (place, token) in tokens.iter().enumerate().take(max_length.saturating_sub(2)) {
            let Some(word) = token.word else { continue };
            let Range { start, end } = token.text;
            let (from, to) = (text.floor_char_boundary(start), text.ceil_char_boundary(end));
            match words.last_mut().filter(|(last, _)| *last == word) {
                Some((_, last)) => (last.text.end, last.tokens.end) = (last.text.end.max(to), place + 2),
                // The start token comes first.
                None => words.push((word, Word { text: from..to, tokens: place + 1..place + 2 })),
            }
        }
        let told = |(_, word): ((usize, u32), Word)| {
            let written = &text[word.text.clone()];
            let blank = written.len() - written.trim_start().len();
            let from = word.text.start + blank;
            written
                .contains(char::is_alphanumeric)
                .then(|| Word { text: from..from + written.trim().len(), ..word })
        };
        words.into_iter().filter_map(told).collect()
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
    fn tokens_of_one_word_belong_together() {
        let clip = Tokenizer::clip().unwrap();
        let text = "A Zwetschgenkuchen, (red) naïve 日本 x";
        let words = clip.words(text, 77).unwrap();
        let written: Vec<&str> = words.iter().map(|word| &text[word.text.clone()]).collect();
        assert_eq!(written, ["A", "Zwetschgenkuchen", "red", "naïve", "日本", "x"]);
        assert_eq!(words[0].tokens, 1..2);
        assert!(words[1].tokens.start == 2 && words[1].tokens.len() > 2, "{words:?}");
        let tokens = clip.encode(text, 77).unwrap();
        assert_eq!(words[5].tokens, tokens.used - 2..tokens.used - 1);
        // Words that do not fit are not there.
        let short = clip.words(text, 6).unwrap();
        assert!(short.len() == 2 && short.iter().all(|word| word.tokens.end <= 5), "{short:?}");
    }

    #[test]
    fn padding_can_be_chosen() {
        let clip = Tokenizer::clip().unwrap().padded_with(0);
        assert_eq!(clip.encode("a", 6).unwrap().ids, [49406, 320, 49407, 0, 0, 0]);
        assert_eq!(clip.vocabulary_size(), 49_408);
    }
}
