//! Weights changed by keys: of the selection, of the brackets or the tag around the cursor, else of the word there
//! (mirrors what `edit-attention.js` of A1111 does).
//!
//! Invariant: up and then down again gives the text back, but for brackets of the old kinds, which become numbers, and
//! a weight of 1, which has none.

use std::ops::Range;

/// One step of a weight.
const STEP: f64 = 0.1;
/// One step of a tag's strength.
const TAG_STEP: f64 = 0.05;
/// What brackets without a number multiply by.
const BRACKET: f64 = 1.1;

/// A text after a change, and what is selected in it then, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// The selection; empty where it is a cursor.
    pub selection: Range<usize>,
}

/// Makes what is selected in a prompt, or stands at the cursor, count more or less; none where nothing stands there.
pub fn reweigh(text: &str, selection: Range<usize>, more: bool) -> Option<Edited> {
    let range = text.get(selection.clone()).is_some().then_some(selection)?;
    let sign = if more { 1.0 } else { -1.0 };
    let weighted = if range.is_empty() {
        if let Some(tag) = tag_around(text, range.start) {
            return tag.changed(text, &range, sign * TAG_STEP);
        }
        Weighted::around(text, range.start).or_else(|| Weighted::bare(word_at(text, range.start)?))
    } else {
        Weighted::selected(text, trimmed(text, range.clone())?)
    };
    weighted?.changed(text, &range, sign * STEP)
}

/// What a weight is for, with the brackets that give it.
#[derive(Clone, Debug, PartialEq)]
struct Weighted {
    /// With its brackets.
    outer: Range<usize>,
    /// Without.
    inner: Range<usize>,
    weight: f64,
}

impl Weighted {
    /// Without brackets.
    fn bare(inner: Range<usize>) -> Option<Self> {
        Some(Self { outer: inner.clone(), inner, weight: 1.0 })
    }

    /// The innermost brackets around a cursor, if they weigh.
    fn around(text: &str, at: usize) -> Option<Self> {
        let holds = |pair: &&(usize, usize)| pair.0 < at && at <= pair.1;
        let pairs = pairs(text);
        let innermost = pairs.iter().filter(holds).max_by_key(|pair| pair.0)?;
        Self::of_pair(text, *innermost, &pairs)
    }

    /// Of a selection: with its brackets where it has some, inside or around it.
    fn selected(text: &str, range: Range<usize>) -> Option<Self> {
        let pairs = pairs(text);
        let found = pairs.iter().filter_map(|pair| Self::of_pair(text, *pair, &pairs));
        let is_meant = |it: &Self| it.outer == range || it.inner == range;
        found.into_iter().find(is_meant).or_else(|| Self::bare(range))
    }

    /// Of brackets: `(x:1.2)`, or `((x))` and `[[x]]` with all that follow each other; none for a schedule.
    fn of_pair(text: &str, (open, close): (usize, usize), pairs: &[(usize, usize)]) -> Option<Self> {
        let inner = open + 1..close;
        let round = text[open..].starts_with('(');
        if round && let Some((words, weight)) = number_behind(&text[inner.clone()]) {
            return Some(Self { outer: open..close + 1, inner: open + 1..open + 1 + words, weight });
        }
        let is_schedule = !round && text[inner.clone()].contains([':', '|']);
        if is_schedule || inner.is_empty() {
            return None;
        }
        let (mut outer, mut times) = (open..close + 1, 1);
        while outer.start > 0
            && pairs.contains(&(outer.start - 1, outer.end))
            && text[outer.start - 1..].starts_with(if round { '(' } else { '[' })
        {
            (outer, times) = (outer.start - 1..outer.end + 1, times + 1);
        }
        let weight = BRACKET.powi(if round { times } else { -times });
        Some(Self { outer, inner, weight: (weight * 10.0).round() / 10.0 })
    }

    fn changed(&self, text: &str, selection: &Range<usize>, by: f64) -> Option<Edited> {
        let weight = rounded(self.weight + by);
        let words = &text[self.inner.clone()];
        let (open, close) = match weight == 1.0 {
            true => ("", String::new()),
            false => ("(", format!(":{})", number(weight))),
        };
        let (before, after) = (&text[..self.outer.start], &text[self.outer.end..]);
        let start = before.len() + open.len();
        // A cursor stays where it was in the words; a selection is the words.
        let selection = match selection.is_empty() {
            true => {
                let at = start + selection.start.clamp(self.inner.start, self.inner.end) - self.inner.start;
                at..at
            }
            false => start..start + words.len(),
        };
        Some(Edited { text: [before, open, words, &close, after].concat(), selection })
    }
}

/// A tag with a strength.
#[derive(Clone, Debug, PartialEq)]
struct Tag {
    /// Where the number stands; empty where it is left out.
    number: Range<usize>,
    strength: f64,
}

/// The tag around a cursor, if it is one that has a strength.
fn tag_around(text: &str, at: usize) -> Option<Tag> {
    let open = text[..at].rfind('<')?;
    let close = open + text[open..].find('>')?;
    let inner = text[open + 1..close].split(':').collect::<Vec<_>>();
    if close < at || inner.len() < 2 {
        return None;
    }
    if inner.len() == 2 {
        return Some(Tag { number: close..close, strength: 1.0 });
    }
    let written = inner.last()?;
    let strength = written.trim().parse().ok().filter(|number: &f64| number.is_finite())?;
    Some(Tag { number: close - written.len()..close, strength })
}

impl Tag {
    fn changed(&self, text: &str, cursor: &Range<usize>, by: f64) -> Option<Edited> {
        let colon = if self.number.is_empty() { ":" } else { "" };
        let number = number(rounded(self.strength + by));
        let (before, after) = (&text[..self.number.start], &text[self.number.end..]);
        let end = before.len() + colon.len() + number.len();
        let at = cursor.start.min(end);
        Some(Edited { text: [before, colon, &number, after].concat(), selection: at..at })
    }
}

fn rounded(weight: f64) -> f64 {
    let weight = (weight * 100.0).round() / 100.0;
    if weight == 0.0 { 0.0 } else { weight }
}

/// A number as A1111 writes it: with a point.
fn number(weight: f64) -> String {
    if weight.fract() == 0.0 { format!("{weight:.1}") } else { weight.to_string() }
}

/// The bytes before `:1.2` at the end of a text, and the number.
fn number_behind(text: &str) -> Option<(usize, f64)> {
    let (words, number) = text.rsplit_once(':')?;
    let digits = number.trim();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    Some((words.len(), digits.parse().ok().filter(|_| is_number)?))
}

/// Brackets that belong together, `(` and `[`; those behind a backslash are letters.
fn pairs(text: &str) -> Vec<(usize, usize)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut found = Vec::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let closes = match letter {
            '\\' => {
                letters.next();
                continue;
            }
            '(' | '[' => {
                open.push((at, letter));
                continue;
            }
            ')' => '(',
            ']' => '[',
            _ => continue,
        };
        if let Some(place) = open.iter().rposition(|(_, letter)| *letter == closes) {
            found.push((open[place].0, at));
            open.truncate(place);
        }
    }
    found
}

/// What ends a word.
fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || ",.;:!?()[]{}<>|\\/^%*=`~\"".contains(letter)
}

/// The word that a cursor stands in or at the end of.
fn word_at(text: &str, at: usize) -> Option<Range<usize>> {
    let start = text[..at].char_indices().rev().find(|(_, letter)| ends_word(*letter));
    let start = start.map_or(0, |(place, letter)| place + letter.len_utf8());
    let end = text[at..].find(ends_word).map_or(text.len(), |length| at + length);
    (start < end).then_some(start..end)
}

/// A range without blanks at its ends; none where it is nothing else.
fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let chosen = &text[range.clone()];
    let start = range.start + chosen.len() - chosen.trim_start().len();
    let end = start + chosen.trim().len();
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text whose selection stands between `«` and `»`, or whose cursor is `|`.
    fn read(marked: &str) -> (String, Range<usize>) {
        match marked.find('«') {
            Some(start) => {
                let text = marked.replacen('«', "", 1);
                let end = text.find('»').unwrap();
                (text.replacen('»', "", 1), start..end)
            }
            None => {
                let at = marked.find('|').unwrap();
                (marked.replacen('|', "", 1), at..at)
            }
        }
    }

    fn mark(edited: &Edited) -> String {
        let (mut text, Range { start, end }) = (edited.text.clone(), edited.selection.clone());
        if start == end {
            text.insert(start, '|');
        } else {
            text.insert(end, '»');
            text.insert(start, '«');
        }
        text
    }

    fn pressed(marked: &str, more: bool) -> Option<String> {
        let (text, selection) = read(marked);
        reweigh(&text, selection, more).as_ref().map(mark)
    }

    #[test]
    fn words_selections_brackets_and_tags_are_weighed() {
        for (before, up, down) in [
            ("a r|ed fox", "a (r|ed:1.1) fox", "a (r|ed:0.9) fox"),
            ("a red| fox", "a (red|:1.1) fox", "a (red|:0.9) fox"),
            ("a (r|ed:1.1) fox", "a (r|ed:1.2) fox", "a r|ed fox"),
            ("a (red fox:1|.9), x", "a (red fox|:2.0), x", "a (red fox|:1.8), x"),
            ("a (red:0.9|) fox", "a red| fox", "a (red|:0.8) fox"),
            ("«a red »fox", "(«a red»:1.1) fox", "(«a red»:0.9) fox"),
            ("(«red»:1.1) fox", "(«red»:1.2) fox", "«red» fox"),
            ("«(red:1.1)» fox", "(«red»:1.2) fox", "«red» fox"),
            ("((r|ed)) fox", "(r|ed:1.3) fox", "(r|ed:1.1) fox"),
            ("[r|ed] fox", "r|ed fox", "(r|ed:0.8) fox"),
            ("[r|ed:blue:5]", "[(r|ed:1.1):blue:5]", "[(r|ed:0.9):blue:5]"),
            ("(a (r|ed:1.5):0.8)", "(a (r|ed:1.6):0.8)", "(a (r|ed:1.4):0.8)"),
            ("(|a (red:1.5):0.8)", "(|a (red:1.5):0.9)", "(|a (red:1.5):0.7)"),
            ("(re|d", "((re|d:1.1)", "((re|d:0.9)"),
            (r"\(re|d\)", r"\((re|d:1.1)\)", r"\((re|d:0.9)\)"),
            ("<lora:in|k:0.8>", "<lora:in|k:0.85>", "<lora:in|k:0.75>"),
            ("<lora:ink|>", "<lora:ink|:1.05>", "<lora:ink|:0.95>"),
            ("<lora:ink:0.95|>", "<lora:ink:1.0|>", "<lora:ink:0.9|>"),
            ("{re|d|blue}", "{(re|d:1.1)|blue}", "{(re|d:0.9)|blue}"),
            ("__ani|mal__", "(__ani|mal__:1.1)", "(__ani|mal__:0.9)"),
            ("一只红|狐", "(一只红|狐:1.1)", "(一只红|狐:0.9)"),
            ("(x|:0.1)", "(x|:0.2)", "(x|:0.0)"),
            ("(x|:0.0)", "(x|:0.1)", "(x|:-0.1)"),
        ] {
            assert_eq!(pressed(before, true).as_deref(), Some(up), "{before}");
            assert_eq!(pressed(before, false).as_deref(), Some(down), "{before}");
        }
    }

    #[test]
    fn where_nothing_stands_nothing_changes() {
        for nothing in ["|", "a | b", "a «  » b", "()|", "a, |"] {
            assert_eq!(pressed(nothing, true), None, "{nothing:?}");
        }
        assert_eq!(reweigh("é", 1..1, true), None);
        assert_eq!(reweigh("a", 0..9, true), None);
    }

    #[test]
    fn up_and_down_again_gives_the_text_back() {
        for marked in ["a r|ed fox", "a «red fox» b", "(x|:1.3)", "<lora:a:0.5|>"] {
            let (text, selection) = read(marked);
            let up = reweigh(&text, selection.clone(), true).unwrap();
            let down = reweigh(&up.text, up.selection.clone(), false).unwrap();
            assert_eq!(down, Edited { text, selection }, "{marked}");
        }
    }
}
