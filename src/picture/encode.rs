//! Pixels and settings to the bytes of a picture file.
//!
//! PNG carries two text chunks: `parameters` in A1111's form, which other programs read, and
//! `safelight` with all of [`Made`] as JSON. JPEG and WebP (lossless) carry the same two in an EXIF
//! block, a JPEG only as much as fits. Trap: a text chunk of the older kind holds Latin-1 only; other
//! text needs `iTXt`.

use std::io::Cursor;

use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;

use crate::picture::metadata::exif;
use crate::picture::metadata::made::SAFELIGHT;
use crate::picture::metadata::parameters::PARAMETERS;
use crate::picture::{Format, Frame, Made, PictureError, a1111_text};

/// JPEG's quality, of 100.
const JPEG_QUALITY: u8 = 93;

/// A whole file's bytes; without `made` the picture carries no settings.
///
/// # Errors
/// If the format cannot hold a picture of this size.
pub fn encode(frame: &Frame, made: Option<&Made>, format: Format) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (frame.width, frame.height);
    let longest = format.side_max();
    let fits = (1..=longest).contains(&width) && (1..=longest).contains(&height);
    if !fits || frame.rgb.len() != width * height * 3 {
        return Err(PictureError::Size { width, height, format: format.name() });
    }
    if format == Format::Png {
        return png(frame, made)
            .map_err(|error| PictureError::Encode { format: "PNG", reason: error.to_string() });
    }
    let exif = match made {
        Some(made) => Some(exif::write(made, format)?),
        None => None,
    };
    let mut bytes = Cursor::new(Vec::new());
    let outcome = match format {
        Format::Jpeg => pixels(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), frame, exif),
        Format::Png | Format::Webp => pixels(WebPEncoder::new_lossless(&mut bytes), frame, exif),
    };
    outcome.map_err(|error| PictureError::Encode { format: format.name(), reason: error.to_string() })?;
    Ok(bytes.into_inner())
}

/// Adds a text chunk of the kind that its letters need.
pub(super) fn add_text<W: std::io::Write>(
    encoder: &mut png::Encoder<'_, W>,
    keyword: &str,
    text: String,
) -> Result<(), png::EncodingError> {
    if text.chars().all(|c| (c as u32) < 256) {
        encoder.add_text_chunk(keyword.to_owned(), text)
    } else {
        encoder.add_itxt_chunk(keyword.to_owned(), text)
    }
}

fn png(frame: &Frame, made: Option<&Made>) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, frame.width as u32, frame.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(made) = made {
        add_text(&mut encoder, PARAMETERS, a1111_text(made))?;
        add_text(&mut encoder, SAFELIGHT, made.to_json())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&frame.rgb)?;
    writer.finish()?;
    Ok(bytes)
}

fn pixels(
    mut encoder: impl ImageEncoder,
    frame: &Frame,
    exif: Option<Vec<u8>>,
) -> Result<(), image::ImageError> {
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).map_err(image::ImageError::Unsupported)?;
    }
    let (width, height) = (frame.width as u32, frame.height as u32);
    encoder.write_image(&frame.rgb, width, height, image::ExtendedColorType::Rgb8)
}
