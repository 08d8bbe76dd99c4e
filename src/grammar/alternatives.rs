//! `AND`: prompts that act together, each with a weight of its own (mirrors `get_multicond_prompt_list` of A1111's
//! `prompt_parser.py`).
//!
//! Trap: the raw text is split, so brackets and schedules are cut through.

use super::excerpt::Excerpt;

/// One of the prompts that act together.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The text, without its weight.
    pub text: Excerpt,
    /// How much its e_t counts.
    pub weight: f64,
}

const AND: &str = "AND";

/// The prompts between `AND`; one of weight 1 where there is none.
pub fn alternatives(prompt: &Excerpt) -> Vec<Alternative> {
    let (text, mut found) = (prompt.as_str(), Vec::new());
    let (mut from, mut search) = (0, 0);
    while let Some(at) = text[search..].find(AND).map(|at| search + at) {
        search = at + AND.len();
        let before = text[..at].chars().next_back();
        let after = text[search..].chars().next();
        if !before.is_some_and(is_of_word) && !after.is_some_and(is_of_word) {
            found.push(weighted(&prompt.part(from..at)));
            from = search;
        }
    }
    found.push(weighted(&prompt.part(from..text.len())));
    found
}

/// What a regular expression's `\w` takes.
pub(super) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Splits `text : number` at its last colon.
fn weighted(part: &Excerpt) -> Alternative {
    let text = part.as_str().trim_end();
    let split =
        text.rsplit_once(':').and_then(|(text, number)| Some((text, number_of(number.trim_start())?)));
    let (text, weight) = split.map_or((text, 1.0), |(text, weight)| (text.trim_end(), weight));
    Alternative { text: part.part(0..text.len()), weight }
}

/// A number as `[-+]?(?:\d+\.?|\d*\.\d+)` takes it.
fn number_of(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = all(whole) && all(part) && !(whole.is_empty() && part.is_empty());
    // `12.5` is digits, a point and digits; `12.` and `.5` leave one of them out.
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_that_act_together_are_those_of_the_original() {
        for (text, expected) in [
            ("a", vec![("a", 1.0)]),
            ("a:1.2 AND b:0.5", vec![("a", 1.2), (" b", 0.5)]),
            ("a AND b:1.5:2", vec![("a", 1.0), (" b:1.5", 2.0)]),
            ("(a AND b:1.2)", vec![("(a", 1.0), (" b:1.2)", 1.0)]),
            ("BAND ANDY AND_ a", vec![("BAND ANDY AND_ a", 1.0)]),
            ("a AND", vec![("a", 1.0), ("", 1.0)]),
            ("a: -.5 AND b:2.", vec![("a", -0.5), (" b", 2.0)]),
            ("a:. AND b:", vec![("a:.", 1.0), (" b:", 1.0)]),
        ] {
            let found = alternatives(&Excerpt::whole(text));
            let found: Vec<(&str, f64)> = found.iter().map(|it| (it.text.as_str(), it.weight)).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
