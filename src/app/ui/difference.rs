//! The difference between two pictures that are compared: what their settings do not share.
//!
//! Trap: what a file does not tell is unknown, not usual; only what both sides tell can differ.

use std::path::Path;

use crate::app::i18n::Words;
use crate::app::i18n::file_name;
use crate::app::state::shown::{Beside, Shown};
use crate::app::ui::status::trimmed;
use crate::app::ui::view::View;
use crate::settings::{PartialSettings, Setting, Settings, Value};

/// Differences that a label names, at most.
const PARTS_MAX: usize = 4;
/// Characters of one of several differences, at most.
const PART_MAX: usize = 20;

/// The most telling settings, in this order; the others of the table follow.
const FIRST: [Setting; 9] = [
    Setting::Guidance,
    Setting::Seed,
    Setting::Steps,
    Setting::Width,
    Setting::Sampler,
    Setting::NegativePrompt,
    Setting::Eta,
    Setting::Timesteps,
    Setting::Temperature,
];

/// Labels for what is on the canvas and for the picture beside it: each says its side of what differs,
/// or its file's name if nothing is known to.
pub fn labels(view: &View<'_>, with: &Beside) -> [String; 2] {
    let record = |path: &Path| view.state.library.record(path).and_then(|record| record.settings().cloned());
    let shown = match &view.state.shown {
        Shown::Record(path) => record(path),
        _ => view.state.shown_settings().map(Into::into),
    };
    let other = match with {
        Beside::Record(path) => record(path),
        Beside::Generation(job) => {
            view.state.queue.generation(*job).map(|generation| generation.job.settings.clone().into())
        }
    };
    let found = match (shown, other) {
        (Some(shown), Some(other)) => differences(view.words, &shown, &other),
        _ => Vec::new(),
    };
    if found.is_empty() {
        let name = view.state.shown_path().map(file_name).unwrap_or_default();
        let other = match with {
            Beside::Record(path) => file_name(path),
            Beside::Generation(_) => view.words.t("came-from"),
        };
        return [name, other];
    }
    let most = if found.len() > 1 { PART_MAX } else { usize::MAX };
    let side = |i: usize| {
        found.iter().take(PARTS_MAX).map(|both| short(&both[i], most)).collect::<Vec<_>>().join(" · ")
    };
    [side(0), side(1)]
}

/// What a run changed of the one that it came from, in words: the new value of each setting.
pub fn changes(words: &Words, from: &Settings, to: &Settings) -> String {
    let found = differences(words, &from.clone().into(), &to.clone().into());
    let most = if found.len() > 1 { PART_MAX } else { usize::MAX };
    found.iter().take(PARTS_MAX).map(|[_, to]| short(to, most)).collect::<Vec<_>>().join(" · ")
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
    let others = Setting::TABLE.iter().map(|row| row.setting).filter(|setting| !FIRST.contains(setting));
    for setting in FIRST.into_iter().chain(others) {
        let Some(key) = key(setting) else { continue };
        if let [Some(a), Some(b)] = [a, b].map(|it| told(words, it, setting))
            && a != b
        {
            found.push([a, b].map(|value| words.with(&key, &[("value", value.into())])));
        }
    }
    found
}

/// The key of the words that tell a setting; the prompt needs none, and the width tells the height too.
pub fn key(setting: Setting) -> Option<String> {
    match setting {
        Setting::Prompt | Setting::Height => None,
        Setting::Width => Some("differs-size".to_owned()),
        _ => Some(format!("differs-{}", setting.row().words)),
    }
}

/// A setting's value in words, if it is known and acts.
fn told(words: &Words, settings: &PartialSettings, setting: Setting) -> Option<String> {
    if setting == Setting::Width {
        return Some(format!("{} × {}", settings.width?, settings.height?));
    }
    let row = setting.row();
    // Beside a rule that takes no η, the η of the other rule is worth telling.
    if setting != Setting::Eta && !(row.acts)(settings) {
        return None;
    }
    Some(match settings.get(setting)? {
        Value::Text(text) if text.trim().is_empty() => words.t("left-empty"),
        Value::Text(text) => text.trim().to_owned(),
        Value::Whole(number) => number.to_string(),
        Value::Real(number) => trimmed(number),
        Value::Choice(name) => words.label(row.choice(name)?.label),
    })
}

/// Of two texts, the words between those that they begin and end with alike; one that has nothing of
/// its own there keeps a neighboring word, so that something can be read.
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
    use crate::sampler::{RngKind, SamplerKind};
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
        (b.height, b.rng) = (Some(64), Some(RngKind::Nv));
        let found = told(&a, &b);
        assert_eq!(found.len(), 2);
        assert!(found[0][1].ends_with(" × 64"), "{}", found[0][1]);
        assert_eq!(found[1], ["random numbers: CPU", "random numbers: CUDA"]);
    }

    #[test]
    fn a_scale_of_noise_differs_where_both_have_noise() {
        let words = Words::new(Language::English);
        let noisy = |eta, temperature| -> PartialSettings {
            Settings { eta, temperature, ..first_settings() }.into()
        };
        let differ = |a, b| differences(&words, &a, &b).into_iter().map(|[a, _]| a).collect::<Vec<_>>();
        assert_eq!(differ(noisy(0.5, 2.0), noisy(0.5, 1.0)), ["noise strength 2"]);
        assert_eq!(differ(noisy(0.5, 2.0), noisy(0.0, 1.0)), ["η 0.5"]);
        let plms = PartialSettings { sampler: Some(SamplerKind::Plms), ..noisy(0.0, 1.0) };
        assert_eq!(differ(noisy(0.5, 1.0), plms), ["DDIM", "η 0.5"]);
    }
}
