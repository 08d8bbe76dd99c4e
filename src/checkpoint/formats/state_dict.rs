//! From a pickle's values to named tensors with checked places in the file.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::checkpoint::error::Problem;
use crate::checkpoint::formats::pickle::{Handle, Pickle, Storage, TensorValue, Value};
use crate::checkpoint::kind::Kind;
use crate::checkpoint::tensor::element::ElementType;
use crate::checkpoint::tensor::stored::{Piece, StoredTensor};

const FORMAT: &str = "torch";
const MOST_TENSORS: usize = 100_000;
/// Keys under which programs store the weights, the usual one first.
const WEIGHT_KEYS: &[&str] =
    &["state_dict", "model_state_dict", "model", "module", "weights", EMBEDDING, "params_ema", "params"];
/// The key of the vectors of textual inversion.
const EMBEDDING: &str = "string_to_param";
/// The keys of upscalers' weights. What lies under one of these, or under that of textual inversion, keeps it as the
/// beginning of its names.
const UPSCALER: [&str; 2] = ["params_ema", "params"];
/// Dictionaries within dictionaries that are looked into for the weights.
const DEEPEST: usize = 4;

/// The tensors of a torch file.
pub(crate) struct StateDict {
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
    /// Whether they lay under a key rather than at the top.
    pub(crate) has_key: bool,
    /// What else lay at the top (`optimizer_states`, `callbacks`, …), sorted.
    pub(crate) beside: Vec<String>,
}

/// Finds the weights in a pickle of the file that has this number and length. `locate` returns a
/// storage's bytes in the file.
pub(crate) fn collect(
    pickle: &Pickle<'_>,
    (file, file_length): (usize, usize),
    locate: impl Fn(&Storage<'_>) -> Result<Range<usize>, Problem>,
) -> Result<StateDict, Problem> {
    let top = pickle.root_handle();
    let items = |handle| pickle.items(handle).unwrap_or_default();
    if pickle.items(top).is_none() {
        return Err(Problem::damaged(FORMAT, "no dictionary of tensors"));
    }
    if let Some(kind) = other_kind(pickle, items(top)) {
        return Err(Problem::OtherKind(kind));
    }
    let weights = weights(pickle, top, DEEPEST, &mut HashSet::new()).map_or(top, |found| found.dictionary);
    let has_key = weights != top;
    let beside = if has_key { beside(pickle, items(top)) } else { Vec::new() };
    let is_embedding = top_keys(pickle, items(top)).any(|key| key == EMBEDDING);
    let of_upscaler = items(top).iter().find_map(|(key, value)| {
        let key = pickle.text(*key).filter(|key| UPSCALER.contains(key))?;
        Some((key, *value == weights))
    });
    let telling = match of_upscaler {
        _ if is_embedding => Some(EMBEDDING),
        Some((key, true)) => Some(key),
        _ => None,
    };
    let items = items(weights);
    if items.len() > MOST_TENSORS {
        return Err(Problem::damaged(FORMAT, format!("{} tensors", items.len())));
    }
    let mut tensors = BTreeMap::new();
    for (key, value) in items {
        if let (Some(name), Value::Tensor(tensor)) = (pickle.text(*key), pickle.value(*value)) {
            let named = telling.map_or_else(|| name.to_owned(), |key| format!("{key}.{name}"));
            tensors.insert(named, place(pickle, (name, tensor), (file, file_length), &locate)?);
        }
    }
    if tensors.is_empty() {
        return Err(match of_upscaler {
            _ if is_embedding => Problem::OtherKind(Kind::Embedding),
            Some(_) => Problem::OtherKind(Kind::Upscaler),
            None => Problem::damaged(FORMAT, "no tensor under a name in it"),
        });
    }
    Ok(StateDict { tensors, has_key, beside })
}

/// A dictionary that holds tensors under names.
struct Weights {
    dictionary: Handle,
    tensors: usize,
}

/// The weights in a dictionary: what lies under the first of [`WEIGHT_KEYS`] that leads to tensors,
/// else the dictionary's own tensors, else the largest of the dictionaries in it. Each dictionary is
/// looked into once, however often it is referred to.
fn weights(
    pickle: &Pickle<'_>,
    dictionary: Handle,
    deeper: usize,
    seen: &mut HashSet<Handle>,
) -> Option<Weights> {
    let items = pickle.items(dictionary)?;
    if !seen.insert(dictionary) {
        return None;
    }
    let mut inner = |handle| if deeper > 0 { weights(pickle, handle, deeper - 1, seen) } else { None };
    let under = WEIGHT_KEYS.iter().find_map(|wanted| {
        let (_, value) = items.iter().rfind(|(key, _)| pickle.text(*key) == Some(wanted))?;
        inner(*value)
    });
    if under.is_some() {
        return under;
    }
    let is_tensor = |(key, value): &&(Handle, Handle)| {
        pickle.text(*key).is_some() && matches!(pickle.value(*value), Value::Tensor(_))
    };
    match items.iter().filter(is_tensor).count() {
        0 => {
            let named = items.iter().filter(|(key, _)| pickle.text(*key).is_some());
            named.filter_map(|(_, value)| inner(*value)).max_by_key(|found| found.tensors)
        }
        tensors => Some(Weights { dictionary, tensors }),
    }
}

/// The keys of a dictionary that are texts.
fn top_keys<'p>(pickle: &'p Pickle<'_>, top: &'p [(Handle, Handle)]) -> impl Iterator<Item = &'p str> {
    top.iter().filter_map(|(key, _)| pickle.text(*key))
}

/// What has keys of its own at the top: hypernetworks (the context's widths).
fn other_kind(pickle: &Pickle<'_>, top: &[(Handle, Handle)]) -> Option<Kind> {
    const WIDTHS: [i64; 5] = [320, 640, 768, 1024, 1280];
    top.iter().find_map(|(key, _)| match pickle.value(*key) {
        Value::Int(width) if WIDTHS.contains(width) => Some(Kind::Hypernetwork),
        _ => None,
    })
}

fn beside(pickle: &Pickle<'_>, top: &[(Handle, Handle)]) -> Vec<String> {
    let mut names: Vec<String> = top
        .iter()
        .filter_map(|(key, _)| pickle.text(*key))
        .filter(|key| !WEIGHT_KEYS.contains(key))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Checks that every element of a tensor lies within its storage.
fn place(
    pickle: &Pickle<'_>,
    (name, tensor): (&str, &TensorValue),
    (file, file_length): (usize, usize),
    locate: impl Fn(&Storage<'_>) -> Result<Range<usize>, Problem>,
) -> Result<StoredTensor, Problem> {
    let Value::Storage(storage) = pickle.value(tensor.storage) else {
        return Err(Problem::damaged(FORMAT, format!("no storage for {name}")));
    };
    let outside = || Problem::damaged(FORMAT, format!("{name} outside of its storage"));
    let (size, unit) = sizes(tensor.element, storage.element).ok_or_else(outside)?;
    let within = storage.first.checked_mul(unit).zip(storage.count.checked_mul(unit));
    let (first, length) = within.ok_or_else(outside)?;
    let bytes = locate(storage)?;
    let span =
        span(&tensor.shape, &tensor.strides).and_then(|span| span.checked_mul(size)).ok_or_else(outside)?;
    let offset = tensor.offset.checked_mul(size).ok_or_else(outside)?;
    let end = offset.checked_add(span).filter(|end| *end <= length).ok_or_else(outside)?;
    let end = first.checked_add(end).filter(|end| *end <= bytes.len()).ok_or_else(outside)?;
    // A tensor with a stride of 0 repeats its elements, but none is larger than its whole file.
    let numbers = tensor.shape.iter().try_fold(1usize, |product, d| product.checked_mul(*d));
    numbers
        .and_then(|numbers| numbers.checked_mul(size))
        .filter(|n| *n <= file_length)
        .ok_or_else(outside)?;
    let contiguous = is_row_major(&tensor.shape, &tensor.strides);
    let piece = Piece {
        file,
        bytes: bytes.start + end - span..bytes.start + end,
        strides: (!contiguous).then(|| tensor.strides.clone()),
    };
    Ok(StoredTensor {
        shape: tensor.shape.clone(),
        element: tensor.element,
        pieces: vec![piece],
        scale: None,
    })
}

fn sizes(tensor: ElementType, storage: ElementType) -> Option<(usize, usize)> {
    Some((tensor.size()?, storage.size()?))
}

/// Elements from the first to the last, both included; 0 for an empty tensor.
fn span(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .zip(strides)
        .try_fold(1usize, |span, (d, stride)| (d - 1).checked_mul(*stride)?.checked_add(span))
}

fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1usize;
    for (d, stride) in shape.iter().zip(strides).rev() {
        // The stride of a dimension of one never matters.
        if *d != 1 && *stride != expected {
            return shape.contains(&0);
        }
        expected = expected.saturating_mul(*d);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_order() {
        assert_eq!(span(&[2, 3], &[3, 1]), Some(6));
        assert_eq!(span(&[2, 3], &[1, 2]), Some(6));
        assert_eq!(span(&[2, 0], &[0, 1]), Some(0));
        assert_eq!(span(&[usize::MAX, 3], &[2, 1]), None);
        assert!(is_row_major(&[2, 1, 3], &[3, 77, 1]));
        assert!(!is_row_major(&[2, 3], &[1, 2]));
        assert!(is_row_major(&[], &[]));
    }
}
