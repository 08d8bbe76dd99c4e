//! `Mask`: how much each pixel of a picture is repainted.

use std::sync::Arc;

use image::imageops::{self, FilterType};

use super::blur;
use super::photo::Photo;
use super::placement::{Placement, Rect};

/// How far the shape of a mask may be from its picture's, as a share.
const SHAPE_DIFFERENCE: f64 = 0.01;
/// Transparency that counts as painted over.
const HALF: u8 = 128;

/// A plane over a picture: 0 keeps a pixel, 255 repaints it, and what lies between mixes.
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// A level for each pixel, rows from the top.
    pub levels: Arc<[u8]>,
}

/// Why a mask does not go with a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// Nothing is painted.
    #[error(
        "expected a mask with something to repaint, found an empty one; paint over a part, or leave the mask out"
    )]
    Empty,
    /// Its shape is another.
    #[error(
        "expected a mask of the picture's shape ({picture_width}x{picture_height}), found one of {width}x{height}; \
         make it of the picture's size"
    )]
    Shape {
        /// The mask's columns.
        width: usize,
        /// The mask's rows.
        height: usize,
        /// The picture's columns.
        picture_width: usize,
        /// The picture's rows.
        picture_height: usize,
    },
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({}x{})", self.width, self.height)
    }
}

impl Mask {
    /// The same level everywhere.
    pub fn flat(width: usize, height: usize, level: u8) -> Self {
        Self { width, height, levels: vec![level; width * height].into() }
    }

    /// A mask of a picture: what it shows through, where it has transparency of its own, else its lightness.
    pub fn of_picture(picture: &Photo) -> Self {
        let frame = &picture.frame;
        let levels = match &picture.alpha {
            Some(alpha) => alpha.iter().map(|&alpha| if alpha > HALF { 255 } else { 0 }).collect(),
            None => {
                // As PIL makes gray of colors.
                let lightness = |rgb: &[u8; 3]| {
                    let [r, g, b] = rgb.map(u32::from);
                    ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
                };
                frame.rgb.as_chunks().0.iter().map(lightness).collect()
            }
        };
        Self { width: frame.width, height: frame.height, levels }
    }

    /// What is transparent in a picture is what is to be painted; none if it is solid.
    pub fn of_holes(picture: &Photo) -> Option<Self> {
        let alpha = picture.alpha.as_ref()?;
        let levels = alpha.iter().map(|alpha| 255 - alpha).collect();
        Some(Self { width: picture.frame.width, height: picture.frame.height, levels })
    }

    /// What was kept is repainted, and the other way round.
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self { levels: self.levels.iter().map(|level| 255 - level).collect(), ..*self }
    }

    /// With soft edges, by a Gaussian of σ `sigma` pixels.
    #[must_use]
    pub fn blurred(&self, sigma: f32) -> Self {
        let plane: Vec<f32> = self.levels.iter().map(|&level| f32::from(level)).collect();
        let blurred = blur::gaussian(&plane, self.width, sigma);
        Self { levels: blurred.into_iter().map(|level| level.round() as u8).collect(), ..*self }
    }

    /// As strong as it can be without reaching further: half of a soft edge is repainted whole.
    #[must_use]
    pub fn strengthened(&self) -> Self {
        Self { levels: self.levels.iter().map(|level| level.saturating_mul(2)).collect(), ..*self }
    }

    /// Whether nothing is repainted.
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(|level| *level == 0)
    }

    /// The least rectangle around all that is repainted.
    pub fn bounds(&self) -> Option<Rect> {
        let rows = || self.levels.chunks_exact(self.width.max(1));
        let painted = |row: &[u8]| row.iter().any(|level| *level > 0);
        let top = rows().position(painted)?;
        let bottom = self.height - rows().rev().position(painted)?;
        let left = rows().filter_map(|row| row.iter().position(|level| *level > 0)).min()?;
        let right = rows().filter_map(|row| row.iter().rposition(|level| *level > 0)).max()? + 1;
        Some(Rect { x: left as i64, y: top as i64, width: right - left, height: bottom - top })
    }

    /// Whether a run of this placement reaches all that is repainted.
    pub fn lies_in(&self, placement: &Placement) -> bool {
        let Some(bounds) = self.bounds() else { return true };
        let [there, _] = placement.inside([self.width, self.height]);
        let within = |from: i64, length: usize, outer: i64, most: usize| {
            from >= outer && from + length as i64 <= outer + most as i64
        };
        within(bounds.x, bounds.width, there.x, there.width)
            && within(bounds.y, bounds.height, there.y, there.height)
    }

    /// The mask for a picture of this size; whether it had to be resized.
    ///
    /// # Errors
    /// If its shape is another, or it is empty.
    pub fn fitted(self, width: usize, height: usize) -> Result<(Self, bool), MaskError> {
        if self.is_empty() {
            return Err(MaskError::Empty);
        }
        if (self.width, self.height) == (width, height) {
            return Ok((self, false));
        }
        let shape = |width: usize, height: usize| width as f64 / height.max(1) as f64;
        let ratio = shape(self.width, self.height) / shape(width, height);
        if (ratio - 1.0).abs() > SHAPE_DIFFERENCE {
            return Err(MaskError::Shape {
                width: self.width,
                height: self.height,
                picture_width: width,
                picture_height: height,
            });
        }
        Ok((self.resized(width, height), true))
    }

    /// At another size.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        if (self.width, self.height) == (width, height) {
            return self.clone();
        }
        let view = image::ImageBuffer::<image::Luma<u8>, &[u8]>::from_raw(
            self.width as u32,
            self.height as u32,
            &self.levels,
        );
        let Some(view) = view else { return Self::flat(width, height, 0) };
        let levels = imageops::resize(&view, width as u32, height as u32, FilterType::Triangle).into_raw();
        Self { width, height, levels: levels.into() }
    }

    /// What of it lies in a placement, at the run's size. Beyond the picture nothing is repainted.
    #[must_use]
    pub fn placed(&self, placement: &Placement) -> Self {
        let [there, here] = placement.inside([self.width, self.height]);
        let (x, y) = (there.x as usize, there.y as usize);
        let row = |row: usize| &self.levels[row * self.width + x..][..there.width];
        let levels = (y..y + there.height).flat_map(row).copied().collect();
        let part = Self { width: there.width, height: there.height, levels }.resized(here.width, here.height);
        let [width, height] = placement.size;
        if (part.width, part.height) == (width, height) {
            return part;
        }
        let mut levels = vec![0; width * height];
        for (row, from) in part.levels.chunks_exact(part.width).enumerate() {
            let at = (here.y as usize + row) * width + here.x as usize;
            levels[at..at + part.width].copy_from_slice(from);
        }
        Self { width, height, levels: levels.into() }
    }

    /// How much of each place of a latent (`width` x `height`) is *kept*, 0 to 1, as the sampler has it: the mean over
    /// its pixels.
    pub fn kept_of_latent(&self, width: usize, height: usize) -> Vec<f32> {
        let (across, down) = (self.width / width.max(1), self.height / height.max(1));
        let mean = |place: usize| {
            let (x, y) = (place % width * across, place / width * down);
            let rows = (y..y + down).map(|y| &self.levels[y * self.width + x..y * self.width + x + across]);
            let sum: usize = rows.flatten().map(|&level| usize::from(level)).sum();
            1.0 - sum as f32 / (255 * (across * down).max(1)) as f32
        };
        (0..width * height).map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Frame;

    fn square() -> Mask {
        let levels: Vec<u8> = (0..20 * 10)
            .map(|i| if (5..9).contains(&(i % 20)) && (2..4).contains(&(i / 20)) { 255 } else { 0 })
            .collect();
        Mask { width: 20, height: 10, levels: levels.into() }
    }

    #[test]
    fn what_is_painted_has_bounds() {
        assert_eq!(square().bounds(), Some(Rect { x: 5, y: 2, width: 4, height: 2 }));
        assert_eq!(Mask::flat(3, 3, 0).bounds(), None);
        assert_eq!(square().inverted().bounds(), Some(Rect { x: 0, y: 0, width: 20, height: 10 }));
        let soft = square().blurred(1.0);
        assert!(soft.bounds().unwrap().width > 4 && soft.strengthened().levels.contains(&255));
    }

    #[test]
    fn a_mask_of_nearly_the_shape_is_resized() {
        let (larger, resized) = square().fitted(40, 20).unwrap();
        assert!(resized && larger.bounds().unwrap().width >= 8);
        assert!(matches!(square().fitted(40, 40), Err(MaskError::Shape { width: 20, .. })));
        assert_eq!(Mask::flat(4, 4, 0).fitted(4, 4), Err(MaskError::Empty));
        assert!(!square().fitted(20, 10).unwrap().1);
    }

    #[test]
    fn a_latent_keeps_what_is_not_painted() {
        let kept = square().kept_of_latent(10, 5);
        assert_eq!(kept.iter().filter(|kept| **kept < 1.0).count(), 3);
        assert_eq!((kept[10 + 2], kept[10 + 3], kept[0]), (0.5, 0.0, 1.0));
    }

    #[test]
    fn a_picture_is_a_mask_by_its_holes_or_its_lightness() {
        let frame = Frame { width: 2, height: 1, rgb: [255, 255, 255, 0, 0, 0].into() };
        let solid = Photo { frame: frame.clone(), alpha: None };
        assert_eq!(*Mask::of_picture(&solid).levels, [255, 0]);
        assert_eq!(Mask::of_holes(&solid), None);
        let holes = Photo { frame, alpha: Some([200, 10].into()) };
        assert_eq!(*Mask::of_picture(&holes).levels, [255, 0]);
        assert_eq!(*Mask::of_holes(&holes).unwrap().levels, [55, 245]);
    }
}
