//! Where a matrix product's rows come from: a tensor's rows, or the patches under a 3×3 window.

use crate::ops::cpu::isa::prefetch::prefetch;
use crate::ops::cpu::view::Source;

/// Rows that a product can read.
pub trait Rows: Sync {
    /// Writes columns `start..end` of row `row` to `to`, which has that length.
    fn fill(&self, row: usize, start: usize, end: usize, to: &mut [f32]);

    /// Prefetches a row's cache lines, where that is easy to say.
    fn prefetch(&self, _row: usize) {}
}

impl Rows for Source<'_> {
    #[inline]
    fn fill(&self, row: usize, start: usize, end: usize, to: &mut [f32]) {
        let piece = self.piece(row, start, end);
        to[..piece.len()].copy_from_slice(piece);
        if piece.len() < end - start {
            let rest = self.piece(row, start + piece.len(), end);
            to[piece.len()..].copy_from_slice(rest);
        }
    }

    #[inline]
    fn prefetch(&self, row: usize) {
        for (data, channels) in self.parts() {
            for line in data[row * channels..][..channels].chunks(16) {
                prefetch(line.as_ptr());
            }
        }
    }
}

/// A batch of maps: `batch` pictures of `height` × `width` pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Pictures.
    pub batch: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl Map {
    /// Pixels in all pictures.
    pub fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }
}

/// How the window of a 3×3 convolution moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Stride 1, one zero around the map: the output has the map's size.
    Same,
    /// Stride 2, one zero around the map: the UNet's downsampling.
    HalfEven,
    /// Stride 2, one zero to the right and below only: the VAE encoder's downsampling.
    HalfRight,
    /// Stride 1 on the map enlarged twice by repeating pixels: upsampling and convolution in one.
    Double,
}

impl Window {
    /// The size of the output.
    pub fn output(self, map: Map) -> Map {
        let size = |n: usize| match self {
            Window::Same => n,
            Window::HalfEven => n.div_ceil(2),
            Window::HalfRight => n / 2,
            Window::Double => 2 * n,
        };
        Map { batch: map.batch, height: size(map.height), width: size(map.width) }
    }
}

/// The patches under a window, as rows of 9·channels numbers: tap by tap, channels within.
pub struct Patches<'a> {
    /// The map's pixels.
    pub source: Source<'a>,
    /// Its size.
    pub map: Map,
    /// The window.
    pub window: Window,
    /// [`Window::output`] of the map.
    pub output: Map,
}

impl Patches<'_> {
    /// The pixel under tap number `tap` of output pixel `row`, `None` outside the map.
    #[inline]
    fn pixel(&self, row: usize, tap: usize) -> Option<usize> {
        let Map { height, width, .. } = self.output;
        let (picture, y, x) = (row / (height * width), row / width % height, row % width);
        let (dy, dx) = (tap / 3, tap % 3);
        let place = |out: usize, tap: usize, size: usize| match self.window {
            Window::Same => (out + tap).checked_sub(1).filter(|i| *i < size),
            Window::HalfEven => (2 * out + tap).checked_sub(1).filter(|i| *i < size),
            Window::HalfRight => Some(2 * out + tap).filter(|i| *i < size),
            Window::Double => (out + tap).checked_sub(1).map(|i| i / 2).filter(|i| *i < size),
        };
        let (y, x) = (place(y, dy, self.map.height)?, place(x, dx, self.map.width)?);
        Some((picture * self.map.height + y) * self.map.width + x)
    }
}

impl Rows for Patches<'_> {
    fn fill(&self, row: usize, start: usize, end: usize, mut to: &mut [f32]) {
        let channels = self.source.channels();
        let mut k = start;
        while k < end {
            let (tap, channel) = (k / channels, k % channels);
            let count = (channels - channel).min(end - k);
            let (piece, rest) = to.split_at_mut(count);
            match self.pixel(row, tap) {
                Some(pixel) => self.source.fill(pixel, channel, channel + count, piece),
                None => piece.fill(0.0),
            }
            to = rest;
            k += count;
        }
    }
}
