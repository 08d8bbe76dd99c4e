//! `Blocks`: GGUF's quantized types, widened to f32.
//!
//! Invariant: every number is the one of gguf's own `dequantize`, bit for bit, so products and sums are
//! taken in its order, each rounded to f32.

use half::f16;

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

    /// Widens whole blocks: `to` has the numbers of the blocks in `from`.
    pub(crate) fn widen(self, from: &[u8], to: &mut [f32]) {
        for (block, to) in from.chunks_exact(self.bytes()).zip(to.chunks_exact_mut(self.numbers())) {
            match self {
                Self::Q8_0 => {
                    let d = half(block, 0);
                    to.iter_mut().zip(&block[2..]).for_each(|(to, q)| *to = f32::from(*q as i8) * d);
                }
                Self::Q4_0 => {
                    let d = half(block, 0);
                    nibbles(&block[2..], to, |q, _| d * (f32::from(q) - 8.0));
                }
                Self::Q4_1 => {
                    let (d, m) = (half(block, 0), half(block, 2));
                    nibbles(&block[4..], to, |q, _| d * f32::from(q) + m);
                }
                Self::Q5_0 => {
                    let (d, high) = (half(block, 0), word(block, 2));
                    nibbles(&block[6..], to, |q, i| d * (f32::from(q | fifth(high, i)) - 16.0));
                }
                Self::Q5_1 => {
                    let (d, m, high) = (half(block, 0), half(block, 2), word(block, 4));
                    nibbles(&block[8..], to, |q, i| d * f32::from(q | fifth(high, i)) + m);
                }
                Self::Q4K => q4_k(block, to),
                Self::Q5K => q5_k(block, to),
                Self::Q6K => q6_k(block, to),
            }
        }
    }
}

/// The half float at byte `at`.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The 32 bits at byte `at`.
fn word(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// The fifth bit of number `i`, in its place.
fn fifth(high: u32, i: usize) -> u8 {
    ((high >> i) as u8 & 1) << 4
}

/// 32 numbers from 16 bytes: the lower halves, then the upper ones.
fn nibbles(bytes: &[u8], to: &mut [f32], number: impl Fn(u8, usize) -> f32) {
    for (i, byte) in bytes.iter().take(16).enumerate() {
        to[i] = number(byte & 15, i);
        to[i + 16] = number(byte >> 4, i + 16);
    }
}

/// The scale and the minimum of group `j` of 8, six bits each, of twelve bytes.
fn scale_min(scales: &[u8], j: usize) -> (f32, f32) {
    let (scale, min) = match j {
        0..4 => (scales[j] & 63, scales[j + 4] & 63),
        _ => (
            (scales[j + 4] & 15) | (scales[j - 4] >> 2 & 0x30),
            (scales[j + 4] >> 4) | (scales[j] >> 2 & 0x30),
        ),
    };
    (f32::from(scale), f32::from(min))
}

fn q4_k(block: &[u8], to: &mut [f32]) {
    let (d, dmin, scales, quants) = (half(block, 0), half(block, 2), &block[4..16], &block[16..]);
    for (j, to) in to.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min(scales, j);
        let (d, m) = (d * scale, dmin * min);
        for (to, byte) in to.iter_mut().zip(&quants[j / 2 * 32..]) {
            *to = d * f32::from(byte >> (4 * (j % 2)) & 15) - m;
        }
    }
}

fn q5_k(block: &[u8], to: &mut [f32]) {
    let (d, dmin, scales) = (half(block, 0), half(block, 2), &block[4..16]);
    let (high, quants) = (&block[16..48], &block[48..]);
    for (j, to) in to.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min(scales, j);
        let (d, m) = (d * scale, dmin * min);
        for ((to, byte), high) in to.iter_mut().zip(&quants[j / 2 * 32..]).zip(high) {
            let q = (byte >> (4 * (j % 2)) & 15) | (high >> j & 1) << 4;
            *to = d * f32::from(q) - m;
        }
    }
}

fn q6_k(block: &[u8], to: &mut [f32]) {
    let (low, high, scales, d) = (&block[..128], &block[128..192], &block[192..208], half(block, 208));
    for (i, to) in to.iter_mut().enumerate() {
        // 128 numbers a half: four runs of 32, two of lower and two of upper nibbles.
        let (part, run, at) = (i / 128, i % 128 / 32, i % 32);
        let low = low[part * 64 + run % 2 * 32 + at] >> (4 * (run / 2)) & 15;
        let high = high[part * 32 + at] >> (2 * run) & 3;
        let q = f32::from(low | high << 4) - 32.0;
        *to = d * f32::from(scales[i / 16] as i8) * q;
    }
}
