//! EXIF blocks, read for the texts in them; damage costs the field, not the block.
//!
//! Traps: `UserComment` opens with eight bytes that name its encoding, and what programs write behind
//! `UNICODE` is UTF-16 in either byte order, whatever the block's own, or UTF-8; some write the field
//! as bytes or as ASCII; and WebP's block may or may not begin with `Exif\0\0`.

use crate::picture::metadata::chunks::TEXT_LIMIT;
use crate::picture::metadata::latin1::utf8_or_latin1;

/// The name of the field for what one program alone understands.
pub(super) const MAKER_NOTE: &str = "MakerNote";

/// The most fields of a directory that are looked at.
const MOST_FIELDS: usize = 1_000;
const EXIF_DIRECTORY: u16 = 0x8769;

/// The texts of a block, under the names of their fields.
pub(super) fn texts(block: &[u8]) -> Vec<(&'static str, String)> {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let little = match block.get(..4) {
        Some(b"II*\0") => true,
        Some(b"MM\0*") => false,
        _ => return Vec::new(),
    };
    let tiff = Tiff { block, little };
    let first = tiff.directory(4);
    let inner =
        first.iter().find(|field| field.tag == EXIF_DIRECTORY).map(|field| tiff.directory(field.at + 8));
    let text = |field: &Field| {
        let bytes = tiff.bytes(field).filter(|bytes| bytes.len() <= TEXT_LIMIT)?;
        Some(match field.tag {
            0x010e => ("ImageDescription", plain(bytes)),
            0x010f => ("Make", plain(bytes)),
            0x0110 => ("Model", plain(bytes)),
            0x927c => (MAKER_NOTE, String::from_utf8_lossy(bytes).into_owned()),
            0x9286 => ("UserComment", comment(bytes)),
            0x9c9b => ("XPTitle", utf16(bytes, true)),
            0x9c9c => ("XPComment", utf16(bytes, true)),
            _ => return None,
        })
    };
    first.iter().chain(inner.iter().flatten()).filter_map(text).collect()
}

/// A block of TIFF's form.
struct Tiff<'a> {
    block: &'a [u8],
    little: bool,
}

/// One entry of a directory; `at` is where it stands in the block.
struct Field {
    tag: u16,
    kind: u16,
    count: usize,
    at: usize,
}

impl<'a> Tiff<'a> {
    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        let value = if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(value).ok()
    }

    /// The fields of the directory whose place is written at `at`.
    fn directory(&self, at: usize) -> Vec<Field> {
        let fields = || {
            let begins = self.long(at)?;
            let count = usize::from(self.short(begins)?).min(MOST_FIELDS);
            let field = |number: usize| {
                let at = begins.checked_add(2 + number * 12)?;
                Some(Field { tag: self.short(at)?, kind: self.short(at + 2)?, count: self.long(at + 4)?, at })
            };
            Some((0..count).map_while(field).collect())
        };
        fields().unwrap_or_default()
    }

    /// A field's data; what is cut off is as much as there is.
    fn bytes(&self, field: &Field) -> Option<&'a [u8]> {
        let size = match field.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            _ => return None,
        };
        let length = field.count.checked_mul(size)?;
        let begins = if length <= 4 { field.at + 8 } else { self.long(field.at + 8)? };
        let rest = self.block.get(begins..)?;
        Some(&rest[..length.min(rest.len())])
    }
}

/// The text of `UserComment`, behind the eight bytes that name its encoding.
fn comment(bytes: &[u8]) -> String {
    let text = match bytes.split_first_chunk::<8>() {
        Some((b"ASCII\0\0\0" | b"JIS\0\0\0\0\0", text)) => plain(text),
        Some((b"UNICODE\0" | &[0, 0, 0, 0, 0, 0, 0, 0], text)) => unicode(text),
        _ => unicode(bytes),
    };
    text.trim_end_matches('\0').to_owned()
}

/// UTF-8, or Latin-1 where it is none, up to the first zero byte.
fn plain(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    utf8_or_latin1(text)
}

/// UTF-8 or UTF-16 in either order: as its mark says, else as its zero bytes do.
fn unicode(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, text @ ..] => return utf16(text, true),
        [0xfe, 0xff, text @ ..] => return utf16(text, false),
        [0xef, 0xbb, 0xbf, text @ ..] => return plain(text),
        _ => {}
    }
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let text = &bytes[..end];
    if !text.contains(&0) && str::from_utf8(text).is_ok() {
        return plain(text);
    }
    // Texts of every script have spaces, commas and digits, whose high byte is zero.
    let pairs = bytes.as_chunks::<2>().0;
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0 && pair[1 - at] != 0).count();
    match (zeros(1), zeros(0)) {
        (0, 0) => utf8_or_latin1(text),
        (little, big) => utf16(bytes, little > big),
    }
}

fn utf16(bytes: &[u8], little: bool) -> String {
    let order = if little { u16::from_le_bytes } else { u16::from_be_bytes };
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| order(*pair)).take_while(|&unit| unit != 0);
    char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|&letter| letter != '\u{feff}')
        .collect()
}
