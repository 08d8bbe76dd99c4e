//! Valid files with one field changed and the rest consistent: tensors or one sentence, never a panic.
//!
//! Byte flips alone die in the first check (see `damage`). `SAFELIGHT_MUTATIONS` sets how many of each format
//! are tried; the seed is fixed.

use std::fs;
use std::ops::Range;
use std::path::Path;

use safelight::checkpoint::{Checkpoint, guess_config, inspect};
use safelight::ops::host::TensorSource;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{fixture, gguf};

/// How many of each format are tried, unless the environment says otherwise.
const TRIED: usize = 150;

/// Repeatable numbers.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 29)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    /// A number that breaks sums and products, or one beside `present`.
    fn odd(&mut self, present: u64) -> u64 {
        let odd = [0, 1, present.wrapping_sub(1), present.wrapping_add(1), present.wrapping_mul(2), 1 << 31];
        let huge = [1 << 40, 1 << 62, u64::MAX, u64::MAX - 7, i64::MAX as u64, self.next()];
        let all: Vec<u64> = odd.into_iter().chain(huge).collect();
        all[self.below(all.len())]
    }
}

/// Opens and reads everything.
fn read_all(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    match Checkpoint::open(path) {
        Err(error) => assert!(error.to_string().len() < 700, "{error}"),
        Ok(found) => {
            for name in found.names() {
                if let Ok(tensor) = found.tensor(&name) {
                    assert_eq!(tensor.len(), tensor.shape.iter().product::<usize>());
                }
            }
            drop(guess_config(&found));
            inspect(&found);
        }
    }
}

fn try_all(mut changed: impl FnMut(&mut Draw) -> Vec<u8>) {
    let tried = std::env::var("SAFELIGHT_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(TRIED);
    let folder = TempDir::new().unwrap();
    let mut draw = Draw(1);
    for _ in 0..tried {
        read_all(&folder.path().join("file"), &changed(&mut draw));
    }
}

#[test]
fn a_safetensors_header_with_one_entry_changed() {
    let bytes = fs::read(fixture("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let names: Vec<String> = header.as_object().unwrap().keys().cloned().collect();
    try_all(|draw| {
        let mut header = header.clone();
        let entry = &mut header[&names[draw.below(names.len())]];
        match draw.below(4) {
            0 => entry["dtype"] = json!(["F64", "F8_E4M3", "BOOL", "F4", "?"][draw.below(5)]),
            1 => entry["data_offsets"][draw.below(2)] = json!(draw.odd(64)),
            2 => entry["shape"] = json!([draw.odd(4), draw.odd(4), draw.odd(1)]),
            _ => {
                let sides = entry["shape"].as_array().map_or(0, Vec::len);
                if sides > 0 {
                    entry["shape"][draw.below(sides)] = json!(draw.odd(4));
                }
            }
        }
        let text = header.to_string();
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &bytes[8 + length..]].concat()
    });
}

/// The numbers in a GGUF header that [`gguf::write_gguf`] wrote.
fn gguf_fields(bytes: &[u8], tensors: usize) -> Vec<Range<usize>> {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let mut fields = vec![4..8, 8..16, 16..24, 24..32];
    let mut at = 32 + word(24);
    fields.extend([at..at + 4, at + 4..at + 12]);
    at += 12 + word(at + 4);
    for _ in 0..tensors {
        fields.push(at..at + 8);
        at += 8 + word(at);
        let sides = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        fields.push(at..at + 4);
        fields.extend((0..sides).map(|side| at + 4 + 8 * side..at + 12 + 8 * side));
        at += 4 + 8 * sides;
        fields.extend([at..at + 4, at + 4..at + 12]);
        at += 12;
    }
    fields
}

#[test]
fn a_gguf_header_with_one_number_changed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.gguf");
    let tensors: Vec<_> = [(8u32, 34), (2, 18), (12, 144), (14, 210), (0, 4), (1, 2)]
        .iter()
        .enumerate()
        .map(|(i, (kind, block))| {
            let side = if *kind >= 12 { 256 } else { 32 };
            let bytes = if *kind < 2 { side * block } else { *block };
            (format!("tensor.{i}"), *kind, vec![1, side], vec![7; bytes])
        })
        .collect();
    gguf::write_gguf(&path, &tensors);
    let bytes = fs::read(&path).unwrap();
    let fields = gguf_fields(&bytes, tensors.len());
    assert_eq!(Checkpoint::open(&path).unwrap().tensors().count(), tensors.len());
    try_all(|draw| {
        let mut bytes = bytes.clone();
        let field = fields[draw.below(fields.len())].clone();
        let mut present = [0; 8];
        present[..field.len()].copy_from_slice(&bytes[field.clone()]);
        let odd = draw.odd(u64::from_le_bytes(present)).to_le_bytes();
        bytes[field.clone()].copy_from_slice(&odd[..field.len()]);
        bytes
    });
}

/// The arguments of a pickle's opcodes from `at` on: numbers, lengths and places in the memo.
fn pickle_fields(bytes: &[u8], mut at: usize) -> (Vec<Range<usize>>, usize) {
    let mut fields = Vec::new();
    loop {
        let opcode = bytes[at];
        at += 1;
        let line = |from: usize| from + bytes[from..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let size = match opcode {
            b'.' => return (fields, at),
            b'K' | b'h' | b'q' | 0x80 => 1,
            b'M' => 2,
            b'J' | b'j' | b'r' => 4,
            b'G' => 8,
            b'c' => {
                at = line(line(at));
                continue;
            }
            b'X' => {
                let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
                fields.push(at..at + 4);
                at += 4 + length;
                continue;
            }
            0x8a => {
                fields.push(at..at + 1);
                at += 1 + usize::from(bytes[at]);
                continue;
            }
            _ => 0,
        };
        if size > 0 {
            fields.push(at..at + size);
        }
        at += size;
    }
}

#[test]
fn a_pickle_with_one_argument_changed() {
    let bytes = fs::read(fixture("model-legacy.ckpt")).unwrap();
    let (mut fields, mut at) = (Vec::new(), 0);
    for _ in 0..5 {
        let (found, end) = pickle_fields(&bytes, at);
        fields.extend(found);
        at = end;
    }
    assert!(fields.len() > 1000, "{} fields", fields.len());
    try_all(|draw| {
        let mut bytes = bytes.clone();
        let field = fields[draw.below(fields.len())].clone();
        let mut present = [0; 8];
        present[..field.len()].copy_from_slice(&bytes[field.clone()]);
        let odd = draw.odd(u64::from_le_bytes(present)).to_le_bytes();
        bytes[field.clone()].copy_from_slice(&odd[..field.len()]);
        bytes
    });
}

#[test]
fn a_zip_with_one_field_of_its_directory_changed() {
    let bytes = fs::read(fixture("model.ckpt")).unwrap();
    let entries: Vec<usize> =
        (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02")).collect();
    let end = (0..bytes.len() - 4).rfind(|at| bytes[*at..].starts_with(b"PK\x05\x06")).unwrap();
    // Method, sizes, lengths of names, offset; counts and the place of the directory.
    let of_entry = [(10, 2), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)];
    let of_end = [(8, 2), (10, 2), (12, 4), (16, 4)];
    try_all(|draw| {
        let mut bytes = bytes.clone();
        let (start, (offset, size)) = match draw.below(4) {
            0 => (end, of_end[draw.below(of_end.len())]),
            _ => (entries[draw.below(entries.len())], of_entry[draw.below(of_entry.len())]),
        };
        let field = start + offset..start + offset + size;
        let mut present = [0; 8];
        present[..size].copy_from_slice(&bytes[field.clone()]);
        let odd = draw.odd(u64::from_le_bytes(present)).to_le_bytes();
        bytes[field].copy_from_slice(&odd[..size]);
        bytes
    });
}
