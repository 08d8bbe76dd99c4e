//! All texts that a picture file carries beside its pixels, each under the name of its place: a PNG's
//! keywords, EXIF's fields, a JPEG's comment. Seeking skips the pixels.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::exif;
use crate::picture::metadata::chunks::{PngHead, TEXT_LIMIT, png_head};
use crate::picture::metadata::latin1::utf8_or_latin1;

/// The most segments or chunks that are looked at.
const MOST_PIECES: usize = 100_000;

/// Texts with the names of their places, in the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts(Vec<(String, String)>);

impl Texts {
    /// Reads a file of any kind; one that is no picture has none.
    pub(super) fn read<R: BufRead + Seek>(reader: &mut R) -> io::Result<Self> {
        if let Some(head) = png_head(reader)? {
            return Ok(Self::of_png(&head));
        }
        let mut texts = Self::default();
        reader.seek(SeekFrom::Start(0))?;
        match texts.add_jpeg(reader).and_then(|()| texts.add_webp(reader)) {
            // A file that ends early has what was found.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(texts),
        }
    }

    /// The texts of a PNG whose chunks are at hand.
    pub(super) fn of_png(head: &PngHead) -> Self {
        let mut texts = Self(head.texts.clone());
        if let Some(block) = &head.exif {
            texts.add_exif(block);
        }
        texts
    }

    fn add(&mut self, name: &str, text: String) {
        if !text.is_empty() {
            self.0.push((name.to_owned(), text));
        }
    }

    fn add_exif(&mut self, block: &[u8]) {
        for (name, text) in exif::texts(block) {
            self.add(name, text);
        }
    }

    /// The names of the places, each with its text.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The first text of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, text)| text)
    }

    /// Segments of a JPEG up to its pixels.
    fn add_jpeg<R: BufRead + Seek>(&mut self, reader: &mut R) -> io::Result<()> {
        reader.seek(SeekFrom::Start(0))?;
        if take::<2, _>(reader)? != *b"\xff\xd8" {
            return Ok(());
        }
        for _ in 0..MOST_PIECES {
            let [fill, marker] = take(reader)?;
            if fill != 0xff || matches!(marker, 0xd9 | 0xda) {
                break;
            }
            if marker == 0xff {
                // A byte of filling: the marker is yet to come.
                reader.seek(SeekFrom::Current(-1))?;
                continue;
            }
            if matches!(marker, 0x01 | 0xd0..=0xd8) {
                continue;
            }
            let length = u64::from(u16::from_be_bytes(take(reader)?)).saturating_sub(2);
            if !matches!(marker, 0xe1 | 0xfe) {
                reader.seek(SeekFrom::Current(length as i64))?;
                continue;
            }
            let mut data = Vec::new();
            reader.by_ref().take(length).read_to_end(&mut data)?;
            match marker {
                0xe1 if data.starts_with(b"Exif\0\0") => self.add_exif(&data),
                0xe1 => {}
                _ => self.add("Comment", utf8_or_latin1(&data).trim_end_matches('\0').to_owned()),
            }
        }
        Ok(())
    }

    /// The EXIF chunk of a WebP file.
    fn add_webp<R: BufRead + Seek>(&mut self, reader: &mut R) -> io::Result<()> {
        reader.seek(SeekFrom::Start(0))?;
        let start = take::<12, _>(reader)?;
        if !start.starts_with(b"RIFF") || !start.ends_with(b"WEBP") {
            return Ok(());
        }
        for _ in 0..MOST_PIECES {
            let [a, b, c, d, size @ ..] = take::<8, _>(reader)?;
            let length = u32::from_le_bytes(size);
            if [a, b, c, d] == *b"EXIF" && length as usize <= TEXT_LIMIT * 2 {
                let mut block = Vec::new();
                reader.by_ref().take(u64::from(length)).read_to_end(&mut block)?;
                self.add_exif(&block);
                break;
            }
            // Chunks begin at even offsets.
            reader.seek(SeekFrom::Current(i64::from(length) + i64::from(length % 2)))?;
        }
        Ok(())
    }
}

/// A few bytes.
fn take<const N: usize, R: Read>(reader: &mut R) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}
