//! Configs: the reference's YAML form, read into plain values with every key accounted for.
//!
//! Invariant: a key that a module does not know is an error that names it and what is known; a key
//! that only training needs is accepted and remembered, so that `inspect` can list it.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::told::Told;

/// A config file may not be longer; real ones have 2 KB.
const CONFIG_BYTES_MAX: usize = 1 << 20;

/// Why a config gave no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("the config cannot be read ({cause}); check the path {path}")]
    Unreadable {
        /// The system's words.
        cause: String,
        /// The path that was given.
        path: String,
    },
    /// The text is no YAML; the parser's message.
    #[error("expected a YAML config, found {0}")]
    Yaml(String),
    /// A key is missing, unknown or has another kind of value.
    #[error("{0}")]
    Key(String),
}

impl Told for ConfigError {
    fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "error-config-unreadable",
            Self::Yaml(_) => "error-config-no-yaml",
            Self::Key(_) => "error-config-key",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Unreadable { path, .. } => vec![("file", path.clone())],
            Self::Yaml(_) | Self::Key(_) => Vec::new(),
        }
    }
}

/// A result whose error is a [`ConfigError`].
pub type Result<T> = std::result::Result<T, ConfigError>;

/// Parses YAML text.
///
/// # Errors
/// If it is too long or no YAML.
pub fn parse_yaml(text: &str) -> Result<Value> {
    if text.len() > CONFIG_BYTES_MAX {
        return Err(ConfigError::Yaml(format!("{} bytes of text, more than any config has", text.len())));
    }
    let value: Value = serde_saphyr::from_str(text).map_err(|error| {
        ConfigError::Yaml(error.to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    Ok(value)
}

/// Reads a YAML file.
///
/// # Errors
/// If it cannot be read, is too long or no YAML.
pub fn read_yaml(path: &Path) -> Result<Value> {
    let unreadable = |cause: String| ConfigError::Unreadable { cause, path: path.display().to_string() };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    // A little more than the most is read, and refused for its length.
    file.take(CONFIG_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error.to_string()))?;
    let text = decode(&bytes).ok_or_else(|| ConfigError::Yaml("bytes that are no text".to_owned()));
    text.and_then(|text| parse_yaml(&text)).map_err(|error| match error {
        ConfigError::Yaml(found) => ConfigError::Yaml(format!("{found}; check the file {}", path.display())),
        other => other,
    })
}

/// A file's text in one of the encodings that YAML allows, without its mark.
fn decode(bytes: &[u8]) -> Option<String> {
    let utf_16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        }
    }
}

/// A module to be built: its `target` and its `params`.
#[derive(Clone, Debug)]
pub struct Target {
    /// The dotted name of the reference's class, or one of its marks (`__is_first_stage__`, …).
    pub target: String,
    /// The keyword arguments.
    pub params: Params,
}

impl Target {
    /// Reads `{target, params}`, or a bare mark; `place` is where in the config it stands.
    ///
    /// # Errors
    /// If there is no `target`.
    pub fn from_value(value: &Value, place: &str) -> Result<Self> {
        if let Value::String(mark) = value {
            return Ok(Self { target: mark.clone(), params: Params::new(place, Map::new()) });
        }
        let missing =
            || ConfigError::Key(format!("expected `target` and `params` in {place}, found {}", brief(value)));
        let map = value.as_object().ok_or_else(missing)?;
        let target = map.get("target").and_then(Value::as_str).ok_or_else(missing)?.to_owned();
        let params = match map.get("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params.clone(),
            Some(other) => {
                return Err(ConfigError::Key(format!(
                    "expected keys in {place}.params, found {}",
                    brief(other)
                )));
            }
        };
        let short = target.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(Self { target, params: Params::new(&short, params) })
    }
}

/// The keyword arguments of one module, taken out one by one.
#[derive(Clone, Debug)]
pub struct Params {
    module: String,
    left: Map<String, Value>,
    known: Vec<&'static str>,
    training_only: Vec<String>,
}

impl Params {
    /// The arguments `map` of `module`.
    pub fn new(module: &str, map: Map<String, Value>) -> Self {
        Self { module: module.to_owned(), left: map, known: Vec::new(), training_only: Vec::new() }
    }

    /// Takes a value out; null counts as absent.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.left.remove(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, expected: &str, found: &Value) -> ConfigError {
        ConfigError::Key(format!(
            "expected {expected} for {} in {}, found {}",
            key,
            self.module,
            brief(found)
        ))
    }

    fn require<T>(&self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            ConfigError::Key(format!("the key {key} of {} is missing; add it to the config", self.module))
        })
    }

    /// A whole number, 0 or more.
    ///
    /// # Errors
    /// If it is something else.
    pub fn count(&mut self, key: &'static str) -> Result<Option<usize>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let count = value.as_u64().filter(|&count| count <= 1 << 24).map(|count| count as usize);
        count.map(Some).ok_or_else(|| self.wrong(key, "a whole number", &value))
    }

    /// A whole number that must be there and above zero.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn required_count(&mut self, key: &'static str) -> Result<usize> {
        let count = self.count(key)?;
        match self.require(key, count)? {
            0 => Err(self.wrong(key, "a number above 0", &Value::from(0))),
            count => Ok(count),
        }
    }

    /// A whole number where -1 stands for none.
    ///
    /// # Errors
    /// If it is something else.
    pub fn count_or_minus_one(&mut self, key: &'static str) -> Result<Option<usize>> {
        if self.left.get(key).and_then(Value::as_i64) == Some(-1) {
            self.take(key);
            return Ok(None);
        }
        match self.count(key)? {
            Some(0) => Err(self.wrong(key, "a number above 0, or -1", &Value::from(0))),
            count => Ok(count),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&mut self, key: &'static str) -> Result<Option<f64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        // PyYAML reads 1e-4 as text, and so do real configs.
        let number =
            value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.wrong(key, "a number", &value))
    }

    /// True or false.
    ///
    /// # Errors
    /// If it is something else.
    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool> {
        let Some(value) = self.take(key) else { return Ok(default) };
        // PyYAML's spelling, which later YAML reads as text.
        let word = value.as_str().map(str::to_lowercase);
        let flag = value.as_bool().or(match word.as_deref() {
            Some("yes" | "on" | "true") => Some(true),
            Some("no" | "off" | "false") => Some(false),
            _ => None,
        });
        flag.ok_or_else(|| self.wrong(key, "true or false", &value))
    }

    /// Text.
    ///
    /// # Errors
    /// If it is something else.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| self.wrong(key, "text", &value))
    }

    /// A list of whole numbers.
    ///
    /// # Errors
    /// If it is something else.
    pub fn counts(&mut self, key: &'static str) -> Result<Option<Vec<usize>>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let counts = value
            .as_array()
            .filter(|items| items.len() <= 64)
            .and_then(|items| items.iter().map(|item| item.as_u64().map(|count| count as usize)).collect());
        counts.map(Some).ok_or_else(|| self.wrong(key, "a list of whole numbers", &value))
    }

    /// A module to be built.
    ///
    /// # Errors
    /// If it is missing or has no target.
    pub fn target(&mut self, key: &'static str) -> Result<Target> {
        let value = self.take(key);
        Target::from_value(&self.require(key, value)?, key)
    }

    /// Keys of a sub-module that stand in a map of their own (`ddconfig`).
    ///
    /// # Errors
    /// If it is missing or no map.
    pub fn section(&mut self, key: &'static str) -> Result<Params> {
        let value = self.take(key);
        match self.require(key, value)? {
            Value::Object(map) => Ok(Params::new(key, map)),
            other => Err(self.wrong(key, "keys", &other)),
        }
    }

    /// Accepts keys that do not change what is computed here, whatever their value.
    pub fn training_only(&mut self, keys: &[&'static str]) {
        for &key in keys {
            self.known.push(key);
            if self.left.remove(key).is_some() {
                self.training_only.push(format!("{}.{key}", self.module));
            }
        }
    }

    /// The same for all keys that `is_like` knows by their form.
    pub fn training_only_like(&mut self, is_like: fn(&str) -> bool) {
        let module = &self.module;
        let seen = &mut self.training_only;
        self.left.retain(|key, _| {
            if is_like(key) {
                seen.push(format!("{module}.{key}"));
            }
            !is_like(key)
        });
    }

    /// Ends the reading: what is left over is unknown. Returns the training-only keys seen.
    ///
    /// # Errors
    /// If a key is unknown.
    pub fn finish(mut self) -> Result<Vec<String>> {
        let Some(unknown) = self.left.keys().next() else { return Ok(self.training_only) };
        self.known.sort_unstable();
        self.known.dedup();
        Err(ConfigError::Key(format!(
            "{} has no key {unknown}; it knows {}",
            self.module,
            self.known.join(", ")
        )))
    }

    /// An error about a value, in the form of this module's others.
    pub fn refuse(&self, key: &str, sentence: &str) -> ConfigError {
        ConfigError::Key(format!("{key} of {}: {sentence}", self.module))
    }
}

/// A value, short enough for a sentence.
fn brief(value: &Value) -> String {
    let mut text = value.to_string();
    if text.chars().count() > 60 {
        text = text.chars().take(57).collect::<String>() + "…";
    }
    text
}
