//! `Frame`: eight-bit RGB pixels, the form in which pictures travel between threads.
//!
//! Invariant: `rgb.len() == width * height * 3`. Cloning shares the pixels.

use std::sync::Arc;

/// An RGB picture, rows from the top, three bytes a pixel.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Width, in pixels.
    pub width: usize,
    /// Height, in pixels.
    pub height: usize,
    /// Red, green, blue of each pixel in turn.
    pub rgb: Arc<[u8]>,
}

impl Frame {
    /// Pixels of the decoder's output (3, height, width) in [-1, 1], as the reference saves them:
    /// `x/2 + 1/2` clamped to [0, 1], times 255, truncated (not rounded).
    pub fn from_decoded(decoded: &[f32], width: usize, height: usize) -> Self {
        let plane = width * height;
        let level = |x: f32| (255.0 * ((x + 1.0) / 2.0).clamp(0.0, 1.0)) as u8;
        let rgb = (0..plane).flat_map(|i| [0, 1, 2].map(|c| level(decoded[c * plane + i]))).collect();
        Self { width, height, rgb }
    }

    /// A copy whose longer side has `side` pixels.
    pub fn with_longer_side(&self, side: usize) -> Option<Self> {
        let (width, height) = (self.width as u32, self.height as u32);
        let view = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(width, height, &self.rgb)?;
        let factor = side as f64 / f64::from(width.max(height));
        let scaled = |length: u32| ((f64::from(length) * factor).round() as u32).clamp(1, side as u32);
        let rgb = image::imageops::thumbnail(&view, scaled(width), scaled(height));
        Some(Self { width: rgb.width() as usize, height: rgb.height() as usize, rgb: rgb.into_raw().into() })
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}x{})", self.width, self.height)
    }
}
