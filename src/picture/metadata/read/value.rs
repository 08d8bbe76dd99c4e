//! Numbers and words from strangers' JSON, where a number may be written as a string.

use serde_json::Value;

/// A whole number that is not negative.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            number.as_f64().filter(|v| v.fract() == 0.0 && (0.0..9e15).contains(v)).map(|v| v as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The same for sizes and counts.
pub(super) fn count(value: &Value) -> Option<usize> {
    whole(value).and_then(|value| usize::try_from(value).ok())
}

/// A finite number.
pub(super) fn real(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_f64(),
    }
    .filter(|value| value.is_finite())
}

/// A string; nothing else becomes one.
pub(super) fn words(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A file's name without folders and ending, whichever way its slashes lean.
pub(super) fn stem(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let ending = [".safetensors", ".ckpt", ".gguf"].into_iter().find(|ending| name.ends_with(ending));
    name.strip_suffix(ending.unwrap_or_default()).unwrap_or(name).to_owned()
}
