//! `Config`: what the header says of a group, read so that nothing is overlooked.

use serde_json::{Map, Value};

/// A JSON object of which every key must be read or be known to ask for nothing.
pub(super) struct Config<'a> {
    map: &'a Map<String, Value>,
    read: Vec<&'a str>,
}

impl<'a> Config<'a> {
    pub(super) fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, read: Vec::new() }
    }

    fn get(&mut self, key: &str) -> Option<&'a Value> {
        let (key, value) = self.map.get_key_value(key)?;
        self.read.push(key);
        Some(value).filter(|value| !value.is_null())
    }

    /// A number, which may be written as a text.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, String> {
        let number = match self.get(key) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| format!("{key} is no number"))
    }

    /// A whole number.
    pub(super) fn whole(&mut self, key: &str) -> Result<Option<usize>, String> {
        let number = self.number(key)?;
        let whole = number.map(|number| number as usize);
        if number != whole.map(|whole| whole as f64) {
            return Err(format!("{key} is no whole number"));
        }
        Ok(whole)
    }

    /// A text; empty where there is none.
    pub(super) fn text(&mut self, key: &str) -> &'a str {
        self.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether something is switched on.
    pub(super) fn is_on(&mut self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Refuses keys that were not read and ask for something: all but those in `told`, which tell how the
    /// recording was made, and those that are off, empty or of the value that `usual` names.
    pub(super) fn finish(self, told: &[&str], usual: &[(&str, Value)]) -> Result<(), String> {
        let asks = |(key, value): &(&String, &Value)| {
            let key = key.as_str();
            let nothing = match value {
                Value::Null | Value::Bool(false) => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(items) => items.is_empty(),
                Value::String(text) => text.is_empty(),
                _ => false,
            };
            let is_usual = usual.iter().any(|(name, known)| *name == key && same(known, value));
            !(nothing || is_usual || told.contains(&key) || self.read.contains(&key))
        };
        match self.map.iter().find(asks) {
            Some((key, value)) => Err(format!("it asks for {key} {value}, which no rule here follows")),
            None => Ok(()),
        }
    }
}

/// Whether two values are the same, numbers being compared as numbers.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_that_is_not_read_and_asks_for_something_is_refused() {
        let value = json!({"eta": "0.5", "clip": true, "off": false, "order": 2, "note": "x"});
        let map = value.as_object().unwrap();
        let mut config = Config::new(map);
        assert_eq!(config.number("eta"), Ok(Some(0.5)));
        assert_eq!(config.whole("order"), Ok(Some(2)));
        assert!(config.finish(&["note"], &[]).unwrap_err().contains("clip"));
        let mut config = Config::new(map);
        assert!(config.is_on("clip") && !config.is_on("off"));
        assert_eq!(config.finish(&["note", "eta"], &[("order", json!(2.0))]), Ok(()));
        assert!(Config::new(map).whole("eta").is_err());
    }
}
