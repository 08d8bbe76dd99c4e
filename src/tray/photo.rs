//! `Photo`: a picture to begin from, with the transparency that it has.

use std::path::Path;
use std::sync::Arc;

use crate::picture::{Frame, PictureError, open};

/// A picture, upright and in sRGB.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    /// Its pixels; what is transparent is laid on white.
    pub frame: Frame,
    /// How solid each pixel is, where one is not.
    pub alpha: Option<Arc<[u8]>>,
}

impl Photo {
    /// Opens a PNG, JPEG or WebP.
    ///
    /// # Errors
    /// One sentence, if the file is missing, damaged, of another kind or too large.
    pub fn open(path: &Path) -> Result<Self, PictureError> {
        let rgba = open::open_rgba(path)?;
        Ok(Self::of_rgba(rgba.width() as usize, rgba.height() as usize, rgba.as_raw()))
    }

    /// A picture of red, green, blue and alpha bytes.
    pub fn of_rgba(width: usize, height: usize, rgba: &[u8]) -> Self {
        let pixels = || rgba.as_chunks::<4>().0.iter();
        let on_white = |[r, g, b, alpha]: &[u8; 4]| {
            let alpha = u32::from(*alpha);
            [*r, *g, *b].map(|level| ((u32::from(level) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
        };
        let solid = pixels().all(|[.., alpha]| *alpha == 255);
        Self {
            frame: Frame { width, height, rgb: pixels().flat_map(on_white).collect() },
            alpha: (!solid).then(|| pixels().map(|[.., alpha]| *alpha).collect()),
        }
    }
}

impl std::fmt::Debug for Photo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Photo({}x{})", self.frame.width, self.frame.height)
    }
}

impl From<Frame> for Photo {
    fn from(frame: Frame) -> Self {
        Self { frame, alpha: None }
    }
}
