//! The GGUF format, versions 2 and 3: key-value pairs, the tensors' names and places, then their blocks.
//!
//! Traps: dimensions are stored innermost first; a tensor that was reshaped before it was quantized has its
//! shape under `comfy.gguf.orig_shape.NAME`. Blocks lie one after another in row-major order whatever the
//! shape, so a shape of equal count is all that changes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::checkpoint::error::Problem;
use crate::checkpoint::tensor::blocks::Blocks;
use crate::checkpoint::tensor::element::ElementType;
use crate::checkpoint::tensor::model_file::ModelFile;
use crate::checkpoint::tensor::stored::{Piece, StoredTensor, Tensors};

const FORMAT: &str = "GGUF";
/// A header is read in pieces that grow up to this.
const FIRST_LOOK: usize = 1 << 20;
const LONGEST_HEADER: usize = 256 << 20;
const MOST_TENSORS: u64 = 100_000;
const MOST_PAIRS: u64 = 100_000;
const MOST_DIMENSIONS: u32 = 8;
/// Where tensors begin, unless `general.alignment` says otherwise.
const ALIGNMENT: u64 = 32;
const ORIGINAL_SHAPE: &str = "comfy.gguf.orig_shape.";

/// Lists the tensors of the file that is number `number` in its checkpoint, and its texts.
pub(crate) fn list(file: &ModelFile, number: usize) -> Result<(Tensors, Map<String, Value>), Problem> {
    let most = file.len().min(LONGEST_HEADER);
    let mut looked_at = FIRST_LOOK.min(most);
    loop {
        let head = file.head(looked_at)?;
        match list_from(&head, file.len() as u64, number) {
            // The header is longer: read more.
            Err(Problem::CutOff { .. }) if looked_at < most => {
                looked_at = looked_at.saturating_mul(4).min(most);
            }
            other => return other,
        }
    }
}

/// The same from the file's first bytes and its length.
pub(crate) fn list_from(
    head: &[u8],
    length: u64,
    number: usize,
) -> Result<(Tensors, Map<String, Value>), Problem> {
    let mut reader = Reader { bytes: head, at: 0, length };
    reader.take(4)?;
    let version = reader.u32()?;
    if version.swap_bytes() <= 3 && version != 0 {
        return Err(Problem::BigEndian);
    }
    if !(2..=3).contains(&version) {
        return Err(Problem::damaged(FORMAT, format!("version {version}, where 2 and 3 are known")));
    }
    let (tensors, pairs) = (reader.u64()?, reader.u64()?);
    if tensors > MOST_TENSORS || pairs > MOST_PAIRS {
        return Err(Problem::damaged(FORMAT, format!("{tensors} tensors and {pairs} pairs")));
    }
    let told = (0..pairs).map(|_| reader.pair()).collect::<Result<Vec<_>, _>>()?;
    let told = Told::of(told);
    let entries = (0..tensors).map(|_| reader.entry()).collect::<Result<Vec<_>, _>>()?;
    let start = (reader.at as u64).next_multiple_of(told.alignment);
    let mut found = Tensors::new();
    for entry in entries {
        let tensor = entry.place(&told, (start, length), number)?;
        found.insert(entry.name, tensor);
    }
    Ok((found, told.texts))
}

/// What the pairs tell.
struct Told {
    alignment: u64,
    shapes: BTreeMap<String, Vec<usize>>,
    texts: Map<String, Value>,
}

impl Told {
    fn of(pairs: Vec<(String, Pair)>) -> Self {
        let mut told = Self { alignment: ALIGNMENT, shapes: BTreeMap::new(), texts: Map::new() };
        for (key, pair) in pairs {
            match pair {
                Pair::Number(n) if key == "general.alignment" && n.is_power_of_two() && n <= 1 << 20 => {
                    told.alignment = n;
                }
                Pair::Numbers(shape) => {
                    if let Some(name) = key.strip_prefix(ORIGINAL_SHAPE) {
                        told.shapes.insert(name.to_owned(), shape);
                    }
                }
                Pair::Text(text) => drop(told.texts.insert(key, text.into())),
                Pair::Number(_) | Pair::Other => {}
            }
        }
        told
    }
}

/// A value, as far as it is of use.
enum Pair {
    Number(u64),
    Numbers(Vec<usize>),
    Text(String),
    Other,
}

/// A tensor's line in the header.
struct Entry {
    name: String,
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
}

impl Entry {
    /// The tensor at its checked place; one of a type that is not read is listed all the same, without a place.
    fn place(&self, told: &Told, (start, length): (u64, u64), file: usize) -> Result<StoredTensor, Problem> {
        let odd = |what: &str| Problem::damaged(FORMAT, format!("{what} of {}", self.name));
        let count = self.shape.iter().try_fold(1usize, |count, d| count.checked_mul(*d));
        let count = count.ok_or_else(|| odd("a shape"))?;
        let element = element(self.kind);
        let from = start.checked_add(self.offset).ok_or_else(|| odd("an offset"))?;
        let bytes = match element.bytes_of(count) {
            Some(bytes) => bytes,
            None if matches!(element, ElementType::Other(_)) => {
                return Ok(self.stored(element, self.shape.clone(), file, 0..0));
            }
            None => return Err(odd("a count of numbers that fills no block")),
        };
        let expected = from.checked_add(bytes as u64).ok_or_else(|| odd("an offset"))?;
        if expected > length {
            return Err(Problem::Truncated { expected, found: length });
        }
        let original = told.shapes.get(&self.name);
        let shape = match original {
            Some(shape) if shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)) == Some(count) => {
                shape.clone()
            }
            Some(_) => return Err(odd("an original shape of another size")),
            None => self.shape.clone(),
        };
        Ok(self.stored(element, shape, file, from as usize..expected as usize))
    }

    fn stored(
        &self,
        element: ElementType,
        shape: Vec<usize>,
        file: usize,
        bytes: std::ops::Range<usize>,
    ) -> StoredTensor {
        let piece = Piece { file, bytes, strides: None };
        StoredTensor { shape, element, pieces: vec![piece], scale: None }
    }
}

/// The type of ggml's number.
fn element(kind: u32) -> ElementType {
    match kind {
        0 => ElementType::F32,
        1 => ElementType::F16,
        2 => ElementType::Blocks(Blocks::Q4_0),
        3 => ElementType::Blocks(Blocks::Q4_1),
        6 => ElementType::Blocks(Blocks::Q5_0),
        7 => ElementType::Blocks(Blocks::Q5_1),
        8 => ElementType::Blocks(Blocks::Q8_0),
        12 => ElementType::Blocks(Blocks::Q4K),
        13 => ElementType::Blocks(Blocks::Q5K),
        14 => ElementType::Blocks(Blocks::Q6K),
        24 => ElementType::I8,
        25 => ElementType::I16,
        26 => ElementType::I32,
        27 => ElementType::I64,
        28 => ElementType::F64,
        30 => ElementType::Bf16,
        10 => ElementType::Other("Q2_K"),
        11 => ElementType::Other("Q3_K"),
        16..=23 | 29 => ElementType::Other("an IQ type"),
        _ => ElementType::Other("an unknown type"),
    }
}

/// The header's bytes, read one after another.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    length: u64,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let cut = Problem::CutOff { expected: "a whole GGUF header", found: self.length };
        self.at = end.unwrap_or(self.at);
        taken.ok_or(cut)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| Problem::damaged(FORMAT, "a number that is cut"))
    }

    fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Problem> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Result<usize, Problem> {
        let length = self.u64()?;
        let fits = usize::try_from(length).ok().filter(|_| length <= self.length);
        fits.ok_or_else(|| Problem::damaged(FORMAT, format!("a text of {length} bytes")))
    }

    fn text(&mut self) -> Result<String, Problem> {
        let length = self.length()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn pair(&mut self) -> Result<(String, Pair), Problem> {
        let key = self.text()?;
        let kind = self.u32()?;
        Ok((key, self.value(kind)?))
    }

    /// A value of one of GGUF's thirteen types.
    fn value(&mut self, kind: u32) -> Result<Pair, Problem> {
        Ok(match kind {
            8 => Pair::Text(self.text()?),
            9 => {
                let (kind, count) = (self.u32()?, self.u64()?);
                if count > self.length {
                    return Err(Problem::damaged(FORMAT, format!("a list of {count} values")));
                }
                if kind == 9 {
                    return Err(Problem::damaged(FORMAT, "a list of lists"));
                }
                let mut numbers = Vec::new();
                for _ in 0..count {
                    let value = self.value(kind)?;
                    // A longer list is no shape: its values are passed over.
                    if let Pair::Number(number) = value
                        && count <= u64::from(MOST_DIMENSIONS)
                    {
                        numbers.extend(usize::try_from(number));
                    }
                }
                Pair::Numbers(numbers)
            }
            _ => {
                let size = match kind {
                    0 | 1 | 7 => 1,
                    2 | 3 => 2,
                    4..=6 => 4,
                    10..=12 => 8,
                    _ => return Err(Problem::damaged(FORMAT, format!("a value of type {kind}"))),
                };
                let mut word = [0; 8];
                word[..size].copy_from_slice(self.take(size)?);
                // Floats are of no use; a negative number is no shape.
                if matches!(kind, 6 | 12) { Pair::Other } else { Pair::Number(u64::from_le_bytes(word)) }
            }
        })
    }

    fn entry(&mut self) -> Result<Entry, Problem> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if dimensions > MOST_DIMENSIONS {
            return Err(Problem::damaged(FORMAT, format!("{dimensions} dimensions of {name}")));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let d = self.u64()?;
            shape.push(usize::try_from(d).map_err(|_| Problem::damaged(FORMAT, format!("a side of {d}")))?);
        }
        shape.reverse();
        Ok(Entry { name, shape, kind: self.u32()?, offset: self.u64()? })
    }
}
