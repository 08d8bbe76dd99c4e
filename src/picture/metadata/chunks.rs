//! A PNG's size and texts without its pixels: what the gallery reads of a thousand files.
//!
//! Chunks are walked and all but texts are skipped by seeking, so a file costs a few reads whatever
//! its size, and texts after the pixels are found too. Everything is bounded, and damage ends the
//! walk with what was found.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use flate2::read::ZlibDecoder;

use super::latin1::utf8_or_latin1;

/// The longest text, in bytes as read and as unpacked.
pub const TEXT_LIMIT: usize = 2 << 20;
/// The most bytes of all texts of a file.
const TEXTS_LIMIT: usize = 4 << 20;
/// The most chunks that are looked at.
const MOST_CHUNKS: usize = 100_000;
const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// What stands in a PNG beside its pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PngHead {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// Texts with their keywords, in the file's order.
    pub texts: Vec<(String, String)>,
    /// The EXIF block, if there is one.
    pub exif: Option<Vec<u8>>,
}

impl PngHead {
    /// The first text under a keyword.
    pub fn text(&self, keyword: &str) -> Option<&str> {
        self.texts.iter().find(|(key, _)| key == keyword).map(|(_, text)| text.as_str())
    }
}

/// Walks a PNG file; `None` if it is not one.
///
/// # Errors
/// What the file system says; damage is no error.
pub fn png_head<R: BufRead + Seek>(reader: &mut R) -> io::Result<Option<PngHead>> {
    let Some(start) = take::<8, _>(reader)? else { return Ok(None) };
    if &start != SIGNATURE {
        return Ok(None);
    }
    let mut head = PngHead::default();
    let mut read = 0;
    for number in 0..MOST_CHUNKS {
        let Some(start) = take::<8, _>(reader)? else { break };
        let [a, b, c, d, kind @ ..] = start;
        let length = u32::from_be_bytes([a, b, c, d]);
        let first = number == 0;
        if first != (&kind == b"IHDR") || &kind == b"IEND" || length > i32::MAX as u32 {
            break;
        }
        let wanted = first || matches!(&kind, b"tEXt" | b"zTXt" | b"iTXt" | b"eXIf");
        if !wanted || length as usize > TEXT_LIMIT || read + length as usize > TEXTS_LIMIT {
            // Past the data and its checksum.
            reader.seek(SeekFrom::Current(i64::from(length) + 4))?;
            continue;
        }
        read += length as usize;
        let Some(data) = checked_data(reader, &kind, length as usize)? else { break };
        if first {
            let Some((width, height)) = size(&data) else { break };
            (head.width, head.height) = (width, height);
        } else if &kind == b"eXIf" {
            head.exif = Some(data);
        } else if let Some((keyword, text)) = text(&kind, &data) {
            read += text.len();
            head.texts.push((keyword, text));
        }
    }
    Ok((head.width > 0 && head.height > 0).then_some(head))
}

/// A few bytes, or `None` at the end of the file.
fn take<const N: usize, R: Read>(reader: &mut R) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// A chunk's data, if its checksum is right.
fn checked_data<R: Read>(reader: &mut R, kind: &[u8; 4], length: usize) -> io::Result<Option<Vec<u8>>> {
    let mut data = Vec::new();
    reader.by_ref().take(length as u64).read_to_end(&mut data)?;
    let Some(sum) = take::<4, _>(reader)? else { return Ok(None) };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(kind);
    hasher.update(&data);
    let right = data.len() == length && hasher.finalize() == u32::from_be_bytes(sum);
    Ok(right.then_some(data))
}

fn size(header: &[u8]) -> Option<(u32, u32)> {
    let (width, rest) = header.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

/// Keyword and text of the three kinds of text chunk. The older two hold Latin-1 by the standard, and
/// UTF-8 by many programs.
fn text(kind: &[u8; 4], data: &[u8]) -> Option<(String, String)> {
    let (keyword, rest) = split(data)?;
    let text = match kind {
        b"tEXt" => utf8_or_latin1(rest),
        // One byte names the compression; there is only one.
        b"zTXt" => utf8_or_latin1(&inflate(rest.get(1..)?)?),
        _ => {
            let (&packed, rest) = rest.split_first()?;
            let (_language, rest) = split(rest.get(1..)?)?;
            let (_translated, rest) = split(rest)?;
            let bytes = if packed == 0 { rest.to_vec() } else { inflate(rest)? };
            utf8_or_latin1(&bytes)
        }
    };
    Some((utf8_or_latin1(keyword), text))
}

/// What stands before a zero byte, and what after.
fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|&byte| byte == 0)?;
    Some((&data[..at], &data[at + 1..]))
}

/// Unpacks a text that is not longer than [`TEXT_LIMIT`].
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(bytes).take(TEXT_LIMIT as u64 + 1).read_to_end(&mut text).ok()?;
    (text.len() <= TEXT_LIMIT).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn png(texts: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 3, 2);
        encoder.set_color(png::ColorType::Rgb);
        texts(&mut encoder);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[9; 18]).unwrap();
        writer.write_text_chunk(&png::text_metadata::TEXtChunk::new("late", "after the pixels")).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn all_kinds_of_text_are_found() {
        let bytes = png(|encoder| {
            encoder.add_text_chunk("a".into(), "café".into()).unwrap();
            encoder.add_ztxt_chunk("b".into(), "packed ".repeat(50)).unwrap();
            encoder.add_itxt_chunk("c".into(), "城".into()).unwrap();
        });
        let head = png_head(&mut Cursor::new(&bytes)).unwrap().unwrap();
        assert_eq!((head.width, head.height), (3, 2));
        assert_eq!(head.text("a"), Some("café"));
        assert_eq!(head.text("b"), Some("packed ".repeat(50).as_str()));
        assert_eq!(head.text("c"), Some("城"));
        assert_eq!(head.text("late"), Some("after the pixels"));
        assert_eq!(head.text("d"), None);
    }

    #[test]
    fn damage_ends_the_walk() {
        let bytes = png(|encoder| encoder.add_text_chunk("a".into(), "1".into()).unwrap());
        for length in 0..bytes.len() {
            let head = png_head(&mut Cursor::new(&bytes[..length])).unwrap();
            assert_eq!(head.is_some(), length >= 33, "{length}");
        }
        assert_eq!(png_head(&mut Cursor::new(b"GIF89a")).unwrap(), None);
    }

    #[test]
    fn a_text_that_unpacks_without_end_is_left_out() {
        let bytes = png(|encoder| encoder.add_ztxt_chunk("bomb".into(), "x".repeat(TEXT_LIMIT + 1)).unwrap());
        assert!(bytes.len() < 20_000);
        let head = png_head(&mut Cursor::new(&bytes)).unwrap().unwrap();
        assert_eq!(head.text("bomb"), None);
        assert_eq!(head.text("late"), Some("after the pixels"));
    }
}
