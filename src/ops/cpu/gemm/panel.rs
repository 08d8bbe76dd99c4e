//! The form of packed weights: panels of 16 outputs, `[n/16][k][16]`, in f16, f32, pairs of bf16, or in groups
//! of 32 columns: 16 factors, or twice 16, then the columns in 8 bits each, or 16 rows of two columns in 4 bits each.
//!
//! Trap: words of 32 bits are the unit in which a product walks a panel; a word of pairs holds two columns
//! that are half a block apart.

pub use crate::ops::cpu::gemm::groups::PANEL;
use crate::ops::cpu::gemm::groups::{GROUP, Groups};
use crate::ops::cpu::gemm::weight_rows::Element;

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
    /// Whole numbers of a few bits, times the factor of their group.
    Groups(Groups),
}

impl Kept {
    /// The smallest type that holds the stored numbers exactly and that kernels widen.
    pub fn as_stored(element: Element) -> Self {
        if element == Element::F16 { Self::F16 } else { Self::F32 }
    }

    /// The form for numbers that are stored in these groups, in rows of so many columns: where a row is no number of
    /// whole groups, they could not be kept as they are.
    pub fn as_grouped(groups: Groups, columns: usize) -> Self {
        if columns.is_multiple_of(GROUP) { Self::Groups(groups) } else { Self::F32 }
    }

    /// Words of 32 bits that a row takes: numbers, or two of them where they have half the size.
    pub(super) fn words(self, columns: usize) -> usize {
        match self {
            Self::F32 | Self::Groups(_) => columns,
            Self::F16 => columns.div_ceil(2),
            Self::Pairs => columns / PAIR_BLOCK * (PAIR_BLOCK / 2) + (columns % PAIR_BLOCK).div_ceil(2),
        }
    }

    /// Bytes of a panel.
    pub(super) fn panel_bytes(self, columns: usize) -> usize {
        match self {
            Self::F16 => columns * PANEL * 2,
            Self::F32 | Self::Pairs => self.words(columns) * PANEL * 4,
            Self::Groups(groups) => columns.div_ceil(GROUP) * groups.bytes(),
        }
    }

    /// Bytes of a column of a panel, about.
    pub(super) fn column_bytes(self) -> usize {
        match self {
            Self::F16 => PANEL * 2,
            Self::F32 | Self::Pairs => PANEL * 4,
            Self::Groups(groups) => groups.bytes().div_ceil(GROUP),
        }
    }
}
