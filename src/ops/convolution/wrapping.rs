//! `Wrapping`: whether maps continue beyond their edges on the other side, which makes pictures that tile.
//!
//! Along an axis that wraps a convolution reads the other edge where it would read zeros. No kernel knows of it: the
//! map is made longer by what lies beyond, and what a kernel makes of that is cut off again. Trap: a map that is a
//! band of a larger one brings its own rows, and wraps from left to right alone.

use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

/// The axes along which maps wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Axes {
    /// From right to left.
    pub x: bool,
    /// From bottom to top.
    pub y: bool,
}

impl Axes {
    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// What all layers of a model share: the axes along which maps wrap at present.
#[derive(Debug, Default)]
pub struct Wrapping(AtomicU8);

impl Wrapping {
    /// The axes.
    pub fn axes(&self) -> Axes {
        let bits = self.0.load(Ordering::Relaxed);
        Axes { x: bits & 1 != 0, y: bits & 2 != 0 }
    }

    /// Wraps along these from the next operation on.
    pub fn set(&self, axes: Axes) {
        self.0.store(u8::from(axes.x) | u8::from(axes.y) << 1, Ordering::Relaxed);
    }
}

/// A side of `length` with `margin` more at both ends, as ranges of itself.
pub(super) fn around(length: usize, margin: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut at, mut left) = ((length - margin % length) % length, length + 2 * margin);
    while left > 0 {
        let count = left.min(length - at);
        ranges.push(at..at + count);
        left -= count;
        at = 0;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_continues_on_the_other_side() {
        assert_eq!(around(5, 1), [4..5, 0..5, 0..1]);
        assert_eq!(around(5, 2), [3..5, 0..5, 0..2]);
        assert_eq!(around(1, 2), [0..1, 0..1, 0..1, 0..1, 0..1]);
        assert_eq!(around(3, 4), [2..3, 0..3, 0..3, 0..3, 0..1]);
        let wrapping = Wrapping::default();
        assert!(wrapping.axes().is_none());
        wrapping.set(Axes { x: false, y: true });
        assert_eq!(wrapping.axes(), Axes { x: false, y: true });
    }
}
