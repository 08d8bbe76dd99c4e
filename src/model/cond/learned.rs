//! `Learned`: words that embeddings have taught a text encoder (textual inversion).
//!
//! A word is found in the text, the longest first, before the rest is split into tokens: punctuation beside it is
//! then no part of its tokens. As A1111 does, it is found among the ids of the rest by its own, too. Its n vectors
//! take n places; ids from the vocabulary's end on stand for them until the token table was asked.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::ops::{Error, Result, Tensor};

use super::tokenizer::{Token, Tokenizer};

/// A word, and where its vectors begin.
#[derive(Clone, Debug)]
struct Word {
    name: String,
    ids: Vec<u32>,
    rows: Range<usize>,
}

/// What an encoder has learned.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// Those of the most ids first.
    words: Vec<Word>,
    /// (rows, channels).
    vectors: Vec<f32>,
    channels: usize,
    first_id: usize,
}

/// Whether a word stands in a text, in any case, and is no part of another word there.
pub fn stands_in(word: &str, text: &str) -> bool {
    !find(&[word], text).is_empty()
}

/// The letters of a text in lower case, blanks beside each other as one, each with the byte at which it begins.
fn letters(text: &str) -> Vec<(char, usize)> {
    let (mut letters, mut after_blank) = (Vec::with_capacity(text.len()), false);
    for (at, letter) in text.char_indices() {
        let is_blank = letter.is_whitespace();
        if !is_blank {
            letters.extend(letter.to_lowercase().map(|lower| (lower, at)));
        } else if !after_blank {
            letters.push((' ', at));
        }
        after_blank = is_blank;
    }
    letters
}

/// Where words stand in a text, each by its place among `words`: from the left, the longest first.
fn find(words: &[&str], text: &str) -> Vec<(Range<usize>, usize)> {
    let joins =
        |a: char, b: char| (a.is_alphabetic() && b.is_alphabetic()) || (a.is_numeric() && b.is_numeric());
    let text_letters = letters(text);
    let begins = |at: usize, word: &[char]| {
        let end = at + word.len();
        let [Some(first), Some(last)] = [word.first(), word.last()] else { return false };
        let before = at.checked_sub(1).and_then(|before| text_letters.get(before));
        text_letters.get(at..end).is_some_and(|here| here.iter().map(|(letter, _)| letter).eq(word))
            && !before.is_some_and(|(before, _)| joins(*before, *first))
            && !text_letters.get(end).is_some_and(|(after, _)| joins(*last, *after))
    };
    let mut words: Vec<(usize, Vec<char>)> = words
        .iter()
        .map(|word| letters(word).into_iter().map(|(letter, _)| letter).collect())
        .enumerate()
        .collect();
    words.sort_by_key(|(_, word)| Reverse(word.len()));
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((_, from)) = text_letters.get(at) {
        let Some((which, word)) = words.iter().find(|(_, word)| begins(at, word)) else {
            at += 1;
            continue;
        };
        at += word.len();
        let to = text_letters.get(at).map_or(text.len(), |(_, to)| *to);
        found.push((*from..to, *which));
    }
    found
}

impl Learned {
    /// Words with their vectors (n, channels).
    ///
    /// # Errors
    /// If a word cannot be split, or vectors have other channels.
    pub(super) fn new(
        words: Vec<(String, Vec<f32>)>,
        tokenizer: &Tokenizer,
        channels: usize,
    ) -> Result<Self> {
        let mut learned = Self { channels, first_id: tokenizer.vocabulary_size(), ..Self::default() };
        for (name, vectors) in words {
            if vectors.len() % channels.max(1) != 0 {
                return Err(Error::Shape(format!("expected vectors of {channels} channels for {name:?}")));
            }
            let ids = tokenizer.ids(&name).map_err(|error| Error::Shape(error.to_string()))?;
            let first = learned.vectors.len() / channels.max(1);
            learned.vectors.extend(vectors);
            let rows = first..learned.vectors.len() / channels.max(1);
            if !ids.is_empty() {
                learned.words.push(Word { name, ids, rows });
            }
        }
        learned.words.sort_by_key(|word| Reverse(word.ids.len()));
        Ok(learned)
    }

    /// The tokens of a text, with the vectors' ids in place of the words'.
    ///
    /// # Errors
    /// If the tokenizer lacks the text's characters.
    pub(super) fn tokens(&self, tokenizer: &Tokenizer, text: &str) -> Result<Vec<Token>> {
        let names: Vec<&str> = self.words.iter().map(|word| word.name.as_str()).collect();
        let split = |piece| tokenizer.tokens(text, piece).map_err(|error| Error::Shape(error.to_string()));
        let (mut tokens, mut at) = (Vec::new(), 0);
        for (place, which) in find(&names, text) {
            tokens.extend(self.replace(split(at..place.start)?));
            at = place.end;
            tokens.extend(self.stand_in(&self.words[which], place.clone(), Some((place.start, 0))));
        }
        tokens.extend(self.replace(split(at..text.len())?));
        Ok(tokens)
    }

    /// Tokens with those of words replaced, the longest first.
    fn replace(&self, tokens: Vec<Token>) -> Vec<Token> {
        let mut replaced = Vec::with_capacity(tokens.len());
        let mut rest = tokens.as_slice();
        while let [first, others @ ..] = rest {
            let begins = |word: &&Word| {
                rest.len() >= word.ids.len() && rest.iter().zip(&word.ids).all(|(token, id)| token.id == *id)
            };
            match self.words.iter().find(begins) {
                Some(word) => {
                    let end = rest[word.ids.len() - 1].text.end;
                    replaced.extend(self.stand_in(word, first.text.start..end, first.word));
                    rest = &rest[word.ids.len()..];
                }
                None => {
                    replaced.push(first.clone());
                    rest = others;
                }
            }
        }
        replaced
    }

    /// A token for each of a word's vectors.
    fn stand_in(
        &self,
        word: &Word,
        text: Range<usize>,
        of: Option<(usize, u32)>,
    ) -> impl Iterator<Item = Token> + use<> {
        let first = self.first_id;
        word.rows.clone().map(move |row| Token { id: (first + row) as u32, text: text.clone(), word: of })
    }

    /// Whether an id stands for a vector.
    pub(super) fn is_row(&self, id: u32) -> bool {
        !self.words.is_empty() && id as usize >= self.first_id
    }

    /// The words that tokens stand for.
    pub(super) fn words_of(&self, tokens: &[Token]) -> BTreeSet<String> {
        let rows: BTreeSet<usize> =
            tokens.iter().filter_map(|token| (token.id as usize).checked_sub(self.first_id)).collect();
        let found = self.words.iter().filter(|word| rows.range(word.rows.clone()).next().is_some());
        found.map(|word| word.name.clone()).collect()
    }

    /// Looks ids up by `look_up`, which knows the vocabulary's alone: (texts, places, channels).
    pub(super) fn embed(
        &self,
        ids: &[i64],
        look_up: impl FnOnce(&[i64]) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let row =
            |id: i64| usize::try_from(id).ok()?.checked_sub(self.first_id).filter(|_| !self.words.is_empty());
        if !ids.iter().any(|id| row(*id).is_some()) {
            return look_up(ids);
        }
        let plain: Vec<i64> = ids.iter().map(|id| if row(*id).is_some() { 0 } else { *id }).collect();
        let looked_up = look_up(&plain)?;
        let mut values = looked_up.to_f32()?;
        for (id, place) in ids.iter().zip(values.chunks_exact_mut(self.channels)) {
            if let Some(row) = row(*id) {
                place.copy_from_slice(&self.vectors[row * self.channels..(row + 1) * self.channels]);
            }
        }
        Tensor::from_f32(looked_up.device(), looked_up.shape(), &values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(learned: &Learned, text: &str) -> Vec<usize> {
        let tokens = learned.tokens(&Tokenizer::clip().unwrap(), text).unwrap();
        let rows = tokens.iter().filter_map(|token| (token.id as usize).checked_sub(learned.first_id));
        rows.collect()
    }

    #[test]
    fn the_longest_word_is_found_and_takes_its_places() {
        let clip = Tokenizer::clip().unwrap();
        let words = vec![("ink".to_owned(), vec![1.0; 2]), ("ink drop".to_owned(), vec![2.0; 6])];
        let learned = Learned::new(words, &clip, 2).unwrap();
        assert_eq!(ids(&learned, "an ink drop of ink"), [1, 2, 3, 0]);
        // In any case, and where blanks are others than the word's.
        assert_eq!(ids(&learned, "an INK  DROP of Ink3"), [1, 2, 3, 0]);
        assert_eq!(ids(&learned, "drinking an inkwell"), [0; 0]);
        let tokens = learned.tokens(&clip, "an ink drop of ink").unwrap();
        let places: Vec<usize> = tokens.iter().map(|token| token.text.start).collect();
        assert_eq!(places, [0, 3, 3, 3, 12, 15]);
        let words = Tokenizer::words_of("an ink drop of ink", &tokens, 77);
        assert_eq!((words[1].text.clone(), words[1].tokens.clone()), (3..11, 2..5));
        assert_eq!(learned.words_of(&tokens), ["ink".to_owned(), "ink drop".to_owned()].into());
        assert_eq!(learned.words_of(&tokens[..4]), ["ink drop".to_owned()].into());
        assert!(Learned::new(vec![("x".into(), vec![0.0; 3])], &clip, 2).is_err());
    }

    #[test]
    fn punctuation_beside_a_word_is_none_of_it() {
        let clip = Tokenizer::clip().unwrap();
        let words = vec![("<cat-toy>".to_owned(), vec![1.0; 2]), ("style1".to_owned(), vec![2.0; 2])];
        let learned = Learned::new(words, &clip, 2).unwrap();
        assert_eq!(ids(&learned, "a <cat-toy>, (<Cat-Toy>) by style1, not style"), [0, 0, 1]);
        // What stands beside it is split as if it stood alone.
        let tokens = learned.tokens(&clip, "a <cat-toy>, b").unwrap();
        let expected =
            [clip.ids("a").unwrap(), vec![learned.first_id as u32], clip.ids(", b").unwrap()].concat();
        assert_eq!(tokens.iter().map(|token| token.id).collect::<Vec<_>>(), expected);
        assert!(
            stands_in("<cat-toy>", "İ<cat-toy>.") && !stands_in("ink", "drinking") && !stands_in("", "a")
        );
    }
}
