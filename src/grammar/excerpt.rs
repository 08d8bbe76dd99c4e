//! `Excerpt`: a text that is made of pieces of a prompt, and where in the prompt each of its bytes stands.
//!
//! So whatever a prompt becomes on its way to the text encoder, its words are found again where they were written.

use std::ops::Range;

/// Text with the places of its bytes in the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    text: String,
    places: Vec<usize>,
}

impl Excerpt {
    /// A whole prompt.
    pub fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), places: (0..text.len()).collect() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether it has no letter.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The bytes of `range`, which begins and ends at characters.
    pub fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        part.push(self, range);
        part
    }

    /// Adds the bytes of `range` of another.
    pub fn push(&mut self, from: &Self, range: Range<usize>) {
        self.text.push_str(&from.text[range.clone()]);
        self.places.extend_from_slice(&from.places[range]);
    }

    /// Adds all of another.
    pub fn push_all(&mut self, from: &Self) {
        self.push(from, 0..from.len());
    }

    /// Adds a text from elsewhere that stands for what is at a place.
    pub fn push_foreign(&mut self, text: &str, place: usize) {
        self.text.push_str(text);
        self.places.resize(self.text.len(), place);
    }

    /// The same without blanks at its end.
    #[must_use]
    pub fn trim_end(&self) -> Self {
        self.part(0..self.text.trim_end().len())
    }

    /// Where in the prompt byte `at` stands; where its text ends, for the end.
    pub fn place(&self, at: usize) -> usize {
        let after_last = || self.places.last().map_or(0, |last| last + 1);
        self.places.get(at).copied().unwrap_or_else(after_last)
    }

    /// Where in the prompt the bytes of `range` stand, with what was left out between them.
    pub fn range(&self, range: Range<usize>) -> Range<usize> {
        let from = self.place(range.start);
        match range.end.checked_sub(1).filter(|last| *last >= range.start) {
            Some(last) => from..self.place(last) + 1,
            None => from..from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_know_where_they_stood() {
        let prompt = Excerpt::whole("a (red) fox ");
        let mut text = prompt.part(0..2);
        text.push(&prompt, 3..6);
        text.push(&prompt, 7..12);
        assert_eq!((text.as_str(), text.trim_end().as_str()), ("a red fox ", "a red fox"));
        assert_eq!((text.place(2), text.place(6), text.place(10)), (3, 8, 12));
        assert_eq!((text.range(2..5), text.range(0..9), text.range(2..2)), (3..6, 0..11, 3..3));
        assert_eq!(Excerpt::default().range(0..0), 0..0);
        text.push_foreign("den", 5);
        assert_eq!((text.as_str(), text.place(12)), ("a red fox den", 5));
    }
}
