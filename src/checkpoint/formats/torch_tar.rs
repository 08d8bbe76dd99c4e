//! torch's first files: a tar with a pickle of the object, and apart from it the tensors and the storages.
//!
//! `storages` has a count, each storage's number, place and class as a pickle with its elements behind it, and a
//! list of those that are parts of others; `tensors` a count, each tensor's number, storage and class as a
//! pickle with its dimensions behind it. The object refers to both by these numbers. Invariant: a member's
//! size and every count in it end within the file, else it is refused.

use std::collections::HashMap;
use std::ops::Range;

use super::pickle::{self, Pickle, PickleError, Referred, ReferredTensor, Storage, Value};
use crate::checkpoint::error::Problem;
use crate::checkpoint::formats::file_kind::FileKind;
use crate::checkpoint::formats::state_dict::{StateDict, collect};
use crate::checkpoint::tensor::element::ElementType;
use crate::checkpoint::tensor::model_file::ModelFile;

const FORMAT: &str = "torch";
const BLOCK: usize = 512;
/// What torch puts in, in its order.
const MEMBERS: [&str; 4] = ["sys_info", "pickle", "tensors", "storages"];
/// Headers of such a file: four members, each with one for what its own has no room for.
const MOST_HEADERS: usize = 64;
const MOST_ITEMS: i64 = 200_000;
const MOST_DIMENSIONS: i32 = 8;
/// The object's pickle, and a list of storages that are parts of others.
const LONGEST_PICKLE: usize = 64 << 20;
/// The pickle of one storage or tensor takes about 100 bytes.
const FIRST_LOOK: usize = 512;

/// Lists the tensors of the file that is number `number` in its checkpoint.
pub(crate) fn list(file: &ModelFile, number: usize) -> Result<StateDict, Problem> {
    let members = members(file)?;
    let member = |name: &str| {
        let cut = Problem::CutOff { expected: "the tar's other members", found: file.len() as u64 };
        members.get(name).cloned().ok_or(cut)
    };
    if let Some(told) = members.get("sys_info")
        && Walk::through(file, told.clone()).pickle(|told| Ok(is_big(told)))?
    {
        return Err(Problem::BigEndian);
    }
    let mut referred = Referred::default();
    let places = storages(Walk::through(file, member("storages")?), &mut referred)?;
    tensors(Walk::through(file, member("tensors")?), &mut referred)?;
    let object = member("pickle")?;
    if object.len() > LONGEST_PICKLE {
        return Err(damaged(format!("a list of tensors of {} bytes", object.len())));
    }
    let program = file.read(object)?;
    let read = pickle::read_referring(&program, &referred).map_err(|error| error.problem(file.len()))?;
    collect(&read, (number, file.len()), |storage| {
        let missing = || damaged(format!("no storage {}", storage.key));
        places.get(storage.key.as_ref()).cloned().ok_or_else(missing)
    })
}

fn damaged(found: impl Into<String>) -> Problem {
    Problem::damaged(FORMAT, found)
}

/// Whether the machine that wrote has its numbers the other way round.
fn is_big(told: &Pickle<'_>) -> bool {
    let items = told.items(told.root_handle()).unwrap_or_default();
    items.iter().any(|(key, value)| {
        told.text(*key) == Some("little_endian") && told.value(*value) == &Value::Bool(false)
    })
}

/// Where torch's members lie. A tar of other files is named.
fn members(file: &ModelFile) -> Result<HashMap<&'static str, Range<usize>>, Problem> {
    let mut found = HashMap::new();
    let mut at = 0;
    let mut told_size = None;
    for _ in 0..MOST_HEADERS {
        let Some(header) = header(file, at)? else { break };
        let size = told_size
            .take()
            .or_else(|| number(&header[124..136]))
            .ok_or_else(|| damaged("a tar member without a size"))?;
        let start = at + BLOCK;
        let end = start.checked_add(size).ok_or_else(|| damaged("a tar member that is too large"))?;
        if end > file.len() {
            return Err(Problem::Truncated { expected: end as u64, found: file.len() as u64 });
        }
        match header[156] {
            // What the next header has no room for, or holds for all.
            b'x' | b'g' => told_size = told_size_in(&file.read(start..end.min(start + FIRST_LOOK * 8))?),
            _ => {
                let name = header[..100].split(|byte| *byte == 0).next().unwrap_or_default();
                let known = MEMBERS.iter().find(|known| known.as_bytes() == name);
                // Any other archive begins with another file.
                let name = *known.ok_or(Problem::OtherFile(FileKind::Archive("tar")))?;
                found.insert(name, start..end);
            }
        }
        at = start + size.next_multiple_of(BLOCK);
    }
    Ok(found)
}

/// The header at a place; none behind the last member.
fn header(file: &ModelFile, at: usize) -> Result<Option<[u8; BLOCK]>, Problem> {
    let mut header = [0; BLOCK];
    if at.checked_add(BLOCK).is_none_or(|end| end > file.len()) {
        return Ok(None);
    }
    file.read_at(at, &mut header)?;
    if header.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    // The sum takes its own eight bytes as blanks.
    let sum = |range: Range<usize>| header[range].iter().map(|byte| usize::from(*byte)).sum::<usize>();
    let expected = sum(0..148) + 8 * usize::from(b' ') + sum(156..BLOCK);
    if number(&header[148..156]) != Some(expected) {
        return Err(damaged("a tar header whose sum is another"));
    }
    Ok(Some(header))
}

/// A number in octal digits; one of more than 8 GB is in binary behind a high bit.
fn number(field: &[u8]) -> Option<usize> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        let mut digits = field.iter().enumerate().map(|(at, byte)| if at == 0 { byte & 0x7f } else { *byte });
        return digits.try_fold(0usize, |number, byte| number.checked_mul(256)?.checked_add(byte.into()));
    }
    let text = std::str::from_utf8(field).ok()?;
    usize::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

/// The size in an extended header's lines, each a length and `key=value`.
fn told_size_in(records: &[u8]) -> Option<usize> {
    let records = String::from_utf8_lossy(records);
    let told = records.lines().filter_map(|line| line.split_once(' ')?.1.strip_prefix("size="));
    told.filter_map(|size| size.parse().ok()).next_back()
}

/// A member read from front to back: pickles with numbers between them.
struct Walk<'f> {
    file: &'f ModelFile,
    at: usize,
    end: usize,
}

impl<'f> Walk<'f> {
    fn through(file: &'f ModelFile, member: Range<usize>) -> Self {
        Self { file, at: member.start, end: member.end }
    }

    /// What `take` makes of the pickle here; goes behind it.
    fn pickle<T>(&mut self, take: impl FnOnce(&Pickle<'_>) -> Result<T, Problem>) -> Result<T, Problem> {
        let mut most = FIRST_LOOK;
        loop {
            let end = self.end.min(self.at + most);
            let bytes = self.file.read(self.at..end)?;
            match pickle::read(&bytes) {
                Ok(read) => {
                    self.at += read.length;
                    return take(&read);
                }
                Err(PickleError::CutOff) if end < self.end && most < LONGEST_PICKLE => most *= 8,
                Err(error) => return Err(error.problem(self.file.len())),
            }
        }
    }

    /// A pickled count of what follows.
    fn count(&mut self) -> Result<i64, Problem> {
        self.pickle(|pickle| match pickle.root() {
            Value::Int(count) if (0..=MOST_ITEMS).contains(count) => Ok(*count),
            other => Err(damaged(format!("{other:?} for a count"))),
        })
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut bytes = [0; N];
        if self.end - self.at < N {
            return Err(Problem::Truncated { expected: (self.at + N) as u64, found: self.end as u64 });
        }
        self.file.read_at(self.at, &mut bytes)?;
        self.at += N;
        Ok(bytes)
    }

    /// A number that counts elements.
    fn size(&mut self) -> Result<usize, Problem> {
        let size = i64::from_le_bytes(self.bytes()?);
        usize::try_from(size).map_err(|_| damaged(format!("a size of {size}")))
    }
}

/// Reads the list of storages; where each lies.
fn storages(mut walk: Walk<'_>, referred: &mut Referred) -> Result<HashMap<String, Range<usize>>, Problem> {
    let mut places = HashMap::new();
    for _ in 0..walk.count()? {
        let (key, element) = walk.pickle(storage)?;
        let count = walk.size()?;
        let length = element.size().and_then(|size| size.checked_mul(count));
        let end = length.and_then(|length| length.checked_add(walk.at)).filter(|end| *end <= walk.end);
        let end =
            end.ok_or_else(|| damaged(format!("storage {key} of {count} elements, which end outside")))?;
        places.insert(key.to_string(), walk.at..end);
        referred.storages.insert(key, Storage { key: key.to_string().into(), element, first: 0, count });
        walk.at = end;
    }
    for [key, root, first, count] in walk.pickle(parts)? {
        let whole = referred.storages.get(&root).ok_or_else(|| damaged(format!("no storage {root}")))?;
        let element = whole.element;
        let [first, count] = [first, count].map(|number| usize::try_from(number).ok());
        let (first, count) =
            first.zip(count).ok_or_else(|| damaged(format!("a part {key} without a size")))?;
        // Whether it lies within the whole is checked for each tensor.
        referred.storages.insert(key, Storage { key: root.to_string().into(), element, first, count });
    }
    Ok(places)
}

/// `(number, place, class)`.
fn storage(pickle: &Pickle<'_>) -> Result<(i64, ElementType), Problem> {
    if let Value::Tuple(parts) = pickle.root()
        && let [key, _, class] = parts.as_slice()
        && let Value::Global { module, name } = pickle.value(*class)
        && let Some(key) = pickle.number(*key)
    {
        let unknown = || damaged(format!("numbers of the kind {module}.{name}"));
        return Ok((key, ElementType::of_torch_storage(module, name).ok_or_else(unknown)?));
    }
    Err(damaged("a storage without a name"))
}

/// `[(number, whole, first, count), …]`.
fn parts(pickle: &Pickle<'_>) -> Result<Vec<[i64; 4]>, Problem> {
    let broken = || damaged("a list of storages' parts that is none");
    let Value::List(list) = pickle.root() else { return Err(broken()) };
    let part = |part: &pickle::Handle| {
        let Value::Tuple(numbers) = pickle.value(*part) else { return None };
        let numbers: Option<Vec<i64>> = numbers.iter().map(|number| pickle.number(*number)).collect();
        numbers?.try_into().ok()
    };
    list.iter().map(|item| part(item).ok_or_else(broken)).collect()
}

/// Reads the list of tensors.
fn tensors(mut walk: Walk<'_>, referred: &mut Referred) -> Result<(), Problem> {
    for _ in 0..walk.count()? {
        // One of no elements has no storage: nothing can be read of it.
        let (key, storage) = walk.pickle(tensor)?;
        let dimensions = i32::from_le_bytes(walk.bytes()?);
        walk.bytes::<4>()?;
        if !(0..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(damaged(format!("a tensor of {dimensions} dimensions")));
        }
        let shape = (0..dimensions).map(|_| walk.size()).collect::<Result<_, _>>()?;
        let strides = (0..dimensions).map(|_| walk.size()).collect::<Result<_, _>>()?;
        let offset = walk.size()?;
        if let Some(storage) = storage {
            referred.tensors.insert(key, ReferredTensor { storage, offset, shape, strides });
        }
    }
    Ok(())
}

/// `(number, storage, class)`.
fn tensor(pickle: &Pickle<'_>) -> Result<(i64, Option<i64>), Problem> {
    if let Value::Tuple(parts) = pickle.root()
        && let [key, storage, _] = parts.as_slice()
        && let Some(key) = pickle.number(*key)
    {
        return Ok((key, pickle.number(*storage)));
    }
    Err(damaged("a tensor without a name"))
}
