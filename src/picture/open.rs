//! Pictures from files to pixels, of any kind that we know, within bounds.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::{ImageReader, Limits};

use super::{Frame, PictureError};

/// The longest side that is opened, in pixels.
const LONGEST_SIDE: u32 = 16_384;
/// The most memory a decoder may ask for.
const MOST_BYTES: u64 = 512 << 20;

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

fn decode<R: BufRead + Seek>(path: &Path, reader: R) -> Result<Frame, PictureError> {
    let damaged = |reason: String| PictureError::Damaged { path: path.to_owned(), reason };
    let mut reader =
        ImageReader::new(reader).with_guessed_format().map_err(|error| PictureError::read(path, error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| damaged(error.to_string()))?;
    if picture.width() == 0 || picture.height() == 0 {
        return Err(damaged("it has no pixels".into()));
    }
    let rgb = if picture.color().has_alpha() { over_black(&picture) } else { picture.into_rgb8() };
    Ok(Frame { width: rgb.width() as usize, height: rgb.height() as usize, rgb: rgb.into_raw().into() })
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
    fn damage_is_one_sentence() {
        let bytes = encode(&frame(), None, Format::Png).unwrap();
        for bytes in [&bytes[..bytes.len() / 2], b"", b"hello, this is no picture"] {
            let error = open_bytes(Path::new("x.png"), bytes).unwrap_err().to_string();
            assert!(error.starts_with("x.png is no picture that can be opened"), "{error}");
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
