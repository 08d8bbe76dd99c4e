//! Templates to the text of one picture.

use super::draws::Draws;
use super::error::DynamicError;
use super::lists::{Entry, Lists};
use super::template::{Choosable, Piece, Template};
use crate::grammar::Excerpt;
use crate::settings::{PromptGrammar, Settings};

/// Lists in lists, at most.
const DEPTH_MAX: usize = 24;
/// The longest text, in bytes.
const BYTES_MAX: usize = 100_000;
/// Names of lists that a sentence tells, at most.
const NAMED_MAX: usize = 8;

/// Which text of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// What the picture shall show.
    Prompt,
    /// What it shall not show.
    Negative,
}

/// A text with its choices made by a seed. What comes from lists stands where its wildcard does.
///
/// # Errors
/// If a list is missing, empty or endless, or the text grows too long.
pub fn expand(text: &str, which: Which, seed: u64, lists: &Lists) -> Result<Excerpt, DynamicError> {
    let template = Template::read(text);
    let whole = Excerpt::whole(text);
    if template.is_plain() {
        return Ok(whole);
    }
    let stream = if which == Which::Prompt { 1 } else { 2 };
    let mut expansion = Expansion { lists, draws: Draws::new(seed, stream), bytes: 0 };
    let mut made = Excerpt::default();
    expansion.write(&whole, &template, 0, &mut made)?;
    Ok(made)
}

/// Settings with their prompts written out by their seed; what those were written out of is kept beside them. A prompt
/// that has such a record is one that was written out before.
///
/// # Errors
/// If a list is missing, empty or endless, or a text grows too long.
pub fn write_out(settings: &Settings, lists: &Lists) -> Result<Settings, DynamicError> {
    let mut made = settings.clone();
    if made.grammar == PromptGrammar::Literal {
        made.template.clear();
        made.negative_template.clear();
        return Ok(made);
    }
    let texts = [
        (Which::Prompt, &mut made.prompt, &mut made.template),
        (Which::Negative, &mut made.negative_prompt, &mut made.negative_template),
    ];
    for (which, text, template) in texts {
        if template.is_empty() {
            let written = expand(text, which, settings.seed, lists)?;
            if written.as_str() != text {
                *template = std::mem::replace(text, written.as_str().to_owned());
            }
        }
    }
    Ok(made)
}

struct Expansion<'a> {
    lists: &'a Lists,
    draws: Draws,
    /// Bytes that were written, those of texts that were put together again included.
    bytes: usize,
}

/// Something to choose.
enum Chosen<'a> {
    Option(&'a Choosable),
    Line(&'a Entry, usize),
}

impl Chosen<'_> {
    fn weight(&self) -> f64 {
        match self {
            Self::Option(option) => option.weight,
            Self::Line(entry, _) => entry.weight,
        }
    }
}

impl<'a> Expansion<'a> {
    fn write(
        &mut self,
        source: &Excerpt,
        template: &Template,
        depth: usize,
        made: &mut Excerpt,
    ) -> Result<(), DynamicError> {
        for piece in &template.pieces {
            match piece {
                Piece::Text(range) => {
                    self.grow(range.len())?;
                    made.push(source, range.clone());
                }
                Piece::Wildcard { place, name } => {
                    self.grow(1)?;
                    let lines = self.lines(name, depth)?;
                    let chosen = self.draws.pick(lines.iter().map(|line| line.weight));
                    self.write_line(lines[chosen], source.place(place.start), depth, made)?;
                }
                Piece::Choice { count, between, options, place } => {
                    let from = source.place(place.start);
                    self.choose(source, (*count, between, options), (from, depth), made)?;
                }
            }
        }
        Ok(())
    }

    /// Writes some of the texts of a choice, each once.
    fn choose(
        &mut self,
        source: &Excerpt,
        ([least, most], between, options): ([usize; 2], &str, &[Choosable]),
        (place, depth): (usize, usize),
        made: &mut Excerpt,
    ) -> Result<(), DynamicError> {
        let mut left: Vec<Chosen<'_>> = match options {
            // The lines of one list are what there is to choose from.
            [Choosable { template: Template { pieces }, .. }] => match pieces.as_slice() {
                [Piece::Wildcard { place, name }] => {
                    let place = source.place(place.start);
                    self.lines(name, depth)?.into_iter().map(|line| Chosen::Line(line, place)).collect()
                }
                _ => options.iter().map(Chosen::Option).collect(),
            },
            _ => options.iter().map(Chosen::Option).collect(),
        };
        let most = most.min(left.len());
        let count = if least >= most { most } else { self.draws.between(least, most) };
        let is_one = [least, most] == [1, 1] && between == ", ";
        for number in 0..count {
            let chosen = left.remove(self.draws.pick(left.iter().map(Chosen::weight)));
            if number > 0 {
                self.grow(between.len())?;
                made.push_foreign(between, place);
            }
            let mut text = Excerpt::default();
            match &chosen {
                Chosen::Option(option) => self.write(source, &option.template, depth, &mut text)?,
                Chosen::Line(line, place) => self.write_line(line, *place, depth, &mut text)?,
            }
            // Several are joined without the blanks around their bars.
            let blanks = if is_one { 0 } else { text.len() - text.as_str().trim_start().len() };
            let end = if is_one { text.len() } else { text.as_str().trim_end().len().max(blanks) };
            made.push(&text, blanks..end);
        }
        Ok(())
    }

    /// Writes a line of a list, which may have choices of its own; all of it stands at `place`.
    fn write_line(
        &mut self,
        line: &Entry,
        place: usize,
        depth: usize,
        made: &mut Excerpt,
    ) -> Result<(), DynamicError> {
        let mut source = Excerpt::default();
        source.push_foreign(&line.text, place);
        self.write(&source, &Template::read(&line.text), depth + 1, made)
    }

    fn lines(&self, name: &str, depth: usize) -> Result<Vec<&'a Entry>, DynamicError> {
        let (name, folder) = (name.to_owned(), self.lists.folder.clone());
        if depth == DEPTH_MAX {
            return Err(DynamicError::Endless { name });
        }
        match self.lists.entries(&name) {
            Some(lines) if !lines.is_empty() => Ok(lines),
            Some(_) => Err(DynamicError::Empty { name, folder }),
            None => {
                let mut known: Vec<&str> = self.lists.names().take(NAMED_MAX + 1).collect();
                if known.is_empty() {
                    return Err(DynamicError::NoLists { name, folder });
                }
                if known.len() > NAMED_MAX {
                    known[NAMED_MAX] = "…";
                }
                Err(DynamicError::Missing { name, folder, known: known.join(", ") })
            }
        }
    }

    fn grow(&mut self, by: usize) -> Result<(), DynamicError> {
        self.bytes += by;
        (self.bytes <= BYTES_MAX).then_some(()).ok_or(DynamicError::TooLong { most: BYTES_MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Lists {
        let mut lists = Lists::new("/w");
        lists.add("animal", "fox\nowl\n3::{red|blue} bird");
        lists.add("pet", "cat");
        lists.add("scene", "a __pet__ on __animal__");
        lists.add("loop", "x __loop__");
        lists.add("twice", "__twice__ __twice__");
        lists.add("empty", "# nothing");
        lists
    }

    fn of(text: &str, seed: u64) -> String {
        expand(text, Which::Prompt, seed, &lists()).unwrap().as_str().to_owned()
    }

    #[test]
    fn a_seed_gives_one_text_and_others_give_others() {
        let text = "a {red|green|blue} __animal__, __scene__";
        let all: std::collections::BTreeSet<String> = (0..200).map(|seed| of(text, seed)).collect();
        assert!(all.len() > 20 && all.iter().all(|made| !made.contains(['_', '{', '|', '}'])), "{all:?}");
        assert_eq!(of(text, 7), of(text, 7));
        let negative = |seed| expand("{a|b|c|d|e|f}", Which::Negative, seed, &lists()).unwrap();
        assert!((0..20).any(|seed| negative(seed).as_str() != of("{a|b|c|d|e|f}", seed)));
        // What follows changes nothing before it.
        assert!((0..20).all(|seed| of("{a|b} {c|d|e}", seed).starts_with(&of("{a|b} x", seed)[..1])));
    }

    #[test]
    fn pictures_of_earlier_versions_repeat() {
        let text = "a {red|green|2::blue} __animal__, {2$$ and $$a|b|c}, {1-2$$__animal__}";
        let made: Vec<String> = [0, 1, 42].map(|seed| of(text, seed)).to_vec();
        assert_eq!(made, MADE);
    }

    const MADE: [&str; 3] = [
        "a green red bird, b and c, red bird",
        "a blue owl, a and c, red bird",
        "a red owl, a and c, red bird",
    ];

    #[test]
    fn several_are_each_taken_once() {
        for seed in 0..100 {
            let made = of("{2$$a|b|c}", seed);
            let parts: Vec<&str> = made.split(", ").collect();
            assert!(parts.len() == 2 && parts[0] != parts[1], "{made}");
            assert_eq!(of("{9$$ + $$ a | b }", seed).len(), 5);
            assert!(["", "a", "b", "a/b", "b/a"].contains(&of("{0-2$$/$$a|b}", seed).as_str()));
            assert_eq!(of("{2$$__pet__}", seed), "cat");
            assert_eq!(of("{0::a|b}", seed), "b");
        }
        assert_eq!(of("{ a|  a}b", 1).trim_start(), "ab");
    }

    #[test]
    fn plain_texts_stay_and_words_know_where_they_stood() {
        for text in ["a (red:1.2) [b|c] fox", "{a}", "# __gone__", r"\{a|b\}"] {
            assert_eq!(of(text, 3), text);
        }
        let made = expand("a __pet__ {x|x}", Which::Prompt, 1, &lists()).unwrap();
        assert_eq!(made.as_str(), "a cat x");
        assert_eq!((made.range(2..5), made.place(5)), (2..3, 9));
        assert!([11, 13].contains(&made.place(6)));
    }

    #[test]
    fn settings_are_written_out_once() {
        let settings =
            Settings { prompt: "{a|b}".into(), negative_prompt: "__pet__".into(), ..Settings::default() };
        let made = write_out(&settings, &lists()).unwrap();
        assert!(["a", "b"].contains(&made.prompt.as_str()) && made.template == "{a|b}");
        assert_eq!((made.negative_prompt.as_str(), made.negative_template.as_str()), ("cat", "__pet__"));
        let other = Settings { seed: 77, ..made.clone() };
        assert_eq!(write_out(&other, &Lists::default()).unwrap(), other);
        let literal = Settings { grammar: PromptGrammar::Literal, ..settings.clone() };
        assert_eq!(write_out(&literal, &Lists::default()).unwrap(), literal);
        let plain = Settings { prompt: "a fox".into(), ..Settings::default() };
        assert_eq!(write_out(&plain, &lists()).unwrap(), plain);
    }

    #[test]
    fn what_is_wrong_with_lists_is_told() {
        let failed = |text: &str| expand(text, Which::Prompt, 1, &lists()).unwrap_err();
        let missing = failed("__animals__").to_string();
        assert_eq!(
            missing,
            "expected a list called \"animals\" for __animals__ in /w, found only animal, empty, loop, pet, scene, \
             twice; correct the name or put animals.txt there"
        );
        assert!(matches!(failed("__loop__"), DynamicError::Endless { .. }));
        assert!(matches!(failed("__twice__"), DynamicError::Endless { .. } | DynamicError::TooLong { .. }));
        assert!(matches!(failed("__empty__"), DynamicError::Empty { .. }));
        let none = expand("__a__", Which::Prompt, 1, &Lists::new("/w")).unwrap_err();
        assert!(matches!(none, DynamicError::NoLists { .. }));
        let long = format!("{{a|a}}{}", "b".repeat(BYTES_MAX));
        assert!(matches!(failed(&long), DynamicError::TooLong { .. }));
    }
}
