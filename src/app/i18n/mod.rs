//! Words: every visible string, from Fluent files, in the language in force.
//!
//! Trap: a key that a file lacks shows as the key itself; tests compare the files with each
//! other and with the keys that the code asks for.

mod message;

use std::path::Path;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};

pub use message::Message;

use crate::settings::Label;
use crate::told::Sentence;

/// A language that the window speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// 简体中文.
    Chinese,
}

/// What a language brings.
struct Row {
    language: Language,
    /// Its BCP 47 tag, as fonts want it; the part before the first `-` finds it.
    tag: &'static str,
    /// Its own name for itself.
    name: &'static str,
    /// All its words, as Fluent.
    source: &'static str,
}

/// All languages, in the order of the settings. Tests hold that each has every string.
const TABLE: &[Row] = &[
    Row {
        language: Language::English,
        tag: "en",
        name: "English",
        source: include_str!("../../../assets/words/en.ftl"),
    },
    Row {
        language: Language::Chinese,
        tag: "zh-Hans",
        name: "简体中文",
        source: include_str!("../../../assets/words/zh-Hans.ftl"),
    },
];

/// The part of a tag that names the language.
fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or_default()
}

impl Language {
    fn row(self) -> &'static Row {
        // Every language has a row (a test says so); the first stands in if one were lost.
        TABLE.iter().find(|row| row.language == self).unwrap_or(&TABLE[0])
    }

    /// All of them, in the order of the settings.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.language)
    }

    /// Its own name for itself.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Its BCP 47 tag, as fonts want it.
    pub fn tag(self) -> &'static str {
        self.row().tag
    }

    /// All its words, as Fluent.
    pub fn source(self) -> &'static str {
        self.row().source
    }

    /// The language of the system, if there are words for it.
    pub fn of_system() -> Self {
        sys_locale::get_locale().and_then(|locale| Self::of_tag(&locale)).unwrap_or_default()
    }

    /// The language of a tag, if there are words for it.
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::all().find(|language| primary(language.tag()) == primary(tag))
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

    /// The name of a choice of a setting.
    pub fn label(&self, label: Label) -> String {
        match label {
            Label::Literal(name) => name.to_owned(),
            Label::Words(key) => self.t(key),
        }
    }

    /// The language in force.
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

    /// A sentence in words.
    pub fn say(&self, sentence: &Sentence) -> String {
        let values: Vec<_> =
            sentence.values.iter().map(|(name, value)| (*name, value.as_str().into())).collect();
        self.with(sentence.key, &values)
    }

    /// Whether there is a string of that name.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }
}

/// A path's last part, as messages name a file.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
