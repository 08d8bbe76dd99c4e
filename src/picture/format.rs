//! The kinds of picture file that we write, and pixels and settings to bytes of each.
//!
//! PNG carries two text chunks: `parameters` in A1111's form, which other programs read, and
//! `safelight` with all of [`Made`] as JSON. JPEG and WebP (lossless) carry the same two in an EXIF
//! block, a JPEG only as much as fits. Trap: a text chunk of the older kind holds Latin-1 only; other text needs `iTXt`.

use std::io::Cursor;
use std::path::Path;

use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;

use super::{Frame, Made, PictureError, a1111_text};
use crate::picture::metadata::exif;

/// The keyword of A1111's text.
pub(super) const PARAMETERS: &str = "parameters";
/// The keyword of the JSON that holds every setting.
pub(super) const SAFELIGHT: &str = "safelight";
/// The version of our JSON; readers of a later one still find what they know.
const VERSION: u32 = 1;
/// JPEG's quality, of 100.
const JPEG_QUALITY: u8 = 93;

/// A kind of picture file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lossless, with everything in text chunks.
    #[default]
    Png,
    /// Small, slightly lossy.
    Jpeg,
    /// Lossless WebP.
    Webp,
}

impl Format {
    /// The kind that a name's ending asks for.
    ///
    /// # Errors
    /// If the ending is missing or another.
    pub fn of(path: &Path) -> Result<Self, PictureError> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match ending.as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::Webp),
            _ => Err(PictureError::Ending { path: path.to_owned(), expected: ".png, .jpg or .webp" }),
        }
    }

    /// The usual ending, without a dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        }
    }

    /// The longest side it can have.
    fn longest_side(self) -> usize {
        match self {
            Self::Png => 1 << 20,
            Self::Jpeg => 65_535,
            Self::Webp => 16_383,
        }
    }
}

/// A whole file's bytes; without `made` the picture carries no settings.
///
/// # Errors
/// If the format cannot hold a picture of this size.
pub fn encode(frame: &Frame, made: Option<&Made>, format: Format) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (frame.width, frame.height);
    let longest = format.longest_side();
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

/// The `safelight` text: [`Made`] as JSON, with a version.
pub(super) fn json(made: &Made) -> String {
    let program = concat!("Safelight ", env!("CARGO_PKG_VERSION"));
    serde_json::json!({ "version": VERSION, "program": program, "made": made }).to_string()
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
        add_text(&mut encoder, SAFELIGHT, json(made))?;
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
