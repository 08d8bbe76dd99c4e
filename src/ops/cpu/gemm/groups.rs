//! `Groups`: numbers that are whole ones of a few bits, times a factor that 32 of them share.
//!
//! Such numbers come so from a file, and are kept bit for bit, or are rounded while they are packed. Trap: a product
//! of a code and its factor is exact in f32 for all of GGUF's types, so what adds to it rounds once; numbers
//! would differ from gguf's if that were fused with anything else.

use bytemuck::{Pod, Zeroable};
use half::f16;

/// Outputs in a panel, each with a lane of every group.
pub const PANEL: usize = 16;
/// Columns of a group, as GGUF's smallest blocks have it.
pub const GROUP: usize = 32;
/// Columns that one factor is for, where a group has two.
pub(super) const HALF: usize = GROUP / 2;

/// Bits of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// −128 to 127.
    Eight,
    /// Sixteen codes; the lower half of a byte is 16 columns before the upper one.
    Four,
}

/// What makes numbers of a group's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factors {
    /// A factor in f16; four bits are −8 to 7.
    One,
    /// A factor in f32 and a number that is added in f32; four bits are 0 to 15.
    OneAndSum,
    /// A factor in f32 for each half of the group; four bits are −8 to 7.
    Two,
}

/// The form of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// What a code takes.
    pub bits: Bits,
    /// What it is multiplied with.
    pub factors: Factors,
}

/// Numbers of a group, as they come from a file: code × factor + sum.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    /// The factors of each half; equal where there is one, and then half floats where that is in f16.
    pub factors: [f32; 2],
    /// What is added; not looked at where nothing is.
    pub sum: f32,
    /// The whole numbers.
    pub codes: [i8; GROUP],
}

impl Group {
    /// Its number `k`, as GGUF's own library makes it.
    pub fn number(&self, factors: Factors, k: usize) -> f32 {
        let product = f32::from(self.codes[k]) * self.factors[k / HALF];
        if factors == Factors::OneAndSum { product + self.sum } else { product }
    }
}

impl Groups {
    /// 8 bits with a factor in f16.
    pub const Q8: Self = Self { bits: Bits::Eight, factors: Factors::One };
    /// 4 bits with a factor in f16.
    pub const Q4: Self = Self { bits: Bits::Four, factors: Factors::One };

    /// Bytes of the factors of a panel's group, which come before its codes.
    pub(super) fn factor_bytes(self) -> usize {
        match self.factors {
            Factors::One => 2 * PANEL,
            Factors::OneAndSum | Factors::Two => 2 * 4 * PANEL,
        }
    }

    /// Bytes of a panel's group.
    pub(super) fn bytes(self) -> usize {
        let column = match self.bits {
            Bits::Eight => PANEL,
            Bits::Four => PANEL / 2,
        };
        self.factor_bytes() + GROUP * column
    }

    /// What four bits are more than their code.
    pub(super) fn offset(self) -> i8 {
        match (self.bits, self.factors) {
            (Bits::Eight, _) | (Bits::Four, Factors::OneAndSum) => 0,
            (Bits::Four, _) => 8,
        }
    }

    /// Writes a row's group into its lane of a panel's group, all zero so far.
    pub(super) fn put(self, group: &Group, lane: usize, to: &mut [u8]) {
        let (factors, codes) = to.split_at_mut(self.factor_bytes());
        let mut put = |at: usize, bytes: &[u8]| {
            let start = (at * PANEL + lane) * bytes.len();
            factors[start..start + bytes.len()].copy_from_slice(bytes);
        };
        let [first, second] = group.factors;
        match self.factors {
            Factors::One => put(0, &f16::from_f32(first).to_le_bytes()),
            Factors::OneAndSum => {
                put(0, &first.to_le_bytes());
                put(1, &group.sum.to_le_bytes());
            }
            Factors::Two => {
                put(0, &first.to_le_bytes());
                put(1, &second.to_le_bytes());
            }
        }
        match self.bits {
            Bits::Eight => {
                let columns = codes.chunks_exact_mut(PANEL).zip(&group.codes);
                columns.for_each(|(column, code)| column[lane] = *code as u8);
            }
            Bits::Four => {
                let (low, high) = group.codes.split_at(HALF);
                let columns = codes.chunks_exact_mut(PANEL).zip(low.iter().zip(high));
                let half = |code: &i8| (code + self.offset()) as u8 & 15;
                columns.for_each(|(column, (low, high))| column[lane] = half(low) | half(high) << 4);
            }
        }
    }

    /// Rounds up to 32 numbers of a row to codes with one factor, as GGUF's Q8_0 and Q4_0 do.
    pub(super) fn round(self, row: &[f32]) -> Group {
        let largest = row.iter().fold(0.0f32, |most, x| if x.abs() > most.abs() { *x } else { most });
        let (factor, least, most) = match self.bits {
            Bits::Eight => (largest.abs() / 127.0, -128.0, 127.0),
            Bits::Four => (largest / -8.0, -8.0, 7.0),
        };
        let factor = f16::from_f32(factor).to_f32();
        let mut group = Group { factors: [factor; 2], sum: 0.0, codes: [0; GROUP] };
        if factor != 0.0 {
            let codes = group.codes.iter_mut().zip(row);
            codes.for_each(|(code, x)| *code = (x / factor).round().clamp(least, most) as i8);
        }
        group
    }
}

/// How far rounded numbers are from what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rounding {
    /// The sum of the squared differences.
    pub error: f64,
    /// The sum of the squared numbers.
    pub all: f64,
}

impl Rounding {
    /// Adds a row's numbers and what became of them.
    pub(super) fn add_group(&mut self, row: &[f32], group: &Group) {
        let (mut error, mut all) = (0.0f32, 0.0f32);
        for (k, x) in row.iter().enumerate() {
            let difference = group.number(Factors::One, k) - x;
            error += difference * difference;
            all += x * x;
        }
        self.error += f64::from(error);
        self.all += f64::from(all);
    }

    /// Adds those of others.
    pub fn add(&mut self, other: Self) {
        self.error += other.error;
        self.all += other.all;
    }

    /// The root of the mean squared difference, as a share of the numbers' own; `None` where nothing was rounded.
    pub fn share(self) -> Option<f32> {
        (self.all > 0.0).then(|| (self.error / self.all).sqrt() as f32)
    }
}
