//! mt19937 as torch's CPU generator runs it (ATen/core/MT19937RNGEngine.h).
//!
//! Whole blocks are renewed at once, in loops without branches that the compiler turns into vector
//! code; `next` says how many of the 624 words are spent, and 624 means that a new block is due.

use serde::{Deserialize, Serialize};

const WORDS: usize = 624;
/// How far ahead a word's partner lies.
const AHEAD: usize = 397;

/// The generator's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub(super) struct Mt19937 {
    /// Always [`WORDS`] long.
    words: Vec<u32>,
    /// Words of the block that are spent, at most [`WORDS`].
    next: usize,
}

/// The state as a file has it, not yet validated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    words: Vec<u32>,
    next: usize,
}

impl TryFrom<Saved> for Mt19937 {
    type Error = String;

    fn try_from(saved: Saved) -> Result<Self, String> {
        if saved.words.len() != WORDS || saved.next > WORDS {
            return Err(format!(
                "a saved noise state has {WORDS} words and a position up to {WORDS}; found {} and {}",
                saved.words.len(),
                saved.next
            ));
        }
        Ok(Self { words: saved.words, next: saved.next })
    }
}

impl Mt19937 {
    pub(super) fn seeded(seed: u32) -> Self {
        let mut words = vec![seed; WORDS];
        for i in 1..WORDS {
            let former = words[i - 1];
            words[i] = 1_812_433_253_u32.wrapping_mul(former ^ (former >> 30)).wrapping_add(i as u32);
        }
        Self { words, next: WORDS }
    }

    /// The next 32-bit output.
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.next == WORDS {
            renew(&mut self.words);
            self.next = 0;
        }
        let word = temper(self.words[self.next]);
        self.next += 1;
        word
    }

    /// A 53-bit uniform number in [0, 1) from two outputs, the first the high word.
    pub(super) fn next_f64(&mut self) -> f64 {
        let high = u64::from(self.next_u32());
        let both = (high << 32) | u64::from(self.next_u32());
        (both & ((1 << 53) - 1)) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Passes over `count` outputs.
    pub(super) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.next_u32();
        }
    }

    /// 24-bit uniform numbers in [0, 1), one output each.
    pub(super) fn fill_uniform(&mut self, values: &mut [f32]) {
        let mut rest = values;
        while !rest.is_empty() {
            if self.next == WORDS {
                renew(&mut self.words);
                self.next = 0;
            }
            let count = rest.len().min(WORDS - self.next);
            let (now, later) = rest.split_at_mut(count);
            for (value, &word) in now.iter_mut().zip(&self.words[self.next..self.next + count]) {
                // Through i32: a vector instruction converts signed words only.
                *value = (temper(word) & 0x00FF_FFFF) as i32 as f32 * (1.0 / 16_777_216.0);
            }
            self.next += count;
            rest = later;
        }
    }
}

#[inline(always)]
fn temper(word: u32) -> u32 {
    let mut y = word;
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C_5680;
    y ^= (y << 15) & 0xEFC6_0000;
    y ^ (y >> 18)
}

/// One word of the next block from two neighbors, without its partner.
#[inline(always)]
fn twist(this: u32, next: u32) -> u32 {
    let mixed = (this & 0x8000_0000) | (next & 0x7FFF_FFFF);
    (mixed >> 1) ^ ((next & 1).wrapping_neg() & 0x9908_B0DF)
}

/// The next block, in place.
///
/// Each word needs its own and the next old word, and a partner 397 ahead: still old for the first
/// 227 words, already new (227 behind) for the others. Slices cut at those seams let the compiler
/// see that nothing overlaps within a stretch.
fn renew(words: &mut [u32]) {
    const SEAM: usize = WORDS - AHEAD;
    let (front, back) = words.split_at_mut(AHEAD);
    for i in 0..SEAM {
        front[i] = back[i] ^ twist(front[i], front[i + 1]);
    }
    // Words 227 to 395 have partners 0 to 168, and 396 borders on the back half.
    let (new, old) = front.split_at_mut(SEAM);
    let count = old.len() - 1;
    for i in 0..count {
        old[i] = new[i] ^ twist(old[i], old[i + 1]);
    }
    old[count] = new[count] ^ twist(old[count], back[0]);
    // Words 397 to 622 have partners 170 to 395; the last borders on word 0, already new.
    let first = front[0];
    let partners = &front[AHEAD - SEAM..];
    let last = SEAM - 1;
    for i in 0..last {
        back[i] = partners[i] ^ twist(back[i], back[i + 1]);
    }
    back[last] = partners[last] ^ twist(back[last], first);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C++ standard (\[rand.predef\]) names the 10,000th output of seed 5489.
    #[test]
    fn ten_thousandth_output() {
        let mut generator = Mt19937::seeded(5489);
        generator.skip(9_999);
        assert_eq!(generator.next_u32(), 4_123_659_995);
    }

    #[test]
    fn filling_and_stepping_agree_from_any_position() {
        for start in [0, 1, 226, 227, 396, 397, 623, 624, 700] {
            let mut stepped = Mt19937::seeded(3);
            stepped.skip(start);
            let mut filled = stepped.clone();
            let mut values = vec![0.0; 2_000];
            filled.fill_uniform(&mut values);
            for value in values {
                assert_eq!(value, (stepped.next_u32() & 0xFF_FFFF) as f32 / 16_777_216.0);
            }
            assert_eq!(filled, stepped);
        }
    }
}
