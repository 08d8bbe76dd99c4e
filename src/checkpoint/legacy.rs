//! torch's files before 1.6: pickles in a row, then the storages one after another.
//!
//! The pickles: a magic number, the version, the machine that wrote, the object, the storages'
//! names in the order in which they follow, each as a count of elements and the elements.

use std::collections::HashMap;
use std::ops::Range;

use super::error::Problem;
use super::pickle::{self, Pickle, Value};
use super::state_dict::{StateDict, collect};

const FORMAT: &str = "torch";
/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

/// Lists the tensors of the file that is `file`-th in its checkpoint.
pub(crate) fn list(bytes: &[u8], file: usize) -> Result<StateDict, Problem> {
    let mut at = 0;
    let magic = next(bytes, &mut at)?;
    if !matches!(magic.root(), Value::LargeInt(found) if *found == MAGIC) {
        return Err(Problem::damaged(FORMAT, "a pickle without torch's magic number"));
    }
    match next(bytes, &mut at)?.root() {
        Value::Int(VERSION) => {}
        other => return Err(Problem::damaged(FORMAT, format!("version {other:?} where {VERSION} is known"))),
    }
    let machine = next(bytes, &mut at)?;
    let is_big = |(key, value): &(_, _)| {
        machine.text(*key) == Some("little_endian") && machine.value(*value) == &Value::Bool(false)
    };
    if machine.items(machine.root_handle()).is_some_and(|items| items.iter().any(is_big)) {
        return Err(Problem::BigEndian);
    }
    let object = next(bytes, &mut at)?;
    let names = next(bytes, &mut at)?;
    let storages = lay_out(bytes, at, &object, &names)?;
    collect(&object, (file, bytes.len()), |storage| {
        let missing = || Problem::damaged(FORMAT, format!("no storage {}", storage.key));
        storages.get(storage.key.as_ref()).cloned().ok_or_else(missing)
    })
}

fn next<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Pickle<'a>, Problem> {
    let rest = bytes.get(*at..).unwrap_or_default();
    let pickle = pickle::read(rest).map_err(|error| error.problem(bytes.len()))?;
    *at += pickle.length;
    Ok(pickle)
}

/// The bytes of each storage, in the order of `names`, from `at` on.
fn lay_out<'a>(
    bytes: &[u8],
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
    let found = bytes.len() as u64;
    let mut storages = HashMap::new();
    for name in order {
        let name = names.text(*name).ok_or_else(|| Problem::damaged(FORMAT, "a storage without a name"))?;
        let size = *sizes
            .get(name)
            .ok_or_else(|| Problem::damaged(FORMAT, format!("storage {name}, which nothing refers to")))?;
        let Some(count) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
            return Err(Problem::Truncated { expected: at as u64 + 8, found });
        };
        let count = u64::from_le_bytes(*count);
        at += 8;
        let end = count.checked_mul(size as u64).and_then(|length| length.checked_add(at as u64));
        let end =
            end.ok_or_else(|| Problem::damaged(FORMAT, format!("storage {name} of {count} elements")))?;
        match usize::try_from(end) {
            Ok(stop) if stop <= bytes.len() => {
                storages.insert(name, at..stop);
                at = stop;
            }
            _ => return Err(Problem::Truncated { expected: end, found }),
        }
    }
    Ok(storages)
}
