//! `Chunks`: a weighted text's tokens, in as many texts of the encoder's length as they need (mirrors
//! `TextConditionalModel.tokenize_line` of A1111's `sd_hijack_clip.py`).
//!
//! Trap: text behind the last comma of a full chunk moves to the next one with its weights, unless it is long; a comma
//! that has no room opens the next chunk.

use std::ops::Range;

use super::tokenizer::{Token, Word};

/// The most tokens behind a comma that move to the next chunk (`comma_padding_backtrack`).
const BACKTRACK: usize = 20;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text and how much it counts; 1 is plain.
    Text {
        /// The text.
        text: String,
        /// Its weight.
        weight: f32,
    },
    /// What follows begins a chunk.
    Break,
}

impl Piece {
    /// Its text; nothing for a break.
    pub fn text(&self) -> &str {
        match self {
            Self::Text { text, .. } => text,
            Self::Break => "",
        }
    }

    /// Its weight; a break has none.
    pub fn weight(&self) -> Option<f32> {
        match self {
            Self::Text { weight, .. } => Some(*weight),
            Self::Break => None,
        }
    }
}

/// A token in its chunk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weighted {
    pub token: Token,
    pub weight: f32,
    /// Which piece it is of.
    pub piece: usize,
}

/// A text's tokens in chunks of at most `room`; at least one chunk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chunks {
    pub chunks: Vec<Vec<Weighted>>,
    room: usize,
}

/// A word of some pieces, and its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceWord {
    /// The piece that it is of.
    pub piece: usize,
    /// Its bytes there, and the places of its tokens in the context.
    pub word: Word,
}

/// How a text lies in its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laid {
    /// Tokens as A1111 counts them.
    pub tokens: usize,
    /// Chunks, at least one.
    pub chunks: usize,
    /// Where the chunks after the first begin, those without a word left out: the piece, and its byte there.
    pub starts: Vec<(usize, usize)>,
}

struct Laying {
    chunks: Vec<Vec<Weighted>>,
    chunk: Vec<Weighted>,
    last_comma: Option<usize>,
    room: usize,
}

impl Laying {
    fn next_chunk(&mut self) {
        self.chunks.push(std::mem::take(&mut self.chunk));
        self.last_comma = None;
    }

    /// Makes room for tokens that belong together.
    fn make_room(&mut self, count: usize, is_comma: bool) {
        if is_comma {
            self.last_comma = Some(self.chunk.len());
        } else if self.chunk.len() == self.room
            && let Some(comma) = self.last_comma.filter(|comma| self.room - comma <= BACKTRACK)
        {
            let moved = self.chunk.split_off(comma + 1);
            self.next_chunk();
            self.chunk = moved;
        }
        if self.chunk.len() + count > self.room && !self.chunk.is_empty() {
            self.next_chunk();
        }
    }
}

impl Chunks {
    /// Lays out the tokens of pieces; those of one learned word stay together. `comma` is the id of a comma, and
    /// `is_learned` tells ids that stand for vectors.
    pub fn lay_out(
        pieces: &[Option<(Vec<Token>, f32)>],
        room: usize,
        comma: Option<u32>,
        is_learned: impl Fn(u32) -> bool,
    ) -> Self {
        let room = room.max(1);
        let mut laying = Laying { chunks: Vec::new(), chunk: Vec::new(), last_comma: None, room };
        for (piece, told) in pieces.iter().enumerate() {
            let Some((tokens, weight)) = told else {
                laying.next_chunk();
                continue;
            };
            let mut rest = tokens.as_slice();
            while let Some(first) = rest.first() {
                let together =
                    |token: &&Token| is_learned(first.id) && is_learned(token.id) && token.text == first.text;
                let count = rest[1..].iter().take_while(together).count() + 1;
                laying.make_room(count, Some(first.id) == comma);
                // More vectors than fit go on in the next chunk.
                for token in &rest[..count] {
                    if laying.chunk.len() == room {
                        laying.next_chunk();
                    }
                    laying.chunk.push(Weighted { token: token.clone(), weight: *weight, piece });
                }
                rest = &rest[count..];
            }
        }
        if !laying.chunk.is_empty() || laying.chunks.is_empty() {
            laying.next_chunk();
        }
        Self { chunks: laying.chunks, room }
    }

    /// Whether no token has a weight.
    pub fn is_plain(&self) -> bool {
        self.chunks.iter().flatten().all(|token| token.weight == 1.0)
    }

    /// The same with empty chunks at its end, to make so many.
    pub fn filled_to(mut self, chunks: usize) -> Self {
        self.chunks.resize_with(chunks.max(self.chunks.len()), Vec::new);
        self
    }

    /// The ids of a chunk; none beyond the last.
    pub fn ids(&self, chunk: usize) -> Vec<u32> {
        self.chunks.get(chunk).into_iter().flatten().map(|token| token.token.id).collect()
    }

    /// The weights of the n places of a chunk, start, end and padding included, which have 1.
    pub fn weights(&self, chunk: usize, n: usize) -> Vec<f32> {
        let tokens = self.chunks.get(chunk).into_iter().flatten().map(|token| token.weight);
        let mut weights: Vec<f32> = std::iter::once(1.0).chain(tokens).collect();
        weights.resize(n, 1.0);
        weights
    }

    /// How a text lies in its chunks; `texts` are those of its pieces.
    pub fn laid(&self, texts: &[&str]) -> Laid {
        let start = |chunk: &Vec<Weighted>| {
            let Weighted { token, piece, .. } = chunk.first()?;
            let text = texts.get(*piece)?;
            let from = text.floor_char_boundary(token.text.start);
            Some((*piece, text.len() - text[from..].trim_start().len()))
        };
        let starts = self.chunks.iter().skip(1).filter_map(start).collect();
        Laid { tokens: self.count(), chunks: self.chunks.len(), starts }
    }

    /// Tokens as A1111 counts them: closed chunks count as full.
    pub fn count(&self) -> usize {
        (self.chunks.len() - 1) * self.room + self.chunks.last().map_or(0, Vec::len)
    }

    /// The words of the pieces, with the places of their tokens in the context, whose chunks have two tokens more.
    pub fn words(&self, texts: &[&str]) -> Vec<PieceWord> {
        let mut words: Vec<((usize, usize, u32), PieceWord)> = Vec::new();
        for (chunk, weighted) in self.chunks.iter().enumerate() {
            for (place, Weighted { token, piece, .. }) in weighted.iter().enumerate() {
                let (Some((from, number)), Some(text)) = (token.word, texts.get(*piece)) else { continue };
                let (key, at) = ((*piece, from, number), chunk * (self.room + 2) + place + 1);
                let start = text.floor_char_boundary(token.text.start);
                let end = text.ceil_char_boundary(token.text.end);
                match words.last_mut().filter(|(last, _)| *last == key) {
                    Some((_, PieceWord { word, .. })) => {
                        (word.text.end, word.tokens.end) = (word.text.end.max(end), at + 1);
                    }
                    None => {
                        let word = Word { text: start..end, tokens: at..at + 1 };
                        words.push((key, PieceWord { piece: *piece, word }));
                    }
                }
            }
        }
        let trimmed = |(_, PieceWord { piece, word }): (_, PieceWord)| {
            let text = trimmed_word(texts[piece], word.text)?;
            Some(PieceWord { piece, word: Word { text, ..word } })
        };
        words.into_iter().filter_map(trimmed).collect()
    }
}

/// A word without the blanks around it; what has no letter or digit is no word.
fn trimmed_word(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let written = &text[range.clone()];
    let from = range.start + written.len() - written.trim_start().len();
    written.contains(char::is_alphanumeric).then(|| from..from + written.trim().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: u32 = 267;
    const LEARNED: u32 = 49_408;

    fn tokens(ids: impl IntoIterator<Item = u32>) -> Option<(Vec<Token>, f32)> {
        let token = |(at, id)| Token { id, text: at..at + 1, word: Some((0, at as u32)) };
        Some((ids.into_iter().enumerate().map(token).collect(), 1.0))
    }

    fn lay_out(pieces: &[Option<(Vec<Token>, f32)>]) -> Chunks {
        Chunks::lay_out(pieces, 75, Some(COMMA), |id| id >= LEARNED)
    }

    fn lengths(pieces: &[Option<(Vec<Token>, f32)>]) -> Vec<usize> {
        lay_out(pieces).chunks.iter().map(Vec::len).collect()
    }

    #[test]
    fn long_texts_are_cut_as_the_original_cuts_them() {
        let with_comma = |at: usize| {
            let count = at + 1 + 30;
            tokens((0..count).map(move |i| if i == at { COMMA } else { 5 }))
        };
        assert_eq!(lengths(&[tokens([5; 76])]), [75, 1]);
        assert_eq!(lengths(&[tokens([5; 75])]), [75]);
        assert_eq!(lengths(&[tokens([])]), [0]);
        // A comma as token 60: 15 words move. As token 55: 20 would, and 75 − 54 is one too many.
        assert_eq!(lengths(&[with_comma(59)]), [60, 30]);
        assert_eq!(lengths(&[with_comma(54)]), [75, 10]);
        let comma_last: Vec<u32> = [vec![5; 75], vec![COMMA, 5]].concat();
        assert_eq!(lengths(&[tokens(comma_last)]), [75, 2]);
        assert_eq!(lay_out(&[tokens([5; 80])]).count(), 80);
        assert_eq!(lay_out(&[with_comma(59)]).count(), 105);
    }

    #[test]
    fn breaks_close_chunks() {
        let a = || tokens([5]);
        assert_eq!(lengths(&[a(), None, None, a()]), [1, 0, 1]);
        assert_eq!(lengths(&[None, a()]), [0, 1]);
        assert_eq!(lengths(&[a(), None]), [1]);
    }

    #[test]
    fn chunks_know_where_they_begin() {
        let text = " ".to_owned() + &"x".repeat(74) + " y" + &"z".repeat(3);
        let laid = lay_out(&[tokens([5; 80])]).laid(&[&text]);
        assert_eq!(laid, Laid { tokens: 80, chunks: 2, starts: vec![(0, 76)] });
        let broken = lay_out(&[tokens([5]), None, None, tokens([5])]).laid(&["x", "", "", " y"]);
        assert_eq!(broken, Laid { tokens: 151, chunks: 3, starts: vec![(3, 1)] });
    }

    #[test]
    fn vectors_of_a_word_stay_together() {
        let learned = (0..4).map(|row| Token { id: LEARNED + row, text: 0..3, word: Some((0, 0)) }).collect();
        assert_eq!(lengths(&[tokens([5; 73]), Some((learned, 1.0))]), [73, 4]);
        let many = (0..100).map(|row| Token { id: LEARNED + row, text: 0..3, word: Some((0, 0)) }).collect();
        assert_eq!(lengths(&[Some((many, 1.0))]), [75, 25]);
    }
}
