//! `Value`: a setting's value without its type, for whoever handles every setting alike.

use crate::sampler::{GuidanceCurve, RngKind, SamplerKind, ScheduleKind, TimestepSpacing};

use super::additions::{Embeddings, Loras};
use super::choices::{rng_from_name, rng_name};
use super::guidance_kind::GuidanceKind;
use super::hires::Hires;
use super::prompting::{Emphasis, PromptGrammar};
use super::tile::Tile;
use super::variation::Variation;

/// The value of any setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any text.
    Text(String),
    /// A number without a fraction.
    Whole(u64),
    /// A number with one.
    Real(f64),
    /// The canonical name of a [`Choice`](super::Choice).
    Choice(&'static str),
}

/// The type of a setting's field, to a [`Value`] and back.
pub(super) trait FieldValue: Sized {
    /// The value without its type.
    fn to_value(&self) -> Value;
    /// The value with its type; `None` if it is not one of this type.
    fn from_value(value: Value) -> Option<Self>;
}

impl FieldValue for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl FieldValue for u64 {
    fn to_value(&self) -> Value {
        Value::Whole(*self)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Whole(number) = value { Some(number) } else { None }
    }
}

impl FieldValue for usize {
    fn to_value(&self) -> Value {
        Value::Whole(*self as u64)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Whole(number) = value { number.try_into().ok() } else { None }
    }
}

impl FieldValue for f64 {
    fn to_value(&self) -> Value {
        Value::Real(*self)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Real(number) = value { Some(number) } else { None }
    }
}

impl FieldValue for GuidanceCurve {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}

impl FieldValue for Loras {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}

impl FieldValue for Embeddings {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.as_str().into()) } else { None }
    }
}

impl FieldValue for SamplerKind {
    fn to_value(&self) -> Value {
        Value::Choice(self.row().name)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { Self::from_name(name) } else { None }
    }
}

impl FieldValue for TimestepSpacing {
    fn to_value(&self) -> Value {
        Value::Choice(self.row().name)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { Self::from_name(name) } else { None }
    }
}

impl FieldValue for RngKind {
    fn to_value(&self) -> Value {
        Value::Choice(rng_name(*self))
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { rng_from_name(name) } else { None }
    }
}

impl FieldValue for ScheduleKind {
    fn to_value(&self) -> Value {
        Value::Choice(self.row().name)
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { Self::from_name(name) } else { None }
    }
}

impl FieldValue for GuidanceKind {
    fn to_value(&self) -> Value {
        Value::Choice(self.name())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { Self::from_name(name) } else { None }
    }
}

impl FieldValue for PromptGrammar {
    fn to_value(&self) -> Value {
        Value::Choice(self.name())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { Self::from_name(name) } else { None }
    }
}

impl FieldValue for Emphasis {
    fn to_value(&self) -> Value {
        Value::Choice(self.name())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { Self::from_name(name) } else { None }
    }
}

impl FieldValue for Tile {
    fn to_value(&self) -> Value {
        Value::Choice(self.name())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Choice(name) = value { Self::from_name(name) } else { None }
    }
}

impl FieldValue for Hires {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}

impl FieldValue for Variation {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}
