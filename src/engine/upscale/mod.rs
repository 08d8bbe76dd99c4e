//! `OpenUpscaler`: an upscaler's file on a device, which enlarges pictures in tiles.
//!
//! Tiles overlap and give way to each other smoothly, and a row of them is finished before the next begins, so memory
//! is bounded by a tile and a row of the result whatever the picture's size. A graphics card without room for a tile
//! takes smaller ones.

mod error;
mod finish;
mod tiles;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::checkpoint::open_upscaler;
use crate::model::Upscaler;
use crate::ops::{Device, Error, Result, Weights};
use crate::picture::Frame;
use crate::settings::{Tile, short_name};
use crate::tray::{with_margins, without_margins};

use tiles::{OVERLAP, shares, windows};

pub use error::UpscaleError;

/// Pixels of a side of what is made of one tile.
const TILE: usize = 768;
/// Places of the other side that the network sees beyond an edge of a picture that tiles.
const WRAPPED: usize = OVERLAP / 2;
/// The most bytes of a result's pixels.
const MOST_BYTES: usize = 1 << 30;

/// Told how many tiles of how many are done.
pub type OnTile = Box<dyn Fn(usize, usize) + Send>;

/// An upscaler that is open.
pub struct OpenUpscaler {
    network: Upscaler,
    device: Device,
    path: PathBuf,
    on_tile: Mutex<Option<OnTile>>,
}

impl std::fmt::Debug for OpenUpscaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenUpscaler({}, {:?})", self.path.display(), self.device)
    }
}

/// One row of tiles of a result while it forms.
struct Row {
    width: usize,
    /// Red, green and blue of each pixel in turn, as sums over tiles.
    sums: Vec<f32>,
    /// The first row of pixels in `sums`.
    from: usize,
}

impl OpenUpscaler {
    /// Reads an upscaler's file for a device.
    ///
    /// # Errors
    /// If it cannot be read, or is something else.
    pub fn open(path: &Path, device: &Device) -> std::result::Result<Self, UpscaleError> {
        let checkpoint = open_upscaler(path)?;
        let network = Upscaler::new(&Weights::new(Arc::new(checkpoint), device.clone()))?;
        Ok(Self { network, device: device.clone(), path: path.to_owned(), on_tile: Mutex::default() })
    }

    /// How many times larger each side becomes.
    pub fn scale(&self) -> usize {
        self.network.scale()
    }

    /// Its name: the file's without the ending.
    pub fn name(&self) -> String {
        short_name(&self.path.to_string_lossy()).to_owned()
    }

    /// The least pixels of a side of a tile, on a card that has no room for larger ones.
    fn least(&self) -> usize {
        2 * OVERLAP * self.network.multiple()
    }

    /// Where its file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether tensors of `device` are where it computes.
    pub fn is_on(&self, device: &Device) -> bool {
        self.device.shares_tensors_with(device)
    }

    /// Tells `on_tile` of each tile from now on.
    pub fn report_to(&self, on_tile: OnTile) {
        *self.on_tile.lock().unwrap_or_else(PoisonError::into_inner) = Some(on_tile);
    }

    /// Refuses a picture whose result would have too many pixels.
    ///
    /// # Errors
    /// If it would.
    pub fn check(&self, [width, height]: [usize; 2]) -> std::result::Result<(), UpscaleError> {
        let [width, height] = [width, height].map(|side| side.saturating_mul(self.scale()));
        match width.saturating_mul(height).saturating_mul(3) {
            bytes if bytes > MOST_BYTES => Err(UpscaleError::TooLarge { width, height }),
            _ => Ok(()),
        }
    }

    /// A picture enlarged that tiles.
    ///
    /// # Errors
    /// If the device fails, or stopped.
    pub fn enlarge_tiling(&self, picture: &Frame, tile: Tile) -> Result<Frame> {
        let margins = tile.axes().map(|tiles| if tiles { WRAPPED * self.network.multiple() } else { 0 });
        let scale = self.scale();
        let large = self.enlarge(&with_margins(picture, margins))?;
        let size = [scale * picture.width, scale * picture.height];
        Ok(without_margins(&large, margins.map(|margin| scale * margin), size))
    }

    /// A picture enlarged.
    ///
    /// # Errors
    /// If the device fails, or stopped.
    pub fn enlarge(&self, picture: &Frame) -> Result<Frame> {
        self.enlarge_by(picture, (TILE / self.scale()).max(self.least()))
    }

    /// The same in tiles of at most so many pixels a side, or of fewer.
    ///
    /// # Errors
    /// As [`OpenUpscaler::enlarge`].
    pub fn enlarge_by(&self, picture: &Frame, mut most: usize) -> Result<Frame> {
        loop {
            match self.in_tiles(picture, most) {
                Err(Error::OutOfCardMemory { .. }) if most > self.least() => {
                    self.device.trim();
                    most = (most / 2).max(self.least());
                }
                enlarged => return enlarged,
            }
        }
    }

    fn in_tiles(&self, picture: &Frame, most: usize) -> Result<Frame> {
        let (scale, multiple) = (self.scale(), self.network.multiple());
        let whole = extended(picture, multiple);
        let (across, down) = (windows(whole.width, most, multiple), windows(whole.height, most, multiple));
        let tiles = across.len() * down.len();
        let mut row = Row { width: scale * whole.width, sums: Vec::new(), from: 0 };
        let mut rgb = Vec::with_capacity(scale * scale * picture.rgb.len());
        for (i, rows) in down.iter().enumerate() {
            row.sums.resize(3 * row.width * (scale * rows.end - row.from), 0.0);
            for (j, columns) in across.iter().enumerate() {
                let size = [rows.len(), columns.len()];
                let made = self.network.forward(&self.device, &planes(&whole, rows, columns), size)?;
                let shares = [shares(&down, i, multiple), shares(&across, j, multiple)];
                row.add(&made, [scale * rows.start, scale * columns.start], &shares, scale);
                if let Some(on_tile) = &*self.on_tile.lock().unwrap_or_else(PoisonError::into_inner) {
                    on_tile(i * across.len() + j + 1, tiles);
                }
            }
            let end = down.get(i + 1).map_or(whole.height, |next| next.start);
            row.finish(scale * end, scale * picture.width, scale * picture.height, &mut rgb);
        }
        Ok(Frame { width: scale * picture.width, height: scale * picture.height, rgb: rgb.into() })
    }
}

impl Row {
    /// Adds what was made of a tile that begins at row and column `at`; `shares` are those of the tile's rows and columns.
    fn add(&mut self, planes: &[f32], at: [usize; 2], shares: &[Vec<f32>; 2], scale: usize) {
        let [height, width] = [scale * shares[0].len(), scale * shares[1].len()];
        for y in 0..height {
            let first = 3 * ((at[0] + y - self.from) * self.width + at[1]);
            for x in 0..width {
                let share = shares[0][y / scale] * shares[1][x / scale];
                for (c, sum) in self.sums[first + 3 * x..first + 3 * x + 3].iter_mut().enumerate() {
                    *sum += share * planes[(c * height + y) * width + x];
                }
            }
        }
    }

    /// Writes the rows up to `end` that lie in a picture of this size, and drops them.
    fn finish(&mut self, end: usize, width: usize, height: usize, rgb: &mut Vec<u8>) {
        let level = |value: &f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        for y in self.from..end.min(height) {
            let first = 3 * (y - self.from) * self.width;
            rgb.extend(self.sums[first..first + 3 * width].iter().map(level));
        }
        self.sums.drain(..3 * self.width * (end - self.from));
        self.from = end;
    }
}

/// A window of a picture as planes of red, green and blue in [0, 1].
fn planes(picture: &Frame, rows: &Range<usize>, columns: &Range<usize>) -> Vec<f32> {
    let place = |y: usize, x: usize, c: usize| 3 * (y * picture.width + x) + c;
    let plane = |c: usize| {
        rows.clone()
            .flat_map(move |y| columns.clone().map(move |x| f32::from(picture.rgb[place(y, x, c)]) / 255.0))
    };
    (0..3).flat_map(plane).collect()
}

/// A picture whose sides are multiples: what is missing on the right and at the bottom mirrors what is there.
fn extended(picture: &Frame, multiple: usize) -> Frame {
    let [width, height] = [picture.width, picture.height].map(|side| side.next_multiple_of(multiple));
    if (width, height) == (picture.width, picture.height) {
        return picture.clone();
    }
    // Without the last pixel twice, where there is another.
    let mirrored = |place: usize, side: usize| {
        if place < side { place } else { (2 * side).saturating_sub(place + 2).min(side - 1) }
    };
    let mut rgb = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        let row = mirrored(y, picture.height) * picture.width;
        for x in 0..width {
            let at = 3 * (row + mirrored(x, picture.width));
            rgb.extend_from_slice(&picture.rgb[at..at + 3]);
        }
    }
    Frame { width, height, rgb: rgb.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_of_a_multiple_mirrors_what_is_there() {
        let picture = Frame { width: 3, height: 1, rgb: [1, 1, 1, 2, 2, 2, 3, 3, 3].into() };
        let whole = extended(&picture, 4);
        assert_eq!((whole.width, whole.height), (4, 4));
        assert_eq!(whole.rgb[..12], [1, 1, 1, 2, 2, 2, 3, 3, 3, 2, 2, 2]);
        assert_eq!(whole.rgb[36..48], whole.rgb[..12]);
        assert_eq!(extended(&picture, 1), picture);
    }
}
