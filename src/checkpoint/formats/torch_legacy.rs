//! torch's files before 1.6: pickles in a row, then the storages one after another.
//!
//! The pickles: a magic number, the version, the machine that wrote, the object, the storages'
//! names in the order in which they follow, each as a count of elements and the elements.

use std::collections::HashMap;
use std::ops::Range;

use crate::checkpoint::error::Problem;
use crate::checkpoint::formats::pickle::{self, Pickle, PickleError, Value};
use crate::checkpoint::formats::state_dict::{StateDict, collect};
use crate::checkpoint::tensor::model_file::ModelFile;

const FORMAT: &str = "torch";
/// torch's magic number 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;
/// Bytes at the beginning that are looked at first; a full v1 checkpoint's pickles have 0.5 MB.
const FIRST_LOOK: usize = 1 << 20;
/// The most that its pickles may take.
const LONGEST_PICKLES: usize = 128 << 20;

/// Lists the tensors of the file that is number `number` in its checkpoint.
pub(crate) fn list(file: &ModelFile, number: usize) -> Result<StateDict, Problem> {
    let most = file.len().min(LONGEST_PICKLES);
    let mut looked_at = FIRST_LOOK.min(most);
    loop {
        let head = file.head(looked_at)?;
        match list_from(&head, file, number) {
            // The pickles are longer: read more.
            Err(Problem::CutOff { .. }) if looked_at < most => {
                looked_at = looked_at.saturating_mul(4).min(most)
            }
            other => return other,
        }
    }
}

/// The same from the file's first bytes.
fn list_from(head: &[u8], file: &ModelFile, number: usize) -> Result<StateDict, Problem> {
    let mut at = 0;
    let mut next = || {
        let pickle = pickle::read(head.get(at..).unwrap_or_default())?;
        at += pickle.length;
        Ok(pickle)
    };
    let mut next = || next().map_err(|error: PickleError| error.problem(file.len()));
    let magic = next()?;
    if !matches!(magic.root(), Value::LargeInt(found) if *found == MAGIC) {
        return Err(Problem::damaged(FORMAT, "a pickle without torch's magic number"));
    }
    match next()?.root() {
        Value::Int(VERSION) => {}
        other => return Err(Problem::damaged(FORMAT, format!("version {other:?} where {VERSION} is known"))),
    }
    let machine = next()?;
    let is_big = |(key, value): &(_, _)| {
        machine.text(*key) == Some("little_endian") && machine.value(*value) == &Value::Bool(false)
    };
    if machine.items(machine.root_handle()).is_some_and(|items| items.iter().any(is_big)) {
        return Err(Problem::BigEndian);
    }
    let object = next()?;
    let names = next()?;
    let storages = lay_out(file, at, &object, &names)?;
    collect(&object, (number, file.len()), |storage| {
        let missing = || Problem::damaged(FORMAT, format!("no storage {}", storage.key));
        storages.get(storage.key.as_ref()).cloned().ok_or_else(missing)
    })
}

/// The bytes of each storage, in the order of `names`, from `at` on.
fn lay_out<'a>(
    file: &ModelFile,
    mut at: usize,
    object: &Pickle<'_>,
    names: &'a Pickle<'_>,
) -> Result<HashMap<&'a str, Range<usize>>, Problem> {
    let (Value::List(order) | Value::Tuple(order)) = names.root() else {
        return Err(Problem::damaged(FORMAT, "no list of storages"));
    };
    let sizes: HashMap<&str, usize> = object
        .storages()
        .filter_map(|storage| Some((storage.key.as_ref(), storage.element.size()?)))
        .collect();
    let found = file.len() as u64;
    let mut storages = HashMap::new();
    for name in order {
        let name = names.text(*name).ok_or_else(|| Problem::damaged(FORMAT, "a storage without a name"))?;
        let size = *sizes
            .get(name)
            .ok_or_else(|| Problem::damaged(FORMAT, format!("storage {name}, which nothing refers to")))?;
        if file.len().saturating_sub(at) < 8 {
            return Err(Problem::Truncated { expected: at as u64 + 8, found });
        }
        let mut count = [0; 8];
        file.read_at(at, &mut count)?;
        let count = u64::from_le_bytes(count);
        at += 8;
        let end = count.checked_mul(size as u64).and_then(|length| length.checked_add(at as u64));
        let end =
            end.ok_or_else(|| Problem::damaged(FORMAT, format!("storage {name} of {count} elements")))?;
        match usize::try_from(end) {
            Ok(stop) if stop <= file.len() => {
                storages.insert(name, at..stop);
                at = stop;
            }
            _ => return Err(Problem::Truncated { expected: end, found }),
        }
    }
    Ok(storages)
}
