//! A tokenizer from somebody's `tokenizer.json`, checked before it is believed.
//!
//! The library that reads the format panics on some vocabularies that contradict themselves, so
//! merges are checked here first, and only parts that a CLIP-like tokenizer uses are let in.
//! Start, end, cutting and padding are ours ([`crate::model::cond::tokenizer::Tokenizer::encode`]): what the file says of
//! them is left out.

use std::collections::HashSet;

use serde_json::Value;

use crate::model::cond::tokenizer::TokenizerError;

/// The longest file.
const MOST_BYTES: usize = 16 << 20;
/// The largest id, plus one.
const MOST_TOKENS: u64 = 1 << 20;
/// Steps that tidy the text before it is split.
const NORMALIZERS: &[&str] = &["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Replace", "Strip", "StripAccents"];
/// Steps that split it.
const SPLITTERS: &[&str] =
    &["Split", "ByteLevel", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits", "BertPreTokenizer"];

/// Reads and checks.
pub(super) fn build(bytes: &[u8]) -> Result<tokenizers::Tokenizer, TokenizerError> {
    checked(bytes).map_err(TokenizerError::Unfit)
}

fn checked(bytes: &[u8]) -> Result<tokenizers::Tokenizer, String> {
    if bytes.len() > MOST_BYTES {
        return Err(format!("its file has {} bytes, the most is {MOST_BYTES}", bytes.len()));
    }
    let mut value: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("no valid JSON ({error})"))?;
    let fields = value.as_object_mut().ok_or("expected a JSON object")?;
    check_model(fields.get("model").unwrap_or(&Value::Null))?;
    check_steps("normalizer", fields.get("normalizer"), "normalizers", NORMALIZERS)?;
    check_steps("pre_tokenizer", fields.get("pre_tokenizer"), "pretokenizers", SPLITTERS)?;
    for ours in ["truncation", "padding", "post_processor", "decoder"] {
        fields.insert(ours.to_owned(), Value::Null);
    }
    let text = serde_json::to_vec(&value).map_err(|error| error.to_string())?;
    tokenizers::Tokenizer::from_bytes(text).map_err(|error| error.to_string())
}

/// Only byte pair encoding, and only if every merge makes a token of the vocabulary.
fn check_model(model: &Value) -> Result<(), String> {
    let kind = model["type"].as_str().unwrap_or("BPE");
    if kind != "BPE" {
        return Err(format!("its model is {kind}; only BPE is known"));
    }
    let absent = |key: &str| matches!(&model[key], Value::Null) || model[key] == "" || model[key] == 0.0;
    for key in ["dropout", "continuing_subword_prefix"] {
        if !absent(key) {
            return Err(format!("its model sets {key}, which must be absent"));
        }
    }
    let vocab = model["vocab"].as_object().ok_or("its model has no vocab")?;
    let mut ids = HashSet::with_capacity(vocab.len());
    for (token, id) in vocab {
        let id = id.as_u64().filter(|&id| id < MOST_TOKENS);
        let id = id.ok_or_else(|| format!("the id of {token:?} is not a number below {MOST_TOKENS}"))?;
        if !ids.insert(id) {
            return Err(format!("id {id} is given twice"));
        }
    }
    for merge in model["merges"].as_array().ok_or("its model has no merges")? {
        let (a, b) = parts(merge).ok_or_else(|| format!("{merge} is not a merge of two tokens"))?;
        for token in [a, b, &format!("{a}{b}")] {
            if !vocab.contains_key(token) {
                return Err(format!("the merge {merge} needs {token:?}, which is not in the vocab"));
            }
        }
    }
    Ok(())
}

/// A merge in its two spellings: `["a", "b"]` and `"a b"`.
fn parts(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(both) => both.split_once(' ').filter(|(_, b)| !b.contains(' ')),
        Value::Array(both) if both.len() == 2 => Some((both[0].as_str()?, both[1].as_str()?)),
        _ => None,
    }
}

/// A step, or a sequence of steps, of known kinds.
fn check_steps(name: &str, step: Option<&Value>, inner: &str, known: &[&str]) -> Result<(), String> {
    let Some(step) = step.filter(|step| !step.is_null()) else { return Ok(()) };
    let kind = step["type"].as_str().unwrap_or("nothing");
    if kind == "Sequence" {
        let steps = step[inner].as_array().ok_or_else(|| format!("the sequence in {name} has no {inner}"))?;
        return steps.iter().try_for_each(|step| check_steps(name, Some(step), inner, known));
    }
    if known.contains(&kind) {
        return Ok(());
    }
    Err(format!("{name} uses {kind}; known are Sequence, {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn small() -> Value {
        json!({
            "version": "1.0",
            "added_tokens": [],
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
            "pre_tokenizer": {"type": "Whitespace"},
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]},
        })
    }

    fn fault(value: &Value) -> String {
        checked(value.to_string().as_bytes()).err().unwrap_or_default()
    }

    #[test]
    fn contradictions_are_named() {
        assert_eq!(fault(&small()), "");
        let edit = |pointer: &str, new: Value| {
            let mut value = small();
            *value.pointer_mut(pointer).unwrap() = new;
            fault(&value)
        };
        // This one makes the library panic.
        assert!(edit("/model/merges", json!([["ab", "ab"]])).contains("abab"));
        assert!(edit("/model/merges", json!(["a b c"])).contains("not a merge"));
        assert!(edit("/model/vocab", json!({"a": -1})).contains("\"a\""));
        assert!(edit("/model/vocab", json!({"a": 1, "b": 1})).contains("twice"));
        assert!(edit("/model/type", json!("Unigram")).contains("Unigram"));
        assert!(edit("/pre_tokenizer/type", json!("Metaspace")).contains("Metaspace"));
        assert!(edit("/normalizer/normalizers", json!(3)).contains("no normalizers"));
        assert!(checked(b"{").is_err());
        assert!(checked(b"[]").is_err());
        assert!(checked(b"{}").is_err());
        assert!(checked(&vec![b' '; MOST_BYTES + 1]).is_err());
    }

    #[test]
    fn it_splits_as_the_file_says() {
        let tokenizer = checked(small().to_string().as_bytes()).unwrap();
        assert_eq!(tokenizer.encode("AB b", false).unwrap().get_ids(), [2, 1]);
    }
}
