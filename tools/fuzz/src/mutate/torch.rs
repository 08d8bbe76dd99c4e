//! torch's files: a zip around a pickle, or pickles in a row and counted storages behind them.

use std::io::{Cursor, Read as _, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{Rng, pickle, put_lie};

/// A central entry's fields and a local one's, by place and width behind the signature.
const CENTRAL: [(usize, usize); 11] =
    [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2), (38, 4), (42, 4)];
const LOCAL: [(usize, usize); 6] = [(6, 2), (8, 2), (18, 4), (22, 4), (26, 2), (28, 2)];
const END: [(usize, usize); 5] = [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)];

/// A copy whose pickle lies, within a zip that is whole; or whose zip does.
pub fn mutate_zip(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    if rng.below(3) > 0
        && let Some(changed) = with_other_pickle(bytes, rng)
    {
        return changed;
    }
    let (signature, fields): (&[u8], &[(usize, usize)]) = match rng.below(5) {
        0 | 1 => (b"PK\x01\x02", &CENTRAL),
        2 => (b"PK\x03\x04", &LOCAL),
        3 => (b"PK\x05\x06", &END),
        _ => return two_places_in_one(bytes, rng),
    };
    let places = places(bytes, signature);
    let mut changed = bytes.to_vec();
    if let Some(place) = places.get(rng.below(places.len())) {
        let (at, width) = fields[rng.below(fields.len())];
        put_lie(&mut changed, place + at, width, rng);
    }
    changed
}

fn places(bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    bytes.windows(4).enumerate().filter(|(_, window)| *window == signature).map(|(at, _)| at).collect()
}

/// One entry's bytes are also another's.
fn two_places_in_one(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let places = places(bytes, b"PK\x01\x02");
    let mut changed = bytes.to_vec();
    if let (Some(a), Some(b)) = (places.get(rng.below(places.len())), places.get(rng.below(places.len())))
        && let Some(offset) = bytes.get(a + 42..a + 46)
        && let Some(field) = changed.get_mut(b + 42..b + 46)
    {
        field.copy_from_slice(offset);
    }
    changed
}

fn with_other_pickle(bytes: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut written = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).ok()?;
        let name = entry.name().ok()?.into_owned();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).ok()?;
        if name.ends_with("data.pkl") {
            data = pickle::mutate(&data, rng);
        }
        written.start_file(&*name, options).ok()?;
        written.write_all(&data).ok()?;
    }
    Some(written.finish().ok()?.into_inner())
}

/// A copy whose pickles lie, or the counts of its storages.
pub fn mutate_legacy(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let end = pickle::end(bytes);
    if rng.below(5) == 0 {
        let mut changed = bytes.to_vec();
        put_lie(&mut changed, end, 8, rng);
        return changed;
    }
    let mut changed = pickle::mutate(&bytes[..end], rng);
    changed.extend(&bytes[end..]);
    changed
}
