//! Schedules: `[from:to:when]`, `[to:when]`, `[from::when]` and `[a|b]` (mirrors `get_learned_conditioning_prompt_
//! schedules` of A1111's `prompt_parser.py`, as its grammar resolves what can be read in two ways).
//!
//! Traps: calls count from 0 and a segment that ends at k covers calls 0 to k, one more than it says; `when` with a
//! point is a share of the steps, without one it is a step; a text that the grammar refuses stands for itself whole.

use std::ops::Range;

use super::excerpt::Excerpt;

/// The steps that a schedule is laid out over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Steps of this pass.
    pub steps: usize,
    /// Steps of the pass before it, where this one makes its picture larger: shares of 1 to 2 are this pass's then,
    /// and steps count on.
    pub before: Option<usize>,
}

/// A text and how long it acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The last call of the network that it acts in, from 0; the last segment's is the number of steps.
    pub until: usize,
    /// The text, whose weights are still in it.
    pub text: Excerpt,
}

/// A text over the steps of a run; at least one segment.
pub fn schedule(prompt: &Excerpt, steps: Steps) -> Vec<Segment> {
    let whole = || vec![Segment { until: steps.steps, text: prompt.clone() }];
    let text = prompt.as_str();
    let Some(nodes) = (Reader { text, at: 0 }).all() else { return whole() };
    let mut ends = vec![steps.steps];
    nodes.iter().for_each(|node| node.ends(steps, &mut ends));
    ends.sort_unstable();
    ends.dedup();
    let at = |until: usize| {
        let mut text = Excerpt::default();
        nodes.iter().for_each(|node| node.write(prompt, until, steps, &mut text));
        Segment { until, text }
    };
    ends.into_iter().map(at).collect()
}

/// A piece of a prompt.
#[derive(Debug)]
enum Node<'a> {
    /// The bytes of a plain text.
    Text(Range<usize>),
    /// Brackets, colons between them, and what stands between these.
    Brackets(Vec<Range<usize>>, Vec<Vec<Node<'a>>>),
    Scheduled {
        from: Vec<Node<'a>>,
        to: Vec<Node<'a>>,
        when: &'a str,
    },
    Alternate(Vec<Vec<Node<'a>>>),
}

impl Node<'_> {
    /// The steps after which something changes.
    fn ends(&self, steps: Steps, ends: &mut Vec<usize>) {
        match self {
            Self::Text(_) => (),
            Self::Brackets(_, insides) => {
                insides.iter().flatten().for_each(|node| node.ends(steps, ends));
            }
            Self::Scheduled { from, to, when } => {
                from.iter().chain(to).for_each(|node| node.ends(steps, ends));
                if let Ok(end) = usize::try_from(end_of(when, steps))
                    && end >= 1
                {
                    ends.push(end);
                }
            }
            Self::Alternate(texts) => {
                texts.iter().flatten().for_each(|node| node.ends(steps, ends));
                ends.extend(1..=steps.steps);
            }
        }
    }

    /// Writes what stands there in the segment that ends after `step`.
    fn write(&self, prompt: &Excerpt, step: usize, steps: Steps, text: &mut Excerpt) {
        match self {
            Self::Text(plain) => text.push(prompt, plain.clone()),
            Self::Brackets(signs, insides) => {
                let mut insides = insides.iter();
                for sign in signs {
                    text.push(prompt, sign.clone());
                    insides
                        .next()
                        .into_iter()
                        .flatten()
                        .for_each(|node| node.write(prompt, step, steps, text));
                }
            }
            Self::Scheduled { from, to, when } => {
                let is_before = step as i64 <= end_of(when, steps);
                let nodes = if is_before { from } else { to };
                nodes.iter().for_each(|node| node.write(prompt, step, steps, text));
            }
            Self::Alternate(texts) => {
                let turn = step.saturating_sub(1) % texts.len().max(1);
                let taken = texts.iter().skip(turn).take(1).flatten();
                taken.for_each(|node| node.write(prompt, step, steps, text));
            }
        }
    }
}

/// The step that `when` names, at most the last one.
fn end_of(when: &str, steps: Steps) -> i64 {
    let Ok(number) = when.parse::<f64>() else { return 0 };
    let (number, scale) = match (steps.before, when.contains('.')) {
        (None, true) => (number, steps.steps as f64),
        (Some(_), true) => (number - 1.0, steps.steps as f64),
        (Some(before), false) => (number - before as f64, 1.0),
        (None, false) => (number, 1.0),
    };
    ((number * scale) as i64).min(steps.steps as i64)
}

/// Reads from the front, and stays where it was if what it looked for is not there.
#[derive(Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// A whole text. None if the grammar refuses it: a bar or a backslash that belongs to nothing.
    fn all(mut self) -> Option<Vec<Node<'a>>> {
        let mut nodes = Vec::new();
        while !self.rest().is_empty() {
            let node = self.node().or_else(|| {
                let loose = self.rest().starts_with(['[', ']', '(', ')', ':']);
                loose.then(|| Node::Text(self.take(1)))
            });
            nodes.push(node?);
        }
        Some(nodes)
    }

    /// As much as can stand between brackets.
    fn prompt(&mut self) -> Vec<Node<'a>> {
        std::iter::from_fn(|| self.node()).collect()
    }

    fn node(&mut self) -> Option<Node<'a>> {
        match self.rest().chars().next()? {
            '[' => self.scheduled().or_else(|| self.alternate()).or_else(|| self.brackets("[", "]")),
            '(' => self.brackets("(", ")"),
            _ => self.plain().map(Node::Text),
        }
    }

    fn scheduled(&mut self) -> Option<Node<'a>> {
        let mut reader = *self;
        reader.skip("[")?;
        let first = reader.prompt();
        reader.skip(":")?;
        let mut single = reader;
        let (from, to, when) = match single.when() {
            Some(when) => {
                reader = single;
                (Vec::new(), first, when)
            }
            None => {
                let second = reader.prompt();
                reader.skip(":")?;
                (first, second, reader.when()?)
            }
        };
        *self = reader;
        Some(Node::Scheduled { from, to, when })
    }

    /// A number, the blanks around it and the bracket behind it.
    fn when(&mut self) -> Option<&'a str> {
        let mut reader = *self;
        reader.skip_blanks();
        let rest = reader.rest();
        let number = &rest[..rest.find(|letter: char| letter == ']' || letter.is_whitespace())?];
        let begins = number.starts_with(|letter: char| letter.is_ascii_digit() || "+-.".contains(letter));
        number.parse::<f64>().ok().filter(|number| begins && number.is_finite())?;
        reader.at += number.len();
        reader.skip_blanks();
        reader.skip("]")?;
        *self = reader;
        Some(number)
    }

    fn alternate(&mut self) -> Option<Node<'a>> {
        let mut reader = *self;
        reader.skip("[")?;
        let mut texts = vec![reader.prompt()];
        while reader.skip("|").is_some() {
            texts.push(reader.prompt());
        }
        reader.skip("]")?;
        if texts.len() < 2 {
            return None;
        }
        *self = reader;
        Some(Node::Alternate(texts))
    }

    /// Brackets around a prompt; round ones may have a second behind a colon.
    fn brackets(&mut self, open: &str, close: &str) -> Option<Node<'a>> {
        let mut reader = *self;
        let mut signs = vec![reader.skip(open)?];
        let mut insides = vec![reader.prompt()];
        if open == "("
            && let Some(colon) = reader.skip(":")
        {
            signs.push(colon);
            insides.push(reader.prompt());
        }
        signs.push(reader.skip(close)?);
        *self = reader;
        Some(Node::Brackets(signs, insides))
    }

    /// Text up to a bracket, a colon or a bar; what stands behind a backslash is text.
    fn plain(&mut self) -> Option<Range<usize>> {
        let mut length = 0;
        let mut letters = self.rest().char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '[' | ']' | '(' | ')' | ':' | '|' => break,
                '\\' => match letters.next() {
                    Some((next, letter)) if letter != '\n' => length = next + letter.len_utf8(),
                    _ => break,
                },
                _ => length = at + letter.len_utf8(),
            }
        }
        (length > 0).then(|| self.take(length))
    }

    fn skip(&mut self, text: &str) -> Option<Range<usize>> {
        self.rest().starts_with(text).then(|| self.take(text.len()))
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, length: usize) -> Range<usize> {
        self.at += length;
        self.at - length..self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten(text: &str) -> Vec<(usize, String)> {
        of(text, Steps { steps: 10, before: None })
    }

    fn of(text: &str, steps: Steps) -> Vec<(usize, String)> {
        let segments = schedule(&Excerpt::whole(text), steps);
        segments.into_iter().map(|segment| (segment.until, segment.text.as_str().to_owned())).collect()
    }

    #[test]
    fn schedules_are_those_of_the_original() {
        for (text, expected) in [
            ("test", vec![(10, "test")]),
            ("a [b:3]", vec![(3, "a "), (10, "a b")]),
            ("a [b: 3]", vec![(3, "a "), (10, "a b")]),
            ("a [[[b]]:2]", vec![(2, "a "), (10, "a [[b]]")]),
            ("[(a:2):3]", vec![(3, ""), (10, "(a:2)")]),
            ("a [b : c : 1] d", vec![(1, "a b  d"), (10, "a  c  d")]),
            ("a[b:[c:d:2]:1]e", vec![(1, "abe"), (2, "ace"), (10, "ade")]),
            ("a [unbalanced", vec![(10, "a [unbalanced")]),
            ("a [b:.5] c", vec![(5, "a  c"), (10, "a b c")]),
            ("a [{b|d{:.5] c", vec![(10, "a [{b|d{:.5] c")]),
            ("((a][:b:c [d:3]", vec![(3, "((a][:b:c "), (10, "((a][:b:c d")]),
            ("[a:b:1]", vec![(1, "a"), (10, "b")]),
            ("[a:b:1.0]", vec![(10, "a")]),
            ("[a:b:0]", vec![(10, "b")]),
            ("[a:b:-1]", vec![(10, "b")]),
            ("[a:b:0.05]", vec![(10, "b")]),
            ("[a:b:99]", vec![(10, "a")]),
            ("[a:5]", vec![(5, ""), (10, "a")]),
            ("[a::5]", vec![(5, "a"), (10, "")]),
            ("[12:30]", vec![(10, "")]),
            ("[a:b:c]", vec![(10, "[a:b:c]")]),
            ("([a:b:0.5]:1.3)", vec![(5, "(a:1.3)"), (10, "(b:1.3)")]),
            ("[a\\:b:c:0.5]", vec![(5, "a\\:b"), (10, "c")]),
            ("[a|b:1.2]", vec![(10, "[a|b:1.2]")]),
            ("a | [b:5]", vec![(10, "a | [b:5]")]),
            ("a \\", vec![(10, "a \\")]),
            ("[a:b:1e1]", vec![(10, "a")]),
            ("[a:b:nan]", vec![(10, "[a:b:nan]")]),
        ] {
            let expected: Vec<(usize, String)> =
                expected.into_iter().map(|(until, text)| (until, text.to_owned())).collect();
            assert_eq!(ten(text), expected, "{text:?}");
        }
    }

    #[test]
    fn alternatives_take_turns() {
        let texts =
            |text: &str| -> Vec<String> { ten(text).into_iter().map(|(_, text)| text).take(5).collect() };
        assert_eq!(texts("[a|(b:1.1)]"), ["a", "(b:1.1)", "a", "(b:1.1)", "a"]);
        assert_eq!(texts("[fe|]male"), ["female", "male", "female", "male", "female"]);
        assert_eq!(texts("[fe|||]male"), ["female", "male", "male", "male", "female"]);
        assert_eq!(texts("[a|[b|c]]"), ["a", "c", "a", "c", "a"]);
    }

    #[test]
    fn a_second_pass_counts_on() {
        let second = Steps { steps: 10, before: Some(10) };
        let texts = |text: &str| of(text, second);
        assert_eq!(texts("[a:b:0.5]"), [(10, "b".to_owned())]);
        for text in ["[a:b:1.5]", "[a:b:15]"] {
            assert_eq!(texts(text), [(5, "a".to_owned()), (10, "b".to_owned())], "{text:?}");
        }
    }
}
