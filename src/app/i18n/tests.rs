//! All languages have every string, and every message takes its values in each.

use std::collections::BTreeSet;

use super::message::tests::messages;
use super::*;
use crate::settings::Setting;

fn keys(language: Language) -> BTreeSet<String> {
    language
        .source()
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(" = ").or_else(|| line.split_once(" =")))
        .map(|(key, _)| key.to_owned())
        .collect()
}

/// Names of values (`{ $n }`) in each message.
fn values(language: Language) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut key = String::new();
    for line in language.source().lines() {
        if line.starts_with(|c: char| c.is_ascii_lowercase()) {
            key = line.split([' ', '=']).next().unwrap_or_default().to_owned();
        }
        for part in line.split("{ $").skip(1) {
            let name = part.split([' ', '}']).next().unwrap_or_default();
            found.insert((key.clone(), name.to_owned()));
        }
    }
    found
}

#[test]
fn all_languages_have_the_same_keys_and_values() {
    for language in Language::all() {
        assert_eq!(keys(Language::English), keys(language), "{}", language.name());
        assert_eq!(values(Language::English), values(language), "{}", language.name());
    }
}

#[test]
fn every_tag_finds_its_language() {
    for language in Language::all() {
        assert_eq!(Language::of_tag(language.tag()), Some(language));
    }
    assert_eq!(Language::of_tag("zh_CN"), Some(Language::Chinese));
    assert_eq!(Language::of_tag("tlh"), None);
}

/// The languages beside English, each with its words.
fn others() -> Vec<Words> {
    Language::all().filter(|language| *language != Language::English).map(Words::new).collect()
}

/// Messages that may be the same in all languages: names, numbers and symbols, and nothing else.
const SAME: &[&str] =
    &["differs-eta", "differs-sampler", "differs-size", "grammar-a1111", "lens-word", "size-of", "timestep"];

#[test]
fn every_message_is_read_and_says_something_else_in_each_language() {
    for language in Language::all() {
        let read = FluentResource::try_new(language.source().to_owned());
        assert!(read.is_ok(), "{}: {:?}", language.name(), read.err().map(|(_, errors)| errors));
    }
    let english = Words::new(Language::English);
    for key in keys(Language::English) {
        assert!(english.has(&key) && english.t(&key) != key, "{key} is not read");
        for other in others() {
            let name = other.language().name();
            assert!(other.has(&key) && other.t(&key) != key, "{key} is not read in {name}");
            let same = english.t(&key) == other.t(&key);
            assert_eq!(same, SAME.contains(&key.as_str()), "{name}: {key}: {}", other.t(&key));
        }
    }
}

/// The source of the program, tests left out.
fn code() -> String {
    let mut code = String::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                code.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
            }
        }
    }
    code
}

fn of_acts() -> BTreeSet<String> {
    let table = crate::app::command::table::TABLE.iter();
    table.flat_map(|row| [format!("do-{}", row.key), format!("do-{}-tip", row.key)]).collect()
}

/// Keys that the window makes of the table of settings.
fn of_settings() -> BTreeSet<String> {
    let differs = Setting::TABLE.iter().filter_map(|row| crate::app::ui::difference::key(row.setting));
    let more = Setting::TABLE.iter().filter(|row| row.more);
    let more = more.flat_map(|row| [row.words.to_owned(), format!("{}-tip", row.words)]);
    // The previews' chips have a label of that form too.
    differs.chain(more).chain(["preview".to_owned(), "preview-tip".to_owned()]).collect()
}

/// Keys of messages that travel as data: literals with one of their prefixes.
fn told() -> BTreeSet<String> {
    let literal = |part: &str| part.split('"').next().unwrap_or_default().to_owned();
    let named = |key: &String| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let code = code();
    ["error-", "note-", "engine-d", "engine-b", "desktop-"]
        .into_iter()
        .flat_map(|opening| {
            code.split(&format!("\"{opening}"))
                .skip(1)
                .map(move |part| format!("{opening}{}", literal(part)))
                .collect::<Vec<_>>()
        })
        .filter(named)
        .collect()
}

#[test]
fn the_files_have_every_key_that_the_code_asks_for() {
    let code = code();
    let openings = [
        "words.t(\"",
        "words.with(\"",
        "Message::Key(\"",
        "Message::With(\"",
        "Message::Values(\"",
        "Message::Counted(\"",
    ];
    let asked = openings.iter().flat_map(|opening| code.split(opening).skip(1));
    let asked: BTreeSet<String> = asked
        .map(|part| part.split('"').next().unwrap_or_default().to_owned())
        .chain(of_acts())
        .chain(of_settings())
        .chain(told())
        .collect();
    assert!(asked.len() > 100, "only {} keys found", asked.len());
    let missing: Vec<String> = asked.difference(&keys(Language::English)).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_files_have_no_key_that_nobody_asks_for() {
    let code = code();
    let made = &of_acts() | &of_settings();
    let used = |key: &String| made.contains(key) || code.contains(&format!("\"{key}\""));
    let unused: Vec<String> = keys(Language::English).into_iter().filter(|key| !used(key)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn sentences_take_their_values() {
    let words = Words::new(Language::English);
    assert_eq!(words.with("step-of", &[("step", 12.into()), ("steps", 25.into())]), "Step 12 of 25");
    assert_eq!(words.t("no-such-key"), "no-such-key");
    let words = Words::new(Language::Chinese);
    assert!(words.with("step-of", &[("step", 12.into()), ("steps", 25.into())]).contains("12"));
}

/// Keys that the source hands to a report by name, without an error behind them.
fn reported_by_name() -> BTreeSet<String> {
    let code = code();
    let openings = ["Report::new(\"", "failed(\"", "Sentence::with(\"", "Sentence::with(\n"];
    let literal = |part: &str| {
        part.trim_start_matches(['"', ' ', '\n']).split('"').next().unwrap_or_default().to_owned()
    };
    openings.iter().flat_map(|opening| code.split(opening).skip(1).map(literal)).collect()
}

#[test]
fn every_message_takes_its_values_in_all_languages() {
    let (english, others) = (Words::new(Language::English), others());
    let mut tried = reported_by_name();
    for message in messages() {
        let sentence = message.sentence();
        let whole = |text: &str| !text.contains(['{', '$']) && text != sentence.key;
        let said = english.say(&sentence);
        assert!(whole(&said), "{}: {said}", sentence.key);
        for other in &others {
            let text = other.say(&sentence);
            assert!(whole(&text) && text != said, "{}: {text}", sentence.key);
        }
        assert!(!message.to_string().is_empty());
        tried.insert(sentence.key.to_owned());
    }
    let untried: Vec<String> = told().into_iter().filter(|key| !tried.contains(key)).collect();
    assert!(untried.is_empty(), "messages without an example here: {untried:?}");
}
