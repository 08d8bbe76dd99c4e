//! Attention: `(more)`, `[less]`, `(so much:1.3)` and `BREAK` (mirrors `parse_prompt_attention` of A1111's
//! `prompt_parser.py`).
//!
//! Traps: `[text:1.3]` is no weight; `(time 12:30)` is one of 30; within weighted brackets `BREAK` becomes the word,
//! with a negative weight.

use super::alternatives::is_of_word;
use super::excerpt::Excerpt;

/// A piece of text and how much it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The text, without brackets, weights and the backslashes before them.
    pub text: Excerpt,
    /// Its weight; 1 is plain.
    pub weight: f64,
}

const BREAK: &str = "BREAK";
const ROUND: f64 = 1.1;
const SQUARE: f64 = 1.0 / 1.1;

impl Part {
    fn plain(text: Excerpt) -> Self {
        Self { text, weight: 1.0 }
    }

    /// Whether the text that follows begins a chunk of its own.
    pub fn is_break(&self) -> bool {
        self.text.as_str() == BREAK && self.weight == -1.0
    }
}

/// What a text is made of, in its order; at least one part.
pub fn attention(prompt: &Excerpt) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut round, mut square) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < prompt.len() {
        let (token, length) = Token::first_of(&prompt.as_str()[at..]);
        let taken = at..at + length;
        at = taken.end;
        match token {
            Token::Escaped => parts.push(Part::plain(prompt.part(taken.start + 1..taken.end))),
            Token::Round => round.push(parts.len()),
            Token::Square => square.push(parts.len()),
            Token::Weight(weight) => match round.pop() {
                Some(from) => multiply(&mut parts[from..], weight),
                None => push_text(&mut parts, &prompt.part(taken)),
            },
            Token::RoundEnd => match round.pop() {
                Some(from) => multiply(&mut parts[from..], ROUND),
                None => push_text(&mut parts, &prompt.part(taken)),
            },
            Token::SquareEnd => match square.pop() {
                Some(from) => multiply(&mut parts[from..], SQUARE),
                None => push_text(&mut parts, &prompt.part(taken)),
            },
            Token::Text => push_text(&mut parts, &prompt.part(taken)),
        }
    }
    // What is not closed closes at the end.
    round.iter().for_each(|&from| multiply(&mut parts[from..], ROUND));
    square.iter().for_each(|&from| multiply(&mut parts[from..], SQUARE));
    if parts.is_empty() {
        parts.push(Part::plain(Excerpt::default()));
    }
    joined(parts)
}

enum Token {
    Escaped,
    Round,
    Square,
    Weight(f64),
    RoundEnd,
    SquareEnd,
    Text,
}

impl Token {
    /// The first token of a text that is not empty, and its bytes.
    fn first_of(text: &str) -> (Self, usize) {
        let Some(first) = text.chars().next() else { return (Self::Text, 0) };
        match first {
            '\\' if text[1..].starts_with(['(', ')', '[', ']', '\\']) => (Self::Escaped, 2),
            // One that stands before nothing of that kind is dropped.
            '\\' => (Self::Escaped, 1),
            '(' => (Self::Round, 1),
            '[' => (Self::Square, 1),
            ')' => (Self::RoundEnd, 1),
            ']' => (Self::SquareEnd, 1),
            ':' => weight(text).map_or((Self::Text, 1), |(weight, length)| (Self::Weight(weight), length)),
            _ => (Self::Text, text.find(['\\', '(', ')', '[', ']', ':']).unwrap_or(text.len())),
        }
    }
}

/// `:1.3)` at the beginning of a text, and its bytes.
fn weight(text: &str) -> Option<(f64, usize)> {
    let inside = text[1..].split_once(')')?.0;
    let number = inside.trim();
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    let weight = number.parse().ok().filter(|_| is_number)?;
    Some((weight, 1 + inside.len() + 1))
}

/// Text, cut at each `BREAK` that is a word.
fn push_text(parts: &mut Vec<Part>, taken: &Excerpt) {
    let text = taken.as_str();
    let (mut from, mut search) = (0, 0);
    while let Some(at) = text[search..].find(BREAK).map(|at| search + at) {
        search = at + BREAK.len();
        let before = text[from..at].chars().next_back();
        let after = text[search..].chars().next();
        if before.is_some_and(is_of_word) || after.is_some_and(is_of_word) {
            continue;
        }
        parts.push(Part::plain(taken.part(from..at).trim_end()));
        parts.push(Part { text: taken.part(at..search), weight: -1.0 });
        from = text.len() - text[search..].trim_start().len();
        search = from;
    }
    parts.push(Part::plain(taken.part(from..text.len())));
}

fn multiply(parts: &mut [Part], by: f64) {
    parts.iter_mut().for_each(|part| part.weight *= by);
}

/// Parts of the same weight that follow each other are one.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match joined.last_mut().filter(|last| last.weight == part.weight) {
            Some(last) => last.text.push_all(&part.text),
            None => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_the_original() {
        let third = 1.1 * 1.1 * 1.1 * 1.1;
        for (text, expected) in [
            (
                "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
                vec![
                    ("a ", 1.0),
                    ("house", 1.3 * 1.1 * 1.1),
                    (" ", 1.1),
                    ("on", 1.0),
                    (" a ", 1.1),
                    ("hill", 0.55),
                    (", sun, ", 1.1),
                    ("sky", third),
                    (".", 1.1),
                ],
            ),
            ("(unbalanced", vec![("unbalanced", 1.1)]),
            ("a) b", vec![("a) b", 1.0)]),
            ("(a]", vec![("a]", 1.1)]),
            ("[a)", vec![("a)", 1.0 / 1.1)]),
            ("\\(literal\\]", vec![("(literal]", 1.0)]),
            ("(a\\):1.3)", vec![("a)", 1.3)]),
            ("\\a", vec![("a", 1.0)]),
            ("(unnecessary)(parens)", vec![("unnecessaryparens", 1.1)]),
            ("(a: 1.2 )", vec![("a", 1.2)]),
            ("(a:-0.5)", vec![("a", -0.5)]),
            ("(a:0)", vec![("a", 0.0)]),
            ("(a:+1.1)", vec![("a", 1.1)]),
            ("(a:1.2", vec![("a:1.2", 1.1)]),
            ("a:1.2)", vec![("a:1.2)", 1.0)]),
            ("[a:1.2]", vec![("a:1.2", 1.0 / 1.1)]),
            ("(a:1e1)", vec![("a:1e1", 1.1)]),
            ("(time 12:30)", vec![("time 12", 30.0)]),
            ("time 12:30", vec![("time 12:30", 1.0)]),
            ("(a:1.2:1.3)", vec![("a:1.2", 1.3)]),
            ("(a (b:1.5):0.8)", vec![("a ", 0.8), ("b", 1.5 * 0.8)]),
            ("a BREAK b", vec![("a", 1.0), ("BREAK", -1.0), ("b", 1.0)]),
            ("a BREAKb", vec![("a BREAKb", 1.0)]),
            ("(a BREAK b:1.3)", vec![("a", 1.3), ("BREAK", -1.3), ("b", 1.3)]),
            ("BREAK a", vec![("", 1.0), ("BREAK", -1.0), ("a", 1.0)]),
            ("", vec![("", 1.0)]),
            ("()", vec![("", 1.0)]),
            ("(:1.2)", vec![("", 1.0)]),
            ("(a:1.2.3)", vec![("a:1.2.3", 1.1)]),
        ] {
            let found = attention(&Excerpt::whole(text));
            let found: Vec<(&str, f64)> =
                found.iter().map(|part| (part.text.as_str(), part.weight)).collect();
            assert_eq!(found.len(), expected.len(), "{text:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-12, "{text:?}: {found:?}");
            }
        }
    }

    #[test]
    fn breaks_open_chunks_only_outside_weights() {
        let breaks =
            |text: &str| attention(&Excerpt::whole(text)).iter().filter(|part| part.is_break()).count();
        assert_eq!((breaks("a BREAK BREAK b"), breaks("(a BREAK b)"), breaks("a break b")), (2, 0, 0));
    }
}
