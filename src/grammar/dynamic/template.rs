//! `Template`: a prompt's plain text, choices and wildcards, each with its bytes.
//!
//! Trap: nothing here fails. A brace that opens no choice is a letter, and so is one that is not closed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::lists::weight_before;

/// A text and what in it is left to the seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// Its pieces, in their order.
    pub pieces: Vec<Piece>,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Plain text.
    Text(Range<usize>),
    /// A line of a list.
    Wildcard {
        /// All of it, with `__` on both sides.
        place: Range<usize>,
        /// The list's name.
        name: String,
    },
    /// Some of several texts.
    Choice {
        /// All of it, with its braces.
        place: Range<usize>,
        /// How many are taken, at least and at most.
        count: [usize; 2],
        /// What stands between those that are taken.
        between: String,
        /// What there is to choose from.
        options: Vec<Choosable>,
    },
}

/// One of the texts of a choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Choosable {
    /// How often it is chosen, beside the others.
    pub weight: f64,
    /// What it says.
    pub template: Template,
}

impl Template {
    /// Reads a text.
    pub fn read(text: &str) -> Self {
        Reader { text, at: 0, signs: Signs::of(text) }.pieces(text.len())
    }

    /// Whether it leaves nothing to the seed.
    pub fn is_plain(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// The bytes of its plain text, that of choices included.
    pub fn texts(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.visit(&mut |piece| {
            if let Piece::Text(range) = piece {
                found.push(range.clone());
            }
        });
        found
    }

    /// Goes through all pieces, those in choices included.
    pub fn visit<'a>(&'a self, look: &mut impl FnMut(&'a Piece)) {
        for piece in &self.pieces {
            look(piece);
            if let Piece::Choice { options, .. } = piece {
                options.iter().for_each(|option| option.template.visit(look));
            }
        }
    }
}

/// What stands between the texts of a choice where nothing is said.
const BETWEEN: &str = ", ";
/// Braces in braces, at most.
const DEPTH_MAX: usize = 32;

/// Where the choices of a text open and close, and their bars.
#[derive(Default)]
struct Signs {
    closing: BTreeMap<usize, usize>,
    bars: BTreeSet<usize>,
}

/// Braces that are open.
struct Level {
    open: usize,
    /// The bars so far, and in how many square brackets each stands.
    bars: Vec<(usize, usize)>,
    brackets: usize,
}

impl Signs {
    /// One pass over the text: a choice is a pair of braces with a bar of its own, or a count.
    fn of(text: &str) -> Self {
        let (mut signs, mut levels): (Self, Vec<Level>) = Default::default();
        let mut at = 0;
        while let Some(letter) = text[at..].chars().next() {
            match (letter, levels.last_mut()) {
                ('{', _) => levels.push(Level { open: at, bars: Vec::new(), brackets: 0 }),
                ('|', Some(level)) => level.bars.push((at, level.brackets)),
                ('[', Some(level)) => level.brackets += 1,
                (']', Some(level)) if level.brackets > 0 => {
                    // The bars of `[a|b]` are its own.
                    level.bars.retain(|(_, brackets)| *brackets < level.brackets);
                    level.brackets -= 1;
                }
                ('}', Some(_)) => signs.close(text, &mut levels, at),
                _ => {}
            }
            at += plain(&text[at..], letter);
        }
        signs
    }

    fn close(&mut self, text: &str, levels: &mut Vec<Level>, at: usize) {
        let depth = levels.len();
        let Some(Level { open, bars, .. }) = levels.pop() else { return };
        let counts = || count_at(&text[open + 1..at]).is_some();
        if depth <= DEPTH_MAX && (!bars.is_empty() || counts()) {
            self.closing.insert(open, at);
            self.bars.extend(bars.into_iter().map(|(bar, _)| bar));
        }
    }
}

/// Bytes of text that begin with a letter: with what stands behind a backslash, or a whole comment.
fn plain(rest: &str, letter: char) -> usize {
    match letter {
        '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        '#' => rest.find('\n').unwrap_or(rest.len()),
        _ => letter.len_utf8(),
    }
}

/// The text up to the next sign: a weight or a count stands there, or none does.
fn ahead(rest: &str) -> &str {
    &rest[..rest.find(['{', '|', '}', '[', '\\', '#', '\n']).unwrap_or(rest.len())]
}

/// `2$$` or `1-3$$`, and what stands between behind it (` and $$`); with the bytes of both.
fn count_at(inside: &str) -> Option<([usize; 2], String, usize)> {
    let (written, behind) = ahead(inside).split_once("$$")?;
    let number = |text: &str| text.trim().parse::<usize>();
    let count = match written.split_once('-') {
        None => {
            let count = number(written).ok()?;
            [count, count]
        }
        Some((least, most)) => {
            let least = if least.trim().is_empty() { 0 } else { number(least).ok()? };
            let most = if most.trim().is_empty() { usize::MAX } else { number(most).ok()? };
            [least.min(most), most.max(least)]
        }
    };
    let length = written.len() + 2;
    Some(match behind.split_once("$$") {
        Some((between, _)) => (count, between.to_owned(), length + between.len() + 2),
        None => (count, BETWEEN.to_owned(), length),
    })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    signs: Signs,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// As many pieces as there are before `end`; within a choice up to its next bar.
    fn pieces(&mut self, end: usize) -> Template {
        let (mut pieces, mut from) = (Vec::new(), self.at);
        while self.at < end && !self.signs.bars.contains(&self.at) {
            let start = self.at;
            let Some(letter) = self.rest().chars().next() else { break };
            let found = match letter {
                '{' => self.choice(),
                '_' => self.wildcard(),
                _ => None,
            };
            match found {
                Some(piece) => {
                    push_text(&mut pieces, from..start);
                    pieces.push(piece);
                    from = self.at;
                }
                None => self.at += plain(self.rest(), letter),
            }
        }
        push_text(&mut pieces, from..self.at);
        Template { pieces }
    }

    fn choice(&mut self) -> Option<Piece> {
        let (open, close) = (self.at, *self.signs.closing.get(&self.at)?);
        self.at += 1;
        let told = count_at(&self.text[self.at..close]);
        let (count, between, length) = told.unwrap_or(([1, 1], BETWEEN.to_owned(), 0));
        self.at += length;
        let mut options = Vec::new();
        loop {
            let written = ahead(&self.text[self.at..close]);
            let (weight, words) = weight_before(written);
            self.at += written.len() - words.len();
            options.push(Choosable { weight, template: self.pieces(close) });
            if self.at >= close {
                break;
            }
            self.at += 1;
        }
        self.at = close + 1;
        Some(Piece::Choice { place: open..close + 1, count, between, options })
    }

    fn wildcard(&mut self) -> Option<Piece> {
        let rest = self.rest().strip_prefix("__")?;
        let name = &rest[..rest.find("__").filter(|length| *length > 0)?];
        let may = |letter: char| letter.is_alphanumeric() || "_-/\\.* ".contains(letter);
        let is_name = name.chars().all(may) && name.trim() == name && !name.starts_with('_');
        let place = self.at..self.at + name.len() + 4;
        is_name.then(|| {
            self.at = place.end;
            Piece::Wildcard { place, name: name.to_owned() }
        })
    }
}

fn push_text(pieces: &mut Vec<Piece>, range: Range<usize>) {
    if !range.is_empty() {
        pieces.push(Piece::Text(range));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A template as it was read: texts in quotes, choices and wildcards with what is known of them.
    fn told(text: &str, template: &Template) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(range) => format!("{:?}", &text[range.clone()]),
            Piece::Wildcard { name, place } => format!("_{name}_{}", place.len()),
            Piece::Choice { count, between, options, .. } => {
                let options: Vec<String> =
                    options.iter().map(|it| format!("{}×{}", it.weight, told(text, &it.template))).collect();
                format!("{count:?}{between:?}({})", options.join("|"))
            }
        };
        template.pieces.iter().map(piece).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn choices_and_wildcards_are_read() {
        let one = "[1, 1]\", \"";
        for (text, expected) in [
            ("a fox", "\"a fox\"".to_owned()),
            ("", String::new()),
            ("a {b|c} d", format!("\"a \" {one}(1×\"b\"|1×\"c\") \" d\"")),
            ("{|a}", format!("{one}(1×|1×\"a\")")),
            ("{2::a|0.5::b|c}", format!("{one}(2×\"a\"|0.5×\"b\"|1×\"c\")")),
            ("{a|{b|c} d}", format!("{one}(1×\"a\"|1×{one}(1×\"b\"|1×\"c\") \" d\")")),
            ("{2$$a|b}", "[2, 2]\", \"(1×\"a\"|1×\"b\")".to_owned()),
            ("{1-3$$ and $$a|b}", "[1, 3]\" and \"(1×\"a\"|1×\"b\")".to_owned()),
            ("{-2$$a|b}", "[0, 2]\", \"(1×\"a\"|1×\"b\")".to_owned()),
            ("{1-$$a}", format!("[1, {}]\", \"(1×\"a\")", usize::MAX)),
            ("__a__ __b c/d-e__", "_a_5 \" \" _b c/d-e_11".to_owned()),
            ("__hair_color__s", "_hair_color_14 \"s\"".to_owned()),
            ("{__a__|b}", format!("{one}(1×_a_5|1×\"b\")")),
            ("{x {y} z|c}", format!("{one}(1×\"x {{y}} z\"|1×\"c\")")),
            ("{a {b|c}", format!("\"{{a \" {one}(1×\"b\"|1×\"c\")")),
            ("{a [|b}", format!("{one}(1×\"a [\"|1×\"b\")")),
            ("{[a|b]|c}", format!("{one}(1×\"[a|b]\"|1×\"c\")")),
            ("<lora:{a|b}:1>", format!("\"<lora:\" {one}(1×\"a\"|1×\"b\") \":1>\"")),
        ] {
            assert_eq!(told(text, &Template::read(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_choice_stands_for_itself() {
        for text in [
            "{a}",
            "{{best}}",
            "{a|b",
            "a|b}",
            "}{",
            r"\{a|b\}",
            "# {a|b} __c__",
            "a # __c__",
            "____",
            "__ a__ b__",
            "snake__case",
            "__a(b)__",
            "_a_",
            r"\__a__",
            "{",
            "{}",
            "$$",
            "{a$$b}",
        ] {
            assert!(Template::read(text).is_plain(), "{text:?}");
            assert_eq!(Template::read(text).texts().concat_len(), text.len(), "{text:?}");
        }
        let deep = |count| "{a|".repeat(count) + "b" + &"}".repeat(count);
        assert!(!Template::read(&deep(20)).is_plain());
        for text in [deep(20_000), "{a|".repeat(20_000), "{".repeat(20_000) + &"}".repeat(20_000)] {
            Template::read(&text);
        }
    }

    trait Lengths {
        fn concat_len(&self) -> usize;
    }

    impl Lengths for Vec<Range<usize>> {
        fn concat_len(&self) -> usize {
            self.iter().map(ExactSizeIterator::len).sum()
        }
    }
}
