//! Damage as it hurts: most changes touch one field of a valid file and keep the rest consistent, since bytes that are
//! flipped anywhere die in the first check.
//!
//! Invariant: the same seed makes the same file. Shared with the tests of the program, so it names nothing but `std`,
//! `serde_json` and `zip`.

mod gguf;
mod pickle;
mod rng;
mod safetensors;
mod tar;
mod torch;

pub use rng::Rng;

/// A file format that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Safetensors: models, and what is laid over them.
    Safetensors,
    /// torch's zip.
    TorchZip,
    /// torch's row of pickles, before 1.6.
    TorchLegacy,
    /// torch's tar, of its first versions.
    TorchTar,
    /// GGUF.
    Gguf,
}

impl Format {
    /// What a file with these first bytes is.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.get(..4)? {
            b"PK\x03\x04" => Some(Self::TorchZip),
            b"GGUF" => Some(Self::Gguf),
            [0x80, ..] => Some(Self::TorchLegacy),
            _ if bytes.get(257..262) == Some(b"ustar") => Some(Self::TorchTar),
            _ => bytes.get(8..9).filter(|first| *first == b"{").map(|_| Self::Safetensors),
        }
    }
}

/// Values that lie: lengths, counts, offsets and dimensions.
const EXTREMES: [u64; 14] = [
    0,
    1,
    2,
    255,
    256,
    65_535,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    1 << 60,
    1 << 62,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX,
];

/// A damaged copy of a valid file.
pub fn mutate(format: Format, bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0 => cut(bytes, rng),
        1 => flipped(bytes, rng),
        _ => match format {
            Format::Safetensors => safetensors::mutate(bytes, rng),
            Format::TorchZip => torch::mutate_zip(bytes, rng),
            Format::TorchLegacy => torch::mutate_legacy(bytes, rng),
            Format::TorchTar => tar::mutate(bytes, rng),
            Format::Gguf => gguf::mutate(bytes, rng),
        },
    }
}

/// The file as far as one of its hundredths.
fn cut(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    bytes[..bytes.len() * rng.below(100) / 100].to_vec()
}

/// A few bytes changed, most of them near the beginning or the end, where the headers are.
fn flipped(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..1 + rng.below(4) {
        let near = (bytes.len() / 4).clamp(1, 4096);
        let at = match rng.below(3) {
            0 => rng.below(near),
            1 => bytes.len() - 1 - rng.below(near),
            _ => rng.below(bytes.len()),
        };
        if let Some(byte) = changed.get_mut(at) {
            *byte = rng.next() as u8;
        }
    }
    changed
}

/// Puts an integer that lies in `width` bytes at `at`: an extreme, or one beside what was there.
fn put_lie(bytes: &mut [u8], at: usize, width: usize, rng: &mut Rng) {
    let Some(field) = at.checked_add(width).and_then(|end| bytes.get_mut(at..end)) else { return };
    let mut was = [0; 8];
    was[..width.min(8)].copy_from_slice(&field[..width.min(8)]);
    let lie = lie(u64::from_le_bytes(was), rng);
    field[..width.min(8)].copy_from_slice(&lie.to_le_bytes()[..width.min(8)]);
}

/// A number that is not the one that was there.
fn lie(was: u64, rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => was.wrapping_add(1),
        1 => was.wrapping_sub(1),
        2 => was.wrapping_mul(2 + rng.next() % 5),
        _ => EXTREMES[rng.below(EXTREMES.len())],
    }
}
