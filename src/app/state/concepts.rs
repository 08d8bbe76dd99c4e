//! Concepts: what a prompt has in common with the list of things that a model knows.
//!
//! Only a model with a list is spoken about; for any other nothing is unknown. Words are compared in
//! lower case and without an English plural.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

use crate::message::Concept;

/// Colors of the backgrounds that such models are trained with; each is also a word they know.
const BACKGROUNDS: [&str; 12] = [
    "green", "blue", "sky blue", "purple", "pink", "orange", "yellow", "red", "black", "white", "gray",
    "brown",
];
/// What the captions say around a thing and its background.
const CAPTIONS: &str = "background emoji picture photo drawing cute 3d grey";
/// Function words, which no hint reports as unknown.
const JOINING: &str = "a an the of on in at to by for from with without and or as is are its his her my your \
                       this that it s very some no not near under over";

/// A prompt's words, in lower case.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_owned).collect()
}

/// Whether a word of a prompt is a known one, or its plural.
fn is_form_of(word: &str, known: &str) -> bool {
    let Some(ending) = word.strip_prefix(known) else {
        return known.strip_suffix('y').and_then(|stem| word.strip_prefix(stem)) == Some("ies");
    };
    matches!(ending, "" | "s" | "es")
}

/// A note on a prompt's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing: every word is known, or the model has no list.
    #[default]
    Nothing,
    /// It names nothing that the model knows.
    NothingKnown,
    /// These words occur in no name and no caption; each once, in the prompt's order.
    Unknown(Vec<String>),
}

/// Compares a prompt with the list.
pub fn hint(concepts: &[Concept], prompt: &str) -> Hint {
    let prompt = words(prompt);
    if concepts.is_empty() || prompt.is_empty() {
        return Hint::Nothing;
    }
    let names: Vec<Vec<String>> =
        concepts.iter().flat_map(|concept| &concept.names).map(|name| words(name)).collect();
    let is_named = |name: &Vec<String>| {
        let mut parts = prompt.windows(name.len().max(1));
        parts.any(|part| part.iter().zip(name).all(|(word, known)| is_form_of(word, known)))
    };
    if !names.iter().any(is_named) {
        return Hint::NothingKnown;
    }
    let mut known: HashSet<String> = names.into_iter().flatten().collect();
    known.extend(BACKGROUNDS.iter().chain([&CAPTIONS, &JOINING]).flat_map(|text| words(text)));
    let mut unknown: Vec<String> = Vec::new();
    for word in prompt {
        let is_number = word.chars().all(char::is_numeric);
        if !is_number && !unknown.contains(&word) && !known.iter().any(|known| is_form_of(&word, known)) {
            unknown.push(word);
        }
    }
    if unknown.is_empty() { Hint::Nothing } else { Hint::Unknown(unknown) }
}

/// Names that begin with what is being typed, the shortest first; none for an exact name.
pub fn completions(concepts: &[Concept], word: &str, most: usize) -> Vec<String> {
    let word = word.to_lowercase();
    if word.chars().count() < 2 {
        return Vec::new();
    }
    let mut found: Vec<&String> =
        concepts.iter().flat_map(|concept| &concept.names).filter(|name| name.starts_with(&word)).collect();
    if found.iter().any(|name| **name == word) {
        return Vec::new();
    }
    found.sort_by_key(|name| (name.chars().count(), name.as_str()));
    found.dedup();
    found.into_iter().take(most).cloned().collect()
}

/// A prompt of the form that such models are trained on.
pub fn surprise(concepts: &[Concept]) -> Option<String> {
    // The std hasher's keys come from the system's random source.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish() as usize;
    let name = concepts.get(random % concepts.len().max(1))?.names.first()?;
    Some(on_background(name, BACKGROUNDS[(random / 4096) % BACKGROUNDS.len()]))
}

fn on_background(name: &str, background: &str) -> String {
    let [name, background] = [with_article(name), with_article(background)];
    format!("{name} on {background} background")
}

/// A name with "a" or "an"; plurals and uncountable names have no article.
fn with_article(name: &str) -> String {
    const UNCOUNTED: &str = "bread popcorn spaghetti pasta sushi broccoli candy cheese chocolate corn honey milk \
                             coffee tea beer rice cream yarn luggage fire lightning voltage dna bowling tennis \
                             football poo";
    const SINGULAR_IN_S: [&str; 2] = ["rhinoceros", "lens"];
    let head = [" of ", " with ", " over ", " and "]
        .iter()
        .fold(name, |head, joint| head.split_once(joint).map_or(head, |(before, _)| before));
    let last = head.rsplit(' ').next().unwrap_or(head);
    let singular =
        ["ss", "us", "is"].iter().any(|ending| last.ends_with(ending)) || SINGULAR_IN_S.contains(&last);
    if last.ends_with('s') && !singular || UNCOUNTED.split(' ').any(|word| word == last) {
        return name.to_owned();
    }
    format!("{} {name}", if begins_with_vowel_sound(name) { "an" } else { "a" })
}

/// Whether a name, said aloud, begins with a vowel: an hourglass, but a unicorn.
fn begins_with_vowel_sound(name: &str) -> bool {
    let begins = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    let consonant = ["uni", "use", "ufo", "uk", "eu", "ewe", "one"];
    let silent_h = ["hour", "honest", "honor", "honour", "heir"];
    begins(&silent_h) || begins(&["a", "e", "i", "o", "u", "8"]) && !begins(&consonant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concept(names: &[&str]) -> Concept {
        Concept { names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn unknown_words_are_named_once_and_known_ones_never() {
        let concepts = [
            concept(&["cat"]),
            concept(&["cloud with rain", "rain cloud"]),
            concept(&["bus"]),
            concept(&["puppy"]),
        ];
        let hint = |prompt: &str| super::hint(&concepts, prompt);
        let unknown = |words: &[&str]| Hint::Unknown(words.iter().map(|word| (*word).to_owned()).collect());
        let prompt = "a Cyberpunk samurai cat in the rain, cyberpunk";
        assert_eq!(hint(prompt), unknown(&["cyberpunk", "samurai"]));
        assert_eq!(
            hint("an emoji of 2 cats and buses, puppies too, on a sky blue background"),
            unknown(&["too"])
        );
        assert_eq!(hint("Cats on grey"), Hint::Nothing);
        assert_eq!(hint("a catalyst in the rain"), Hint::NothingKnown);
        assert_eq!(hint("猫"), Hint::NothingKnown);
        assert_eq!(hint(" "), Hint::Nothing);
        assert_eq!(super::hint(&[], "anything at all"), Hint::Nothing);
    }

    #[test]
    fn completions_begin_with_the_word_and_end_at_an_exact_name() {
        let concepts = [concept(&["fox", "foxglove"]), concept(&["foot"]), concept(&["red fox"])];
        assert_eq!(completions(&concepts, "fo", 8), ["fox", "foot", "foxglove"]);
        assert!(completions(&concepts, "fox", 8).is_empty());
        assert!(completions(&concepts, "f", 8).is_empty());
    }

    #[test]
    fn a_surprise_is_something_the_model_knows() {
        let concepts = [concept(&["owl"])];
        let prompt = surprise(&concepts).unwrap();
        assert!(prompt.starts_with("an owl on a"), "{prompt}");
        assert_eq!(surprise(&[]), None);
    }

    #[test]
    fn articles_follow_the_sound_and_plurals_have_none() {
        for (name, expected) in [
            ("owl", "an owl"),
            ("hourglass", "an hourglass"),
            ("unicorn", "a unicorn"),
            ("umbrella", "an umbrella"),
            ("ufo", "a ufo"),
            ("ewe", "a ewe"),
            ("horse", "a horse"),
            ("octopus", "an octopus"),
            ("cloud with rain", "a cloud with rain"),
            ("ear of corn", "an ear of corn"),
            ("grapes", "grapes"),
            ("bread", "bread"),
            ("wine glass", "a wine glass"),
            ("rhinoceros", "a rhinoceros"),
            ("one-piece swimsuit", "a one-piece swimsuit"),
        ] {
            assert_eq!(with_article(name), expected);
        }
        assert_eq!(on_background("owl", "orange"), "an owl on an orange background");
        assert_eq!(on_background("scissors", "sky blue"), "scissors on a sky blue background");
    }
}
