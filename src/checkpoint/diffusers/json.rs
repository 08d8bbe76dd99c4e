//! A component's JSON settings, read with bounds; what is absent or null counts as unset.

use std::path::Path;

use serde_json::{Map, Value};

use crate::checkpoint::error::{CheckpointError, Problem};
use crate::checkpoint::tensor::model_file::read_small;

/// Real ones have 2 KB; a sharded model's index 200 KB.
const LONGEST: u64 = 16 << 20;

/// Reads JSON; some editors leave a byte order mark at its beginning.
pub(super) fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The object in one JSON file.
pub(super) struct Settings {
    map: Map<String, Value>,
    /// The file's name as messages give it, such as `unet/config.json`.
    file: &'static str,
}

impl Settings {
    /// Reads a file that is in the folder under `file`.
    pub(super) fn read(folder: &Path, file: &'static str) -> Result<Self, CheckpointError> {
        let path = folder.join(file);
        let text = read_small(&path, LONGEST).map_err(|error| match error.problem {
            Problem::Missing => Problem::MissingFile(file.to_owned()).at(folder),
            _ => error,
        })?;
        let broken = |found: String| Problem::damaged("JSON", found).at(&path);
        match parse(&text) {
            Ok(Value::Object(map)) => Ok(Self { map, file }),
            Ok(_) => Err(broken("something else than an object".into())),
            Err(error) => Err(broken(error.to_string())),
        }
    }

    /// A value that is set.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether a value is null, which is not the same as its usual one.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_null)
    }

    /// True or false for each of `count`; one stands for all, and none is false.
    pub(super) fn flags(&self, key: &str, count: usize) -> Result<Vec<bool>, Problem> {
        let found = match self.get(key) {
            None => Some(vec![false; count]),
            Some(Value::Array(list)) => list.iter().map(Value::as_bool).collect(),
            Some(value) => value.as_bool().map(|flag| vec![flag; count]),
        };
        found
            .filter(|flags: &Vec<bool>| flags.len() == count)
            .ok_or_else(|| self.unlike(key, "true or false for each level"))
    }

    /// The settings under a key, where they are an object.
    pub(super) fn nested(self, key: &str) -> Self {
        let Self { mut map, file } = self;
        match map.remove(key) {
            Some(Value::Object(inner)) => Self { map: inner, file },
            Some(other) => {
                map.insert(key.to_owned(), other);
                Self { map, file }
            }
            None => Self { map, file },
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// A whole number from 1 to a million.
    pub(super) fn size(&self, key: &str) -> Result<u64, Problem> {
        self.get(key).and_then(as_size).ok_or_else(|| self.unlike(key, "a whole number above 0"))
    }

    pub(super) fn size_or(&self, key: &str, unset: u64) -> Result<u64, Problem> {
        if self.get(key).is_some() { self.size(key) } else { Ok(unset) }
    }

    /// A side in pixels; of a list of height and width, the longer.
    pub(super) fn side_or(&self, key: &str, unset: u64) -> Result<u64, Problem> {
        match self.get(key) {
            Some(Value::Array(sides)) => {
                let sides: Option<Vec<u64>> = sides.iter().map(as_size).collect();
                let longest = sides.and_then(|sides| sides.into_iter().max());
                longest.ok_or_else(|| self.unlike(key, "whole numbers above 0"))
            }
            _ => self.size_or(key, unset),
        }
    }

    pub(super) fn number_or(&self, key: &str, unset: f64) -> Result<f64, Problem> {
        match self.get(key) {
            None => Ok(unset),
            Some(value) => value.as_f64().ok_or_else(|| self.unlike(key, "a number")),
        }
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A list of whole numbers; a single number stands for `count` equal ones.
    pub(super) fn sizes(&self, key: &str, count: Option<usize>) -> Result<Vec<u64>, Problem> {
        let expected = "a list of whole numbers above 0";
        let found = match (self.get(key), count) {
            (Some(Value::Array(list)), _) => list.iter().map(as_size).collect::<Option<Vec<u64>>>(),
            (Some(value), Some(count)) => as_size(value).map(|size| vec![size; count]),
            _ => None,
        };
        let fits =
            |list: &Vec<u64>| !list.is_empty() && list.len() <= 16 && count.is_none_or(|n| n == list.len());
        found.filter(fits).ok_or_else(|| self.unlike(key, expected))
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&str>, Problem> {
        let list = self.get(key).and_then(Value::as_array);
        list.and_then(|list| list.iter().map(Value::as_str).collect())
            .ok_or_else(|| self.unlike(key, "a list of names"))
    }

    /// The problem that a value is not what it should be.
    pub(super) fn unlike(&self, key: &str, expected: &str) -> Problem {
        let found = self.map.get(key).map_or("nothing".to_owned(), Value::to_string);
        let found: String = found.chars().take(80).collect();
        Problem::Unsupported { expected: format!("{expected} as {key} in {}", self.file), found }
    }
}

fn as_size(value: &Value) -> Option<u64> {
    value.as_u64().filter(|size| (1..=1_000_000).contains(size))
}
