//! Safetensors: the length, the JSON header and its fields, with a body that stays as it was.

use serde_json::{Map, Value, json};

use super::{EXTREMES, Rng, lie, put_lie};

/// Stands in a header where JSON nested too deeply is put.
const DEEP: &str = "\"@deep@\"";

/// A copy with one lie.
pub fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let Some((mut header, body)) = split(bytes) else { return super::flipped(bytes, rng) };
    let mut text = None;
    match rng.below(12) {
        0 => {
            let mut changed = bytes.to_vec();
            put_lie(&mut changed, 0, 8, rng);
            return changed;
        }
        1 => text = Some(format!("{}{}", " ".repeat(rng.below(64)), Value::Object(header.clone()))),
        2 => {
            let depth = 1 << rng.below(18);
            header.insert("__metadata__".to_owned(), json!({"deep": "@deep@"}));
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth * rng.below(2)));
            text = Some(Value::Object(header.clone()).to_string().replace(DEEP, &nested));
        }
        3 => {
            // The same name twice.
            let written = Value::Object(header.clone()).to_string();
            let inside = &written[1..written.len() - 1];
            text = Some(format!("{{{inside},{inside}}}"));
        }
        4 => drop(header.insert("__metadata__".to_owned(), odd(rng))),
        _ => field(&mut header, body.len() as u64, rng),
    }
    join(&text.unwrap_or_else(|| Value::Object(header).to_string()), body)
}

fn split(bytes: &[u8]) -> Option<(Map<String, Value>, &[u8])> {
    let length = usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    let (header, body) = bytes.get(8..)?.split_at_checked(length)?;
    Some((serde_json::from_slice(header).ok()?, body))
}

fn join(header: &str, body: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), body].concat()
}

/// Changes one field of one tensor.
fn field(header: &mut Map<String, Value>, body: u64, rng: &mut Rng) {
    let names: Vec<String> = header.keys().filter(|name| *name != "__metadata__").cloned().collect();
    let Some(name) = names.get(rng.below(names.len())) else { return };
    let other = names[rng.below(names.len())].clone();
    let offsets_of_other = header.get(&other).and_then(|other| other.get("data_offsets")).cloned();
    let Some(Value::Object(tensor)) = header.get_mut(name) else { return };
    match rng.below(9) {
        0 | 1 => dimension(tensor, rng),
        2 => drop(tensor.insert("dtype".to_owned(), dtype(rng))),
        3 => {
            if let Some(offsets) = offsets_of_other {
                tensor.insert("data_offsets".to_owned(), offsets);
            }
        }
        4 => {
            let [from, to] = [0, 1].map(|at| tensor["data_offsets"][at].as_u64().unwrap_or_default());
            let lies = [[to, from], [from, lie(to, rng)], [lie(from, rng), to], [body, body + to - from]];
            tensor.insert("data_offsets".to_owned(), json!(lies[rng.below(lies.len())]));
        }
        5 => drop(tensor.remove(["dtype", "shape", "data_offsets"][rng.below(3)])),
        6 => {
            let key = ["dtype", "shape", "data_offsets"][rng.below(3)];
            tensor.insert(key.to_owned(), odd(rng));
        }
        7 => {
            let value = header.remove(name).unwrap_or_default();
            let letters = ["", ".", "model.", "x"][rng.below(4)].repeat(1 << rng.below(16));
            header.insert(letters, value);
        }
        _ => drop(header.insert(name.clone(), odd(rng))),
    }
}

/// Another dimension, one more, or so many that their product is beyond any file; one that divides keeps the size.
fn dimension(tensor: &mut Map<String, Value>, rng: &mut Rng) {
    let Some(Value::Array(shape)) = tensor.get_mut("shape") else { return };
    match rng.below(4) {
        0 => shape.push(json!(EXTREMES[rng.below(EXTREMES.len())])),
        1 => shape.extend(vec![json!(1); 1 << rng.below(16)]),
        2 => shape.reverse(),
        _ => {
            let at = rng.below(shape.len());
            if let Some(dimension) = shape.get_mut(at) {
                *dimension = json!(lie(dimension.as_u64().unwrap_or_default(), rng));
            }
        }
    }
}

fn dtype(rng: &mut Rng) -> Value {
    const NAMES: [&str; 16] = [
        "F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I64", "I32", "I16", "I8", "U8", "BOOL", "F4",
        "C64", "", "f32",
    ];
    json!(NAMES[rng.below(NAMES.len())])
}

/// A value of another kind.
fn odd(rng: &mut Rng) -> Value {
    let odd = [
        json!(null),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("text"),
        json!([]),
        json!({}),
        json!([[0, 1]]),
        json!({"a": 1}),
    ];
    odd[rng.below(odd.len())].clone()
}
