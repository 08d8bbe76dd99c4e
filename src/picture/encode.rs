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
    let texts = made.map(|made| vec![(PARAMETERS, a1111_text(made)), (SAFELIGHT, made.to_json())]);
    encode_with(frame, texts.unwrap_or_default(), format, || {
        made.map(|made| exif::write(made, format)).transpose()
    })
}

/// A whole file's bytes with a text of A1111's form alone, if it is not empty.
///
/// # Errors
/// As [`encode`].
pub fn encode_with_text(frame: &Frame, text: &str, format: Format) -> Result<Vec<u8>, PictureError> {
    let is_there = !text.is_empty();
    let texts = if is_there { vec![(PARAMETERS, text.to_owned())] } else { Vec::new() };
    encode_with(frame, texts, format, || if is_there { exif::write_text(text, format) } else { Ok(None) })
}

fn encode_with(
    frame: &Frame,
    texts: Vec<(&str, String)>,
    format: Format,
    exif: impl FnOnce() -> Result<Option<Vec<u8>>, PictureError>,
) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (frame.width, frame.height);
    let longest = format.side_max();
    let fits = (1..=longest).contains(&width) && (1..=longest).contains(&height);
    if !fits || frame.rgb.len() != width * height * 3 {
        return Err(PictureError::Size { width, height, format: format.name() });
    }
    if format == Format::Png {
        return png(frame, texts)
            .map_err(|error| PictureError::Encode { format: "PNG", reason: error.to_string() });
    }
    let exif = exif()?;
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

fn png(frame: &Frame, texts: Vec<(&str, String)>) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, frame.width as u32, frame.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    for (keyword, text) in texts {
        add_text(&mut encoder, keyword, text)?;
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
