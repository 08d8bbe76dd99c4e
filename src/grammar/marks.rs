//! Marks: what each byte of a prompt is, for those who show it.
//!
//! Invariant: marks cover the whole text, in order, and are found the way the text is read for a picture, so what is
//! shown is what acts.

use std::ops::Range;

use super::alternatives::{alternatives, is_of_word};
use super::attention::attention;
use super::dynamic::{Piece, Template};
use super::excerpt::Excerpt;
use super::schedule::{Steps, schedule};
use super::{comments, tags};

/// What some bytes of a prompt are.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// Words that count so much; 1 is plain.
    Words(f64),
    /// Words that act in no step.
    Idle,
    /// Brackets, colons and numbers of weights and schedules.
    Sign,
    /// `BREAK` and `AND`.
    Keyword,
    /// A tag that names a LoRA.
    Tag,
    /// Between angle brackets, and nothing that is known here: it is read as words.
    Unknown,
    /// What stands behind a `#`.
    Comment,
    /// Braces, bars, counts and weights of choices.
    Choice,
    /// The name of a list.
    Wildcard(String),
}

/// A mark and the bytes that it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Marked {
    /// The bytes.
    pub range: Range<usize>,
    /// What they are.
    pub mark: Mark,
}

/// Marks a prompt that is read as A1111 reads it, for a run of so many steps.
pub fn marks(text: &str, steps: usize) -> Vec<Marked> {
    let mut bytes = vec![Mark::Comment; text.len()];
    let said = comments::without_comments(&Excerpt::whole(text));
    fill(&mut bytes, &said, &Mark::Choice);
    let template = Template::read(said.as_str());
    let mut words = Excerpt::default();
    template.visit(&mut |piece| match piece {
        // Between words, the name of a list is a word.
        Piece::Text(range) | Piece::Wildcard { place: range, .. } => words.push(&said, range.clone()),
        Piece::Choice { .. } => {}
    });
    fill(&mut bytes, &words, &Mark::Tag);
    let prompt = tags::take_out(&words).text;
    mark_prompts(&mut bytes, &prompt, steps);
    mark_unknown(&mut bytes, &prompt);
    template.visit(&mut |piece| {
        if let Piece::Wildcard { place, name } = piece {
            fill(&mut bytes, &said.part(place.clone()), &Mark::Wildcard(name.clone()));
        }
    });
    joined(text, &bytes)
}

fn fill(bytes: &mut [Mark], text: &Excerpt, mark: &Mark) {
    (0..text.len()).for_each(|at| bytes[text.place(at)] = mark.clone());
}

/// Marks the prompts that act together; between them stands `AND`, behind them their weights.
fn mark_prompts(bytes: &mut [Mark], text: &Excerpt, steps: usize) {
    for (at, byte) in text.as_str().bytes().enumerate() {
        bytes[text.place(at)] = if byte.is_ascii_alphabetic() { Mark::Keyword } else { Mark::Sign };
    }
    for alternative in alternatives(text) {
        mark_words(bytes, &alternative.text, steps);
    }
}

/// Marks a prompt by all texts that it is over the steps.
fn mark_words(bytes: &mut [Mark], text: &Excerpt, steps: usize) {
    for (at, letter) in text.as_str().char_indices() {
        let is_sign = letter.is_ascii_digit() || "[]:|.+-".contains(letter);
        let mark = if is_sign { Mark::Sign } else { Mark::Idle };
        fill(bytes, &text.part(at..at + letter.len_utf8()), &mark);
    }
    let mut parts = Vec::new();
    for segment in schedule(text, Steps { steps, before: None }) {
        fill(bytes, &segment.text, &Mark::Sign);
        parts.extend(attention(&segment.text));
    }
    for part in &parts {
        let mark = if part.is_break() { Mark::Keyword } else { Mark::Words(part.weight) };
        fill(bytes, &part.text, &mark);
    }
}

/// Marks what looks like a tag and is none.
fn mark_unknown(bytes: &mut [Mark], text: &Excerpt) {
    let (written, mut from) = (text.as_str(), 0);
    while let Some(open) = written[from..].find('<').map(|open| from + open) {
        from = open + 1;
        let Some((inner, _)) = written[from..].split_once('>') else { return };
        let kind = inner.split_once(':').map(|(kind, _)| kind);
        if kind.is_some_and(|kind| !kind.is_empty() && kind.chars().all(is_of_word)) {
            fill(bytes, &text.part(open..from + inner.len() + 1), &Mark::Unknown);
            from += inner.len() + 1;
        }
    }
}

/// Bytes of the same mark together.
fn joined(text: &str, bytes: &[Mark]) -> Vec<Marked> {
    let mut found: Vec<Marked> = Vec::new();
    for (at, _) in text.char_indices() {
        match found.last_mut().filter(|last| last.mark == bytes[at]) {
            Some(last) => last.range.end = at + 1,
            None => found.push(Marked { range: at..at + 1, mark: bytes[at].clone() }),
        }
    }
    // Each ends where the next one begins: letters have several bytes.
    let starts: Vec<usize> = found.iter().map(|marked| marked.range.start).skip(1).collect();
    for (marked, end) in found.iter_mut().zip(starts.into_iter().chain([text.len()])) {
        marked.range.end = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with each mark's letters behind a sign of its own.
    fn told(text: &str) -> String {
        let told = |marked: Marked| {
            let letters = &text[marked.range];
            match marked.mark {
                Mark::Words(1.0) => letters.to_owned(),
                Mark::Words(weight) => format!("«{letters}{weight:.2}»"),
                Mark::Idle => format!("idle({letters})"),
                Mark::Sign => format!("‹{letters}›"),
                Mark::Keyword => format!("key({letters})"),
                Mark::Tag => format!("tag({letters})"),
                Mark::Unknown => format!("unknown({letters})"),
                Mark::Comment => format!("note({letters})"),
                Mark::Choice => format!("or({letters})"),
                Mark::Wildcard(name) => format!("list({name})"),
            }
        };
        marks(text, 10).into_iter().map(told).collect()
    }

    #[test]
    fn prompts_are_marked_as_they_are_read() {
        for (text, expected) in [
            ("", ""),
            ("a fox", "a fox"),
            ("a (red:1.2) fox", "a ‹(›«red1.20»‹:1.2)› fox"),
            ("((é))[b]", "‹((›«é1.21»‹))[›«b0.91»‹]›"),
            (r"\(a\)", r"‹\›(a‹\›)"),
            ("a BREAK b", "a‹ ›key(BREAK)‹ ›b"),
            ("a:1.2 AND b", "a‹:1.2 ›key(AND) b"),
            ("[a:b:5] c", "‹[›a‹:›b‹:5]› c"),
            ("[a:b:99] c", "‹[›a‹:›idle(b)‹:99]› c"),
            ("[a|(b:2)]", "‹[›a‹|(›«b2.00»‹:2)]›"),
            ("a <lora:x:1>, <s:1> <3", "a tag(<lora:x:1>), unknown(<s:1>) <3"),
            (
                "a # (b)
c",
                "a note(# (b))
c",
            ),
            (
                "{2::red|({blue|sky}:1.2)} a",
                "or({2::)redor(|)‹(›or({)«blue1.20»or(|)«sky1.20»or(})‹:1.2)›or(}) a",
            ),
            ("(__pet__:1.2) # __b__", "‹(›list(pet)‹:1.2) ›note(# __b__)"),
            ("a | b", "a | b"),
        ] {
            assert_eq!(told(text), expected, "{text:?}");
        }
    }

    #[test]
    fn marks_cover_the_text() {
        for text in
            ["一只 (红:1.2) 狐", "{a|[b:c:3] <lora:x>} # d", "((((", "a AND b:2 AND (c", "BREAK BREAK"]
        {
            let found = marks(text, 25);
            assert_eq!((found[0].range.start, found[found.len() - 1].range.end), (0, text.len()));
            assert!(found.windows(2).all(|two| two[0].range.end == two[1].range.start), "{text}");
            assert!(found.iter().all(|marked| text.get(marked.range.clone()).is_some()), "{text}");
        }
    }
}
