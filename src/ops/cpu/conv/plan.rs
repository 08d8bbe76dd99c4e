//! What the steps of a Winograd convolution share: the convolution, and how its work is cut.
//!
//! Traps: the planes' strides are odd numbers of cache lines, or all N² fall into one cache set; the
//! depth of a sum depends on the channels alone, never on threads or tiles, so that results are the same
//! bits on any number of threads.

use crate::ops::cpu::gemm::epilogue::Epilogue;
use crate::ops::cpu::gemm::matrix::PackedMatrix;
use crate::ops::cpu::gemm::rows::Map;
use crate::ops::cpu::view::Source;

/// Distance between tiles of V: the most channels summed from zero.
pub(super) const STRIDE: usize = 80;
/// Sides of the outputs of a tile.
pub(super) const OUT: usize = 4;

/// One convolution. `N` is 6 for the window on the map itself, 5 for a parity of the enlarged map.
pub(super) struct Winograd<'a, const N: usize> {
    pub source: Source<'a>,
    pub map: Map,
    /// `(outputs, channels·9)`.
    pub weights: &'a PackedMatrix,
    pub epilogue: Epilogue<'a>,
    /// Which of the enlarged map's pixels: (row, column) parity; (0, 0) for N = 6.
    pub parity: (usize, usize),
}

/// Channels that are summed together.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    /// 0 or 1: the part of the source.
    pub part: usize,
    /// First channel within the part.
    pub start: usize,
    /// First channel of the weights.
    pub weight: usize,
    /// How many.
    pub count: usize,
}

impl Depth {
    /// Cuts a source's channels into sums of 64 to 80.
    pub fn all(source: &Source<'_>) -> Vec<Self> {
        let mut list = Vec::new();
        let mut weight = 0;
        for (part, (_, channels)) in source.parts().into_iter().enumerate() {
            let size = match channels {
                0 => continue,
                c if c <= STRIDE => c,
                c if c % 80 == 0 => 80,
                c if c % 64 == 0 => 64,
                c => c.div_ceil(c.div_ceil(STRIDE)).next_multiple_of(16),
            };
            for start in (0..channels).step_by(size) {
                list.push(Self { part, start, weight: weight + start, count: size.min(channels - start) });
            }
            weight += channels;
        }
        list
    }
}

/// Sizes that all jobs share.
pub(super) struct Plan {
    pub depths: Vec<Depth>,
    /// Tiles down and across one picture.
    pub tiles: (usize, usize),
    /// Distance between planes of V, of U and of M.
    pub v_plane: usize,
    pub u_plane: usize,
    pub m_plane: usize,
    /// Outputs of a stripe: two vectors.
    pub stripe: usize,
    /// Whether y is too large for the caches and written past them, a whole line at a time.
    pub stream: bool,
}

impl Plan {
    /// Picture, row and column of tile `tile`.
    pub fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (down, across) = self.tiles;
        (tile / (down * across), tile / across % down, tile % across)
    }
}
