//! `Blocks`: GGUF's quantized types, as groups of 32 numbers that kernels widen.
//!
//! Invariant: every number is the one of gguf's own `dequantize`, bit for bit: a product that f32 holds exactly,
//! and a sum that is rounded once.

use half::f16;

use crate::ops::cpu::{Bits, Factors, GROUP, Group, Groups};

/// A type whose numbers are stored in blocks with a scale. The names are GGUF's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it: bits of a number, and the form of the block")]
pub enum Blocks {
    Q8_0,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q4K,
    Q5K,
    Q6K,
}

/// Numbers in a block of the types that end in `K`.
const SUPER: usize = 256;

impl Blocks {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "Q8_0",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Numbers of a block.
    pub(crate) fn numbers(self) -> usize {
        match self {
            Self::Q8_0 | Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => SUPER,
        }
    }

    /// Bytes of a block.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// The form of its groups: what it is kept in where kernels widen it. Codes of five and six bits take eight.
    pub(crate) fn groups(self) -> Groups {
        let (bits, factors) = match self {
            Self::Q8_0 | Self::Q5_0 => (Bits::Eight, Factors::One),
            Self::Q4_0 => (Bits::Four, Factors::One),
            Self::Q4_1 | Self::Q4K => (Bits::Four, Factors::OneAndSum),
            Self::Q5_1 | Self::Q5K => (Bits::Eight, Factors::OneAndSum),
            Self::Q6K => (Bits::Eight, Factors::Two),
        };
        Groups { bits, factors }
    }

    /// Widens whole blocks: `to` has the numbers of the blocks in `from`.
    pub(crate) fn widen(self, from: &[u8], to: &mut [f32]) {
        let factors = self.groups().factors;
        for (block, to) in from.chunks_exact(self.bytes()).zip(to.chunks_exact_mut(self.numbers())) {
            for (j, to) in to.chunks_exact_mut(GROUP).enumerate() {
                let group = self.group(block, j);
                to.iter_mut().enumerate().for_each(|(k, to)| *to = group.number(factors, k));
            }
        }
    }

    /// Fills `to` with the groups of whole blocks from group `first` on.
    pub(crate) fn read(self, from: &[u8], first: usize, to: &mut [Group]) {
        let of_block = self.numbers() / GROUP;
        for (i, to) in (first..).zip(to) {
            *to = self.group(&from[i / of_block * self.bytes()..][..self.bytes()], i % of_block);
        }
    }

    /// Group `j` of a block.
    fn group(self, block: &[u8], j: usize) -> Group {
        match self {
            Self::Q8_0 => one(half(block, 0), 0.0, |k| block[2 + k] as i8),
            Self::Q4_0 => one(half(block, 0), 0.0, |k| nibble(&block[2..], k) as i8 - 8),
            Self::Q4_1 => one(half(block, 0), half(block, 2), |k| nibble(&block[4..], k) as i8),
            Self::Q5_0 => {
                let high = word(block, 2);
                one(half(block, 0), 0.0, |k| (nibble(&block[6..], k) | fifth(high, k)) as i8 - 16)
            }
            Self::Q5_1 => {
                let high = word(block, 4);
                one(half(block, 0), half(block, 2), |k| (nibble(&block[8..], k) | fifth(high, k)) as i8)
            }
            Self::Q4K => {
                let (factor, sum) = scale_min(block, j);
                let quants = &block[16 + j / 2 * GROUP..];
                one(factor, sum, |k| (quants[k] >> (4 * (j % 2)) & 15) as i8)
            }
            Self::Q5K => {
                let (factor, sum) = scale_min(block, j);
                let (high, quants) = (&block[16..48], &block[48 + j / 2 * GROUP..]);
                one(factor, sum, |k| ((quants[k] >> (4 * (j % 2)) & 15) | (high[k] >> j & 1) << 4) as i8)
            }
            Self::Q6K => q6_k(block, j),
        }
    }
}

/// A group with one factor.
fn one(factor: f32, sum: f32, code: impl Fn(usize) -> i8) -> Group {
    Group { factors: [factor; 2], sum, codes: std::array::from_fn(code) }
}

/// The half float at byte `at`.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The 32 bits at byte `at`.
fn word(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// The fifth bit of number `k`, in its place.
fn fifth(high: u32, k: usize) -> u8 {
    ((high >> k) as u8 & 1) << 4
}

/// Number `k` of 32 in 16 bytes: the lower halves, then the upper ones.
fn nibble(bytes: &[u8], k: usize) -> u8 {
    if k < 16 { bytes[k] & 15 } else { bytes[k - 16] >> 4 }
}

/// The factor and the sum of group `j` of 8 of a block with two half floats and twelve bytes of six bits each.
fn scale_min(block: &[u8], j: usize) -> (f32, f32) {
    let (d, dmin, scales) = (half(block, 0), half(block, 2), &block[4..16]);
    let (scale, min) = match j {
        0..4 => (scales[j] & 63, scales[j + 4] & 63),
        _ => (
            (scales[j + 4] & 15) | (scales[j - 4] >> 2 & 0x30),
            (scales[j + 4] >> 4) | (scales[j] >> 2 & 0x30),
        ),
    };
    (d * f32::from(scale), -(dmin * f32::from(min)))
}

/// Group `j` of a block of 256 numbers, whose two halves have a factor each.
fn q6_k(block: &[u8], j: usize) -> Group {
    let (low, high, scales, d) = (&block[..128], &block[128..192], &block[192..208], half(block, 208));
    // 128 numbers a half of the block: four groups, two of lower and two of upper nibbles.
    let (part, run) = (j / 4, j % 4);
    let code = |k: usize| {
        let low = low[part * 64 + run % 2 * 32 + k] >> (4 * (run / 2)) & 15;
        let high = high[part * 32 + k] >> (2 * run) & 3;
        (low | high << 4) as i8 - 32
    };
    let factors = [2 * j, 2 * j + 1].map(|i| d * f32::from(scales[i] as i8));
    Group { factors, sum: 0.0, codes: std::array::from_fn(code) }
}
