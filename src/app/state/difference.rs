//! The difference between two pictures that are compared: what their settings do not share.
//!
//! Trap: what a file does not tell is unknown, not usual; only what both sides tell can differ.

use std::path::Path;

use crate::app::i18n::Words;
use crate::app::state::status::trimmed;
use crate::app::state::{Shown, file_name};
use crate::app::ui::more::rng_name;
use crate::app::ui::view::View;
use crate::picture::PartialSettings;

/// Differences that a label names, at most.
const PARTS_MAX: usize = 4;
/// Characters of one of several differences, at most.
const PART_MAX: usize = 20;

/// Labels for what is on the tray and for the picture beside it: each says its side of what differs,
/// or its file's name if nothing is known to.
pub fn labels(view: &View<'_>, with: &Path) -> [String; 2] {
    let record =
        |path: &Path| view.state.shelf.record(path).and_then(|record| record.settings.as_deref().cloned());
    let shown = match &view.state.shown {
        Shown::Record(path) => record(path),
        _ => view.state.shown_settings().map(Into::into),
    };
    let found = match (shown, record(with)) {
        (Some(shown), Some(other)) => differences(view.words, &shown, &other),
        _ => Vec::new(),
    };
    if found.is_empty() {
        let name = view.state.shown_path().map(file_name).unwrap_or_default();
        return [name, file_name(with)];
    }
    let most = if found.len() > 1 { PART_MAX } else { usize::MAX };
    let side = |i: usize| {
        found.iter().take(PARTS_MAX).map(|both| short(&both[i], most)).collect::<Vec<_>>().join(" · ")
    };
    [side(0), side(1)]
}

/// A text cut with "…" where it has more than `most` characters.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// What differs, the most telling first, in words for either side.
fn differences(words: &Words, a: &PartialSettings, b: &PartialSettings) -> Vec<[String; 2]> {
    let mut found = Vec::new();
    if let (Some(a), Some(b)) = (&a.prompt, &b.prompt)
        && a.split_whitespace().ne(b.split_whitespace())
    {
        found.push(apart(a, b).map(|text| if text.is_empty() { words.t("left-empty") } else { text }));
    }
    let mut add = |key: &str, a: Option<String>, b: Option<String>| {
        if let (Some(a), Some(b)) = (a, b)
            && a != b
        {
            found.push([a, b].map(|value| words.with(key, &[("value", value.into())])));
        }
    };
    let negative = |it: &PartialSettings| {
        let text = it.negative_prompt.as_deref()?.trim();
        Some(if text.is_empty() { words.t("left-empty") } else { text.to_owned() })
    };
    let text = |n: usize| n.to_string();
    let size = |it: &PartialSettings| Some(format!("{} × {}", it.width?, it.height?));
    add("differs-guidance", a.guidance.map(trimmed), b.guidance.map(trimmed));
    add("differs-seed", a.seed.map(|n| n.to_string()), b.seed.map(|n| n.to_string()));
    add("differs-steps", a.steps.map(text), b.steps.map(text));
    add("differs-size", size(a), size(b));
    let sampler = |it: &PartialSettings| it.sampler.map(|kind| kind.row().a1111.to_owned());
    add("differs-sampler", sampler(a), sampler(b));
    add("differs-negative", negative(a), negative(b));
    add("differs-eta", a.eta.map(trimmed), b.eta.map(trimmed));
    let spacing = |it: &PartialSettings| it.timesteps.map(|kind| words.t(kind.row().key));
    add("differs-spacing", spacing(a), spacing(b));
    // Noise is scaled only where there is some.
    if a.eta.zip(b.eta).is_some_and(|(a, b)| a > 0.0 && b > 0.0) {
        add("differs-temperature", a.temperature.map(trimmed), b.temperature.map(trimmed));
    }
    let rng = |it: &PartialSettings| it.rng.map(|kind| rng_name(kind).to_owned());
    add("differs-rng", rng(a), rng(b));
    found
}

/// Of two texts, the words between those that they begin and end with alike; one that has nothing of
/// its own there keeps a neighbouring word, so that something can be read.
fn apart(a: &str, b: &str) -> [String; 2] {
    let [a, b] = [a, b].map(|text| text.split_whitespace().collect::<Vec<_>>());
    let shorter = a.len().min(b.len());
    let mut begin = (0..shorter).take_while(|&i| a[i] == b[i]).count();
    let mut end = (0..shorter - begin).take_while(|&i| a[a.len() - 1 - i] == b[b.len() - 1 - i]).count();
    if begin + end == shorter {
        if end > 0 {
            end -= 1;
        } else {
            begin = begin.saturating_sub(1);
        }
    }
    [a, b].map(|words| words[begin..words.len() - end].join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::i18n::Language;
    use crate::app::state::draft::first_settings;
    use crate::sampler::SamplerKind;
    use crate::settings::Settings;

    #[test]
    fn prompts_are_told_apart_by_the_words_that_differ() {
        for (a, b, left, right) in [
            ("a fox on a green background", "an owl on a green background", "a fox", "an owl"),
            ("a fox on green", "a fox on blue", "green", "blue"),
            ("a fox on green", "a red fox on green", "fox", "red fox"),
            ("a fox", "a fox on green", "fox", "fox on green"),
            ("", "a fox", "", "a fox"),
            ("fox", "fox fox", "fox", "fox fox"),
        ] {
            assert_eq!(apart(a, b), [left, right], "{a:?} and {b:?}");
            assert_eq!(apart(b, a), [right, left], "{b:?} and {a:?}");
        }
    }

    #[test]
    fn only_what_differs_is_named_and_what_is_unknown_does_not() {
        let words = Words::new(Language::English);
        let told = |a: &PartialSettings, b: &PartialSettings| differences(&words, a, b);
        let a: PartialSettings = first_settings().into();
        assert!(told(&a, &a).is_empty());
        let b = Settings { seed: 7, guidance: 4.5, sampler: SamplerKind::Plms, ..first_settings() };
        let mut b: PartialSettings = b.into();
        let found = told(&a, &b);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0][1], "guidance 4.5");
        assert_eq!(found[1], ["seed 2026", "seed 7"]);
        assert_eq!(found[2], ["DDIM", "PLMS"]);
        (b.seed, b.guidance, b.sampler) = (None, None, None);
        assert!(told(&a, &b).is_empty());
    }
}
