//! The ground of a run in its negative: into the file, and back for whoever goes on with the run, shows its steps, or
//! begins another one from the same picture.
//!
//! Invariant: latents and masks come back bit for bit, pixels as PNG does; what follows from them is made again.

use std::io::Cursor;
use std::sync::Arc;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};

use super::ground::Ground;
use super::lay::{placement, softened};
use crate::negative::{Begun, Negative, NegativeError};
use crate::picture::Frame;
use crate::settings::{Beginning, Margins, Resize, Treatment};
use crate::tray::{Mask, MaskFrom, Overlay, Photo, PictureFrom, Source};

impl Ground {
    /// As a negative keeps it.
    pub fn to_begun(&self) -> Begun {
        let Frame { width, height, rgb } = &self.picture;
        Begun {
            picture: png(rgb, [*width, *height], ExtendedColorType::Rgb8),
            mask: self
                .mask
                .as_ref()
                .map(|mask| png(&mask.levels, [mask.width, mask.height], ExtendedColorType::L8)),
            x0: self.x0.clone(),
            kept: self.kept.clone(),
            concat: self.concat.clone(),
        }
    }
}

/// A PNG of eight-bit pixels, quickly; empty where they are none.
fn png(pixels: &[u8], [width, height]: [usize; 2], color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    match encoder.write_image(pixels, width as u32, height as u32, color) {
        Ok(()) => bytes,
        Err(error) => {
            log::warn!("a picture is not kept beside its run: {error}");
            Vec::new()
        }
    }
}

/// The ground of a kept run; none of one that began from noise alone.
///
/// # Errors
/// If the file cannot be read.
pub fn ground_of(negative: &Negative) -> Result<Option<Ground>, NegativeError> {
    let Some((beginning, begun)) = negative.head.beginning.clone().zip(negative.begun()?) else {
        return Ok(None);
    };
    let beginning = Beginning { negative: Some(negative.id().to_owned()), ..beginning };
    let damaged = |what: &str| NegativeError::Damaged {
        path: negative.path().to_owned(),
        found: format!("a {what} that cannot be opened"),
    };
    let Begun { picture, mask, x0, kept, concat } = begun;
    let picture = decoded(&picture).ok_or_else(|| damaged("picture"))?.into_rgb8();
    let picture = Frame {
        width: picture.width() as usize,
        height: picture.height() as usize,
        rgb: picture.into_raw().into(),
    };
    let mask = match mask {
        Some(mask) => {
            let mask = decoded(&mask).ok_or_else(|| damaged("mask"))?.into_luma8();
            let (width, height) = (mask.width() as usize, mask.height() as usize);
            if (width, height) != (picture.width, picture.height) {
                return Err(damaged("mask of its picture's size"));
            }
            Some(Mask { width, height, levels: mask.into_raw().into() })
        }
        None => None,
    };
    let settings = &negative.head.settings;
    let overlay = mask.as_ref().map(|mask| {
        let soft = softened(mask, beginning.treatment.mask_blur);
        let (own, size) = ([picture.width, picture.height], [settings.width, settings.height]);
        let placement = placement(&beginning, Some(&soft), own, size);
        Arc::new(Overlay::new(picture.clone(), &soft, placement))
    });
    Ok(Some(Ground { beginning, picture, mask, overlay, x0, kept, concat, notes: Vec::new() }))
}

fn decoded(png: &[u8]) -> Option<image::DynamicImage> {
    let mut reader = image::ImageReader::new(Cursor::new(png));
    reader.set_format(image::ImageFormat::Png);
    reader.no_limits();
    reader.decode().ok()
}

/// The source of a kept run, of its pixels: what was put around or taken away is done.
///
/// # Errors
/// As [`ground_of`].
pub fn source_of(negative: &Negative) -> Result<Option<Source>, NegativeError> {
    let Some(Ground { beginning, picture, mask, .. }) = ground_of(negative)? else { return Ok(None) };
    let treatment = beginning.treatment;
    // A part that was placed already stays as it is.
    let resize = if mask.is_some() { treatment.resize } else { Some(Resize::Stretch) };
    Ok(Some(Source {
        picture: PictureFrom::Pixels(Photo::from(picture)),
        mask: mask.map(MaskFrom::Painted),
        depth: None,
        treatment: Treatment { resize, mask_invert: false, outpaint: Margins::default(), ..treatment },
    }))
}
