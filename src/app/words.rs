//! Words: every visible string, from Fluent files, in the language in force.
//!
//! Trap: a key that a file lacks shows as the key itself; tests compare the files with each
//! other and with the keys that the code asks for.

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};

/// A language that the window speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// 简体中文.
    Chinese,
}

impl Language {
    /// All of them, in the order of the settings.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Its own name for itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// The language of the system, where it is one of ours.
    pub fn of_system() -> Self {
        sys_locale::get_locale().and_then(|locale| Self::of_tag(&locale)).unwrap_or_default()
    }

    /// Its tag, as fonts want it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hans",
        }
    }

    /// The language of a tag, where it is one of ours.
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next()? {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// All its words, as Fluent.
    pub fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("../../assets/words/en.ftl"),
            Self::Chinese => include_str!("../../assets/words/zh-Hans.ftl"),
        }
    }
}

/// The words of one language.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

/// A value to be put into a sentence.
pub type Value<'a> = FluentValue<'a>;

impl Words {
    /// Reads the words of a language.
    pub fn new(language: Language) -> Self {
        let tag = language.tag().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new(vec![tag]);
        // Marks that isolate text directions would show as boxes.
        bundle.set_use_isolating(false);
        let resource =
            FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(resource, errors)| {
                log::warn!("the words of {} have faults: {errors:?}", language.name());
                resource
            });
        bundle.add_resource_overriding(resource);
        Self { language, bundle }
    }

    /// Which language it is.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The string named `key`.
    pub fn t(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The string named `key` with values filled in.
    pub fn with(&self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let args: FluentArgs<'_> = values.iter().map(|(name, value)| (*name, value.clone())).collect();
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned()
    }

    /// Whether there is a string of that name.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
    fn both_languages_have_the_same_keys_and_values() {
        assert_eq!(keys(Language::English), keys(Language::Chinese));
        assert_eq!(values(Language::English), values(Language::Chinese));
    }

    /// The source of the window, tests left out.
    fn code() -> String {
        let mut code = String::new();
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    code.push_str(text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default());
                }
            }
        }
        code
    }

    fn of_acts() -> BTreeSet<String> {
        let table = super::super::command::TABLE.iter();
        table.flat_map(|row| [format!("do-{}", row.key), format!("do-{}-tip", row.key)]).collect()
    }

    #[test]
    fn the_files_have_every_key_that_the_code_asks_for() {
        let code = code();
        let openings = ["words.t(\"", "words.with(\"", "Said::Key(\"", "Said::With(\"", "Said::Values(\""];
        let asked = openings.iter().flat_map(|opening| code.split(opening).skip(1));
        let asked: BTreeSet<String> = asked
            .map(|part| part.split('"').next().unwrap_or_default().to_owned())
            .chain(of_acts())
            .collect();
        assert!(asked.len() > 100, "only {} keys found", asked.len());
        let missing: Vec<String> = asked.difference(&keys(Language::English)).cloned().collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_files_have_no_key_that_nobody_asks_for() {
        let (code, acts) = (code(), of_acts());
        let used = |key: &String| acts.contains(key) || code.contains(&format!("\"{key}\""));
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
}
