//! GGUF: counts, lengths, types, dimensions and offsets of its head, changed one at a time.

use super::{Rng, put_lie};

/// Reads the head and notes every number in it: (place, width).
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    found: Vec<(usize, usize)>,
}

impl Fields<'_> {
    fn number(&mut self, width: usize) -> Option<u64> {
        let field = self.bytes.get(self.at..self.at.checked_add(width)?)?;
        self.found.push((self.at, width));
        self.at += width;
        Some(field.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn skip(&mut self, length: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(length).ok()?)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    fn text(&mut self) -> Option<()> {
        let length = self.number(8)?;
        self.skip(length)
    }

    fn value(&mut self, kind: u64) -> Option<()> {
        match kind {
            0 | 1 | 7 => self.skip(1),
            2 | 3 => self.skip(2),
            4..=6 => self.skip(4),
            8 => self.text(),
            9 => {
                let (kind, count) = (self.number(4)?, self.number(8)?);
                (0..count).try_for_each(|_| self.value(kind))
            }
            10..=12 => self.skip(8),
            _ => None,
        }
    }

    fn head(&mut self) -> Option<()> {
        self.skip(4)?;
        self.number(4)?;
        let (tensors, values) = (self.number(8)?, self.number(8)?);
        for _ in 0..values {
            self.text()?;
            let kind = self.number(4)?;
            self.value(kind)?;
        }
        for _ in 0..tensors {
            self.text()?;
            for _ in 0..self.number(4)? {
                self.number(8)?;
            }
            self.number(4)?;
            self.number(8)?;
        }
        Some(())
    }
}

/// A copy with one lie.
pub fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut fields = Fields { bytes, at: 0, found: Vec::new() };
    // What was read before the end is enough.
    fields.head().unwrap_or_default();
    let mut changed = bytes.to_vec();
    if let Some(&(at, width)) = fields.found.get(rng.below(fields.found.len())) {
        put_lie(&mut changed, at, width, rng);
    }
    changed
}
