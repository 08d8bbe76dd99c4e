//! Pictures from files to pixels, of any known kind. Memory limits them, not their sides.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read as _, Seek};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};

use super::color_profile::in_srgb;
use super::{Frame, PictureError};

/// The most bytes of a decoded picture.
const MOST_BYTES: u64 = 512 << 20;
/// The most memory that a decoder may ask for: pixels and what it needs beside them.
const DECODER_BYTES: u64 = 2 * MOST_BYTES;

/// Whether a file is a PNG, JPEG or WebP; its bytes say it, not its ending.
///
/// # Errors
/// What the file system says.
pub fn is_picture(path: &Path) -> std::io::Result<bool> {
    let mut first = Vec::new();
    File::open(path)?.take(12).read_to_end(&mut first)?;
    let webp = first.starts_with(b"RIFF") && first.ends_with(b"WEBP");
    Ok(webp || first.starts_with(b"\x89PNG\r\n\x1a\n") || first.starts_with(b"\xff\xd8\xff"))
}

/// Opens a PNG, JPEG or WebP file; transparency is laid on black.
///
/// # Errors
/// One sentence, if the file is missing, damaged, of another kind or too large.
pub fn open(path: &Path) -> Result<Frame, PictureError> {
    let file = File::open(path).map_err(|error| PictureError::read(path, error))?;
    decode(path, BufReader::new(file))
}

/// Opens a picture in memory; `name` is for the error.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(name: &Path, bytes: &[u8]) -> Result<Frame, PictureError> {
    decode(name, Cursor::new(bytes))
}

/// Opens a file as it is meant to be seen, with its transparency: upright, in sRGB, eight bits a channel.
///
/// # Errors
/// As [`open`].
pub fn open_rgba(path: &Path) -> Result<image::RgbaImage, PictureError> {
    let file = File::open(path).map_err(|error| PictureError::read(path, error))?;
    Ok(upright(path, BufReader::new(file))?.into_rgba8())
}

/// Width and height of a picture as it is meant to be seen; its pixels are not read.
///
/// # Errors
/// As [`open`].
pub fn size(path: &Path) -> Result<[usize; 2], PictureError> {
    let file = File::open(path).map_err(|error| PictureError::read(path, error))?;
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format();
    let reader = reader.map_err(|error| PictureError::read(path, error))?;
    let damaged =
        |error: image::ImageError| PictureError::Damaged { path: path.to_owned(), reason: error.to_string() };
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let lies = matches!(
        decoder.orientation().unwrap_or(Orientation::NoTransforms),
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    Ok(if lies { [height as usize, width as usize] } else { [width as usize, height as usize] })
}

fn decode<R: BufRead + Seek>(path: &Path, reader: R) -> Result<Frame, PictureError> {
    let picture = upright(path, reader)?;
    let rgb = if picture.color().has_alpha() { over_black(&picture) } else { picture.into_rgb8() };
    Ok(Frame { width: rgb.width() as usize, height: rgb.height() as usize, rgb: rgb.into_raw().into() })
}

fn upright<R: BufRead + Seek>(path: &Path, reader: R) -> Result<DynamicImage, PictureError> {
    let damaged = |reason: String| PictureError::Damaged { path: path.to_owned(), reason };
    let mut reader =
        ImageReader::new(reader).with_guessed_format().map_err(|error| PictureError::read(path, error))?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| damaged(error.to_string()))?;
    let (width, height) = decoder.dimensions();
    // As the file has them, and as they are shown.
    let bytes = decoder.total_bytes().max(u64::from(width) * u64::from(height) * 3);
    if bytes > MOST_BYTES {
        return Err(PictureError::TooLarge {
            path: path.to_owned(),
            width: width as usize,
            height: height as usize,
            found: bytes >> 20,
            most: MOST_BYTES >> 20,
        });
    }
    // Without them it is taken as it lies, and as sRGB.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| damaged(error.to_string()))?;
    picture.apply_orientation(orientation);
    if picture.width() == 0 || picture.height() == 0 {
        return Err(damaged("it has no pixels".into()));
    }
    Ok(match profile.and_then(|profile| in_srgb(&picture, &profile)) {
        Some(converted) => converted,
        None => picture,
    })
}

fn over_black(picture: &image::DynamicImage) -> image::RgbImage {
    let rgba = picture.to_rgba8();
    let shade = |level: u8, alpha: u8| (u16::from(level) * u16::from(alpha) / 255) as u8;
    image::RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0;
        image::Rgb([r, g, b].map(|level| shade(level, alpha)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Format, encode};
    use super::*;

    fn frame() -> Frame {
        let rgb: Vec<u8> = (0..16 * 8 * 3).map(|i| (i * 7 % 251) as u8).collect();
        Frame { width: 16, height: 8, rgb: rgb.into() }
    }

    #[test]
    fn lossless_kinds_come_back_the_same() {
        for format in [Format::Png, Format::Webp] {
            let bytes = encode(&frame(), None, format).unwrap();
            assert_eq!(open_bytes(Path::new("x"), &bytes).unwrap(), frame());
        }
        let bytes = encode(&frame(), None, Format::Jpeg).unwrap();
        let opened = open_bytes(Path::new("x"), &bytes).unwrap();
        assert_eq!((opened.width, opened.height), (16, 8));
    }

    #[test]
    fn memory_is_the_limit_and_not_the_side() {
        let long = Frame { width: 40_000, height: 2, rgb: vec![7; 40_000 * 6].into() };
        for format in [Format::Png, Format::Jpeg] {
            let opened = open_bytes(Path::new("x"), &encode(&long, None, format).unwrap()).unwrap();
            assert_eq!((opened.width, opened.height), (40_000, 2));
        }
        // A header that claims more than there is; its pixels are never requested.
        let mut bytes = encode(&frame(), None, Format::Png).unwrap();
        bytes[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        let sum = crc32fast::hash(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        let error = open_bytes(Path::new("x.png"), &bytes).unwrap_err().to_string();
        assert!(error.contains("16384x16384") && error.contains("768 MB"), "{error}");
    }

    #[test]
    fn damage_is_one_sentence() {
        let bytes = encode(&frame(), None, Format::Png).unwrap();
        for bytes in [&bytes[..bytes.len() / 2], b"", b"hello, this is no picture"] {
            let error = open_bytes(Path::new("x.png"), bytes).unwrap_err().to_string();
            assert!(error.starts_with("x.png is not a picture that can be opened"), "{error}");
        }
        assert!(
            open(Path::new("missing.png")).unwrap_err().to_string().starts_with("cannot read missing.png")
        );
    }

    #[test]
    fn a_frame_that_contradicts_itself_is_refused() {
        let wrong = Frame { width: 16, height: 9, ..frame() };
        for format in [Format::Png, Format::Jpeg, Format::Webp] {
            assert!(encode(&wrong, None, format).is_err());
        }
        let empty = Frame { width: 0, height: 0, rgb: [].into() };
        assert!(encode(&empty, None, Format::Png).is_err());
        let wide = Frame { width: 16_384, height: 1, rgb: vec![0; 16_384 * 3].into() };
        assert!(encode(&wide, None, Format::Webp).is_err());
        assert!(encode(&wide, None, Format::Png).is_ok());
    }
}
