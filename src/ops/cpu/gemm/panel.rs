//! The form of packed weights: panels of 16 outputs, `[n/16][k][16]`, in f16, f32, pairs of bf16, or in groups
//! of 32 columns: 16 scales in f16, then the columns in 8 bits each, or 16 rows of two columns in 4 bits each.
//!
//! Trap: words of 32 bits are the unit in which a product walks a panel; a word of pairs holds two columns
//! that are half a block apart.

use crate::ops::cpu::gemm::weight_rows::Element;

/// Outputs in a panel.
pub const PANEL: usize = 16;

/// Columns whose first half is paired with their second, in bf16: two depths of a product.
pub(in crate::ops::cpu) const PAIR_BLOCK: usize = 640;

/// A type in which packed weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// IEEE half floats.
    F16,
    /// 32-bit floats.
    F32,
    /// Pairs of brain floats, for products of pairs.
    Pairs,
    /// Whole numbers of 8 bits, times the scale of their group.
    Q8,
    /// Whole numbers of 4 bits less 8, times the scale of their group; the lower half of a byte is 16 columns
    /// before the upper one.
    Q4,
}

/// Columns that share a scale, as GGUF's blocks have it.
pub(in crate::ops::cpu) const GROUP: usize = 32;
/// Bytes of a group's scales.
pub(in crate::ops::cpu) const SCALES: usize = 2 * PANEL;

impl Kept {
    /// The smallest type that holds the stored numbers exactly and that kernels widen.
    pub fn as_stored(element: Element) -> Self {
        if element == Element::F16 { Self::F16 } else { Self::F32 }
    }

    /// Words of 32 bits that a row takes: numbers, or two of them where they have half the size.
    pub(super) fn words(self, columns: usize) -> usize {
        match self {
            Self::F32 | Self::Q8 | Self::Q4 => columns,
            Self::F16 => columns.div_ceil(2),
            Self::Pairs => columns / PAIR_BLOCK * (PAIR_BLOCK / 2) + (columns % PAIR_BLOCK).div_ceil(2),
        }
    }

    /// Bytes of a panel.
    pub(super) fn panel_bytes(self, columns: usize) -> usize {
        match self {
            Self::F16 => columns * PANEL * 2,
            Self::F32 | Self::Pairs => self.words(columns) * PANEL * 4,
            Self::Q8 | Self::Q4 => columns.div_ceil(GROUP) * self.group_bytes(),
        }
    }

    /// Bytes of a group of a panel, where there are groups.
    pub(super) fn group_bytes(self) -> usize {
        let column = match self {
            Self::Q8 => PANEL,
            _ => PANEL / 2,
        };
        SCALES + GROUP * column
    }

    /// Bytes of a column of a panel, about.
    pub(super) fn column_bytes(self) -> usize {
        match self {
            Self::F16 => PANEL * 2,
            Self::F32 | Self::Pairs => PANEL * 4,
            Self::Q8 | Self::Q4 => self.group_bytes().div_ceil(GROUP),
        }
    }
}
