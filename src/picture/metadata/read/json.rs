//! JSON as strangers write it: Python's `NaN` and `Infinity`, halves of surrogate pairs, a `NUL` at
//! the end, Python's own notation (`'a'`, `None`, `True`), an object inside a list or a string.
//!
//! Trap: only what strict JSON refuses is rewritten, so a sound text is never changed.

use serde_json::Value;

/// The first object or list of a text.
pub(super) fn parse(text: &str) -> Option<Value> {
    let value = value(text)?;
    let value = match &value {
        Value::String(inside) => self::value(inside)?,
        _ => value,
    };
    match value {
        Value::Array(mut items) if items.len() == 1 => items.pop().filter(Value::is_object),
        value => (value.is_object() || value.is_array()).then_some(value),
    }
}

fn value(text: &str) -> Option<Value> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}'));
    let begins = text.starts_with(['{', '[', '"', '\'']);
    if !begins {
        return None;
    }
    first(text).or_else(|| first(&strict(text)))
}

/// The value that a text begins with; what follows it does not count.
fn first(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

/// The same in strict JSON, as far as it can be told.
fn strict(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        match letter {
            '"' | '\'' => rest = copy_string(&mut out, &rest[1..], letter),
            ',' => {
                rest = &rest[1..];
                if !rest.trim_start().starts_with(['}', ']']) {
                    out.push(',');
                }
            }
            '-' | '+' | '.' | '_' | '0'..='9' | 'a'..='z' | 'A'..='Z' => {
                let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
                let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
                out.push_str(constant(word));
                rest = after;
            }
            _ => {
                out.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    out
}

/// A word outside strings. What is no number of JSON is none.
fn constant(word: &str) -> &str {
    match word {
        "True" => "true",
        "False" => "false",
        "NaN" | "-NaN" | "nan" | "Infinity" | "+Infinity" | "-Infinity" | "inf" | "-inf" | "None"
        | "undefined" => "null",
        other => other,
    }
}

/// Copies a string behind its opening quote; what follows its closing one.
fn copy_string<'a>(out: &mut String, text: &'a str, quote: char) -> &'a str {
    out.push('"');
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let begins = at;
        at += letter.len_utf8();
        match letter {
            _ if letter == quote => break,
            '"' => out.push_str("\\\""),
            '\\' => at = begins + copy_escape(out, &text[begins..]),
            // Never raw in JSON; code points below 32 have two hex digits.
            _ if letter < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
    &text[at..]
}

/// Copies what begins with a backslash; returns how many bytes it took.
fn copy_escape(out: &mut String, text: &str) -> usize {
    match text[1..].chars().next() {
        Some('u') => copy_unit(out, text),
        Some(escaped @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
            out.push('\\');
            out.push(escaped);
            2
        }
        Some('\'') => {
            out.push('\'');
            2
        }
        _ => {
            out.push_str("\\\\");
            1
        }
    }
}

/// Copies `\uXXXX`, or a pair of them; half a pair becomes U+FFFD.
fn copy_unit(out: &mut String, text: &str) -> usize {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let Some(first) = unit(text) else {
        out.push_str("\\\\");
        return 1;
    };
    let second = text.get(6..).and_then(unit);
    let mut letters = char::decode_utf16([first].into_iter().chain(second));
    let (length, whole) = match letters.next() {
        Some(Ok(letter)) => (if u32::from(letter) > 0xffff { 12 } else { 6 }, Some(letter)),
        _ => (6, None),
    };
    match whole {
        Some(_) => out.push_str(&text[..length]),
        None => out.push(char::REPLACEMENT_CHARACTER),
    }
    length
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_python_writes_is_read() {
        let cases = [
            (
                r#"{"a": NaN, "b": [Infinity, -Infinity], "c": 1}"#,
                json!({"a": null, "b": [null, null], "c": 1}),
            ),
            ("{\"a\": 1}\0\0", json!({"a": 1})),
            ("\u{feff} {\"a\": 1} and more", json!({"a": 1})),
            (r#"{"a": "\ud83d\ude00 \ud83d NaN, True"}"#, json!({"a": "😀 \u{fffd} NaN, True"})),
            (r#"{"a": "\ude00\u0041", "b": NaN}"#, json!({"a": "\u{fffd}A", "b": null})),
            ("{\"a\": \"one\ntwo\ttabs\"}", json!({"a": "one\ntwo\ttabs"})),
            (
                r#"{'a': 'it\'s "so"', 'b': None, 'c': True}"#,
                json!({"a": "it's \"so\"", "b": null, "c": true}),
            ),
            (r#"{"a": [1, 2,], "b": {"c": 1,},}"#, json!({"a": [1, 2], "b": {"c": 1}})),
            (r#"{"a": "C:\path\new", "b": NaN}"#, json!({"a": "C:\\path\new", "b": null})),
            (r#"[{"a": 1}]"#, json!({"a": 1})),
            (r#""{\"a\": 1}""#, json!({"a": 1})),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_record_is_none() {
        let deep = "[".repeat(100_000);
        for text in ["", "3", "a prompt", "\"a\"", "[3]", "{", "{'a", "{\"a\": \\u", "NaN", &deep] {
            assert_eq!(parse(text), None, "{text:.40}");
        }
    }
}
