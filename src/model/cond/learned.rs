//! `Learned`: words that embeddings have taught a text encoder (textual inversion).
//!
//! As A1111 does, a word is found among the ids of a text by its own ids, the longest first, and its n vectors
//! take n places. Ids from the vocabulary's end on stand for these vectors until the token table was asked.

use crate::ops::{Error, Result, Tensor};

use super::tokenizer::Tokenizer;

/// A word of its own ids, and where its vectors begin.
#[derive(Clone, Debug)]
struct Word {
    ids: Vec<u32>,
    rows: std::ops::Range<usize>,
}

/// What an encoder has learned.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    words: Vec<Word>,
    /// (rows, channels).
    vectors: Vec<f32>,
    channels: usize,
    first_id: usize,
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
        for (word, vectors) in words {
            if vectors.len() % channels.max(1) != 0 {
                return Err(Error::Shape(format!("expected vectors of {channels} channels for {word:?}")));
            }
            let ids = tokenizer.ids(&word).map_err(|error| Error::Shape(error.to_string()))?;
            let first = learned.vectors.len() / channels.max(1);
            learned.vectors.extend(vectors);
            let rows = first..learned.vectors.len() / channels.max(1);
            if !ids.is_empty() {
                learned.words.push(Word { ids, rows });
            }
        }
        learned.words.sort_by_key(|word| std::cmp::Reverse(word.ids.len()));
        Ok(learned)
    }

    /// The ids of a text with the vectors' in place of the words', each with the place that it had before.
    pub(super) fn replace(&self, ids: &[u32]) -> Vec<(u32, usize)> {
        let mut replaced = Vec::with_capacity(ids.len());
        let mut at = 0;
        while at < ids.len() {
            match self.words.iter().find(|word| ids[at..].starts_with(&word.ids)) {
                Some(word) => {
                    replaced.extend(word.rows.clone().map(|row| ((self.first_id + row) as u32, at)));
                    at += word.ids.len();
                }
                None => {
                    replaced.push((ids[at], at));
                    at += 1;
                }
            }
        }
        replaced
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

    #[test]
    fn the_longest_word_is_found_and_takes_its_places() {
        let clip = Tokenizer::clip().unwrap();
        let words = vec![("ink".to_owned(), vec![1.0; 2]), ("ink drop".to_owned(), vec![2.0; 6])];
        let learned = Learned::new(words, &clip, 2).unwrap();
        let first = clip.vocabulary_size() as u32;
        let ids = clip.ids("an ink drop of ink").unwrap();
        let replaced = learned.replace(&ids);
        let found: Vec<u32> = replaced.iter().map(|(id, _)| *id).filter(|id| *id >= first).collect();
        assert_eq!(found, [first + 1, first + 2, first + 3, first]);
        assert_eq!(replaced.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 1, 1, 1, 3, 4]);
        assert_eq!(learned.replace(&clip.ids("inkwell").unwrap()).len(), clip.ids("inkwell").unwrap().len());
        assert!(Learned::new(vec![("x".into(), vec![0.0; 3])], &clip, 2).is_err());
    }
}
