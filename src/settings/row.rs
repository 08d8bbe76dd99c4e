//! `Row`: all that is known of one setting, apart from what it does to a picture.

use super::acts::always;
use super::{Choice, Embeddings, Loras, PartialSettings, Setting, Value};
use crate::sampler::GuidanceCurve;

/// A row of [`Setting::TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The setting that the row describes.
    pub setting: Setting,
    /// Its name in JSON: that of the field.
    pub name: &'static str,
    /// The key of its words in the window; `differs-KEY` tells it beside another picture's, and `KEY-tip`
    /// goes with a control under More.
    pub words: &'static str,
    /// The key of the window's sentence for a number out of range; empty for what is no number, and where
    /// another check has a sentence of its own.
    pub error: &'static str,
    /// What kind of value it has, and in which range.
    pub kind: Kind,
    /// What a user calls it where a picture does not tell it; `None` where nobody would miss it. Settings
    /// of one name are reported together or not at all.
    pub told_as: Option<&'static str>,
    /// Its form in A1111's text; `None` where only the JSON holds it.
    pub a1111: Option<A1111>,
    /// Its form on the command line.
    pub flag: Flag,
    /// Its slider in the window, for a number that has one.
    pub slider: Option<Slider>,
    /// Whether the window shows it under More; the others have controls of their own.
    pub more: bool,
    /// Whether a model may say in its `settings.json` which value suits it.
    pub suits: bool,
    /// Whether it acts beside the others: a scale of noise does nothing where there is no noise.
    pub acts: fn(&PartialSettings) -> bool,
}

/// The kind of a setting's value. A `range` is what a run accepts, `read` what a file may hold,
/// which other programs may have written; both include their ends.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text, of any length.
    Text,
    /// A number without a fraction.
    Whole {
        /// What a run accepts.
        range: [u64; 2],
        /// What a file may hold.
        read: [u64; 2],
    },
    /// A number with one.
    Real {
        /// What a run accepts.
        range: [f64; 2],
        /// What a file may hold.
        read: [f64; 2],
    },
    /// One of a list.
    Choice(fn() -> Vec<Choice>),
    /// Points over the run; the value is their text.
    Curve,
    /// LoRA files with their strengths; the value is their text.
    Loras,
    /// Embeddings' files; the value is their text.
    Files,
    /// A file, or its name; none where the text is empty.
    File,
    /// Numbers that belong together; the value is their text.
    Compound(Compound),
}

/// Numbers that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Compound {
    /// The text as it is written of one that was typed.
    pub read: fn(&str) -> Result<String, String>,
    /// Texts of some.
    pub examples: &'static [&'static str],
}

/// A setting in A1111's text: `Key: value`. Settings of the same key share a pair, joined by `x`.
#[derive(Clone, Copy, Debug)]
pub struct A1111 {
    /// The key that is written.
    pub key: &'static str,
    /// Other keys that are understood, in lower case.
    pub others: &'static [&'static str],
    /// Whether the default is left out.
    pub omits_default: bool,
}

/// A setting on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// The name after `--`; empty for the one argument without a flag.
    pub long: &'static str,
    /// What the help calls its value.
    pub value_name: &'static str,
    /// One sentence for the help.
    pub help: &'static str,
}

/// A slider: its rail, the largest number that may be typed, and its grain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slider {
    /// The left end of the rail.
    pub least: f64,
    /// The right end of the rail.
    pub most: f64,
    /// The largest number that may be typed.
    pub typed_most: f64,
    /// One step by keys, and the grain of dragging.
    pub step: f64,
    /// Digits after the point.
    pub decimals: usize,
}

impl Row {
    /// A text on the command line alone, which acts whatever the others are: what a row is where the table is silent.
    pub(super) const PLAIN: Self = Self {
        setting: Setting::Prompt,
        name: "",
        words: "",
        error: "",
        kind: Kind::Text,
        told_as: None,
        a1111: None,
        flag: flag("", "", ""),
        slider: None,
        more: false,
        suits: false,
        acts: always,
    };
}

pub(super) const fn a1111(key: &'static str, others: &'static [&'static str]) -> Option<A1111> {
    Some(A1111 { key, others, omits_default: false })
}

pub(super) const fn flag(long: &'static str, value_name: &'static str, help: &'static str) -> Flag {
    Flag { long, value_name, help }
}

pub(super) const fn slider(
    least: f64,
    most: f64,
    typed_most: f64,
    step: f64,
    decimals: usize,
) -> Option<Slider> {
    Some(Slider { least, most, typed_most, step, decimals })
}

impl Kind {
    /// Validates a number that a file gives; texts and choices always pass.
    pub fn may_hold(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Whole { read, .. }, Value::Whole(number)) => within(read, number),
            (Self::Real { read, .. }, Value::Real(number)) => within(read, number),
            _ => true,
        }
    }

    /// Validates a number for a run; texts and choices always pass.
    pub fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Whole { range, .. }, Value::Whole(number)) => within(range, number),
            (Self::Real { range, .. }, Value::Real(number)) => within(range, number),
            _ => true,
        }
    }

    /// The value that another program's text gives; `None` if it is not one. Numbers may have a decimal
    /// comma, and a full stop behind them.
    pub fn parse(&self, text: &str) -> Option<Value> {
        match self {
            Self::Text | Self::File => Some(Value::Text(text.to_owned())),
            Self::Whole { .. } => text.trim_end_matches('.').parse().ok().map(Value::Whole),
            Self::Real { .. } => {
                let number: f64 = text.trim_end_matches('.').replace(',', ".").parse().ok()?;
                number.is_finite().then_some(Value::Real(number))
            }
            Self::Curve => text.parse().ok().map(|curve: GuidanceCurve| Value::Text(curve.to_string())),
            Self::Loras => text.parse().ok().map(|loras: Loras| Value::Text(loras.to_string())),
            Self::Files => Some(Value::Text(Embeddings::from(text).to_string())),
            Self::Compound(compound) => (compound.read)(text).ok().map(Value::Text),
            Self::Choice(choices) => {
                let choice = choices().into_iter().find(|choice| choice.is_spelled(text))?;
                Some(Value::Choice(choice.name))
            }
        }
    }
}

/// NaN lies in no range.
fn within<T: PartialOrd>([least, most]: &[T; 2], number: &T) -> bool {
    (least..=most).contains(&number)
}

impl Row {
    /// A value as A1111 writes it.
    pub fn a1111_value(&self, value: &Value) -> String {
        match value {
            // No value of that text may hold a comma or a colon.
            Value::Text(text) if matches!(self.kind, Kind::Curve) => text.replace(',', " ").replace(':', "="),
            Value::Text(text) => text.clone(),
            Value::Whole(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Choice(name) => {
                self.choice(name).map_or_else(String::new, |choice| choice.a1111.to_owned())
            }
        }
    }

    /// The choice of a canonical name, for a setting that has choices.
    pub fn choice(&self, name: &str) -> Option<Choice> {
        let Kind::Choice(choices) = self.kind else { return None };
        choices().into_iter().find(|choice| choice.name == name)
    }
}
