//! Settings in an EXIF block, for JPEG and WebP: A1111's text as `UserComment`, where other programs
//! look for it, and our JSON as `MakerNote`.
//!
//! Traps: `UserComment` starts with eight bytes that name its encoding, and what programs write after
//! `UNICODE` is UTF-16 in either byte order. The JPEG encoder writes an overlong block without a
//! word, and damaged, so the length is checked here.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Context, Exif, Field, In, Tag, Value};

use super::chunks::TEXT_LIMIT;
use super::{Format, PictureError};

/// The most bytes of a whole block: a JPEG segment's 65,535 with its headers.
const MOST_BYTES: usize = 65_000;
const UNICODE: &[u8; 8] = b"UNICODE\0";
const ASCII: &[u8; 8] = b"ASCII\0\0\0";
const UNDEFINED: &[u8; 8] = &[0; 8];
/// Opens our maker note.
const NOTE: &[u8] = b"safelight\0";

/// The block for two texts. Where both do not fit, the text that others read stays.
pub(super) fn write(comment: &str, json: &str, format: Format) -> Result<Vec<u8>, PictureError> {
    let mut user_comment = UNICODE.to_vec();
    user_comment.extend(comment.encode_utf16().flat_map(u16::to_be_bytes));
    let note = [NOTE, json.as_bytes()].concat();
    let both = block(&[field(Tag::UserComment, user_comment.clone()), field(Tag::MakerNote, note)], format)?;
    if both.len() <= MOST_BYTES {
        return Ok(both);
    }
    let one = block(&[field(Tag::UserComment, user_comment)], format)?;
    if one.len() <= MOST_BYTES {
        return Ok(one);
    }
    Err(PictureError::TooLong { found: one.len(), format: format.name() })
}

fn field(tag: Tag, bytes: Vec<u8>) -> Field {
    Field { tag, ifd_num: In::PRIMARY, value: Value::Undefined(bytes, 0) }
}

fn block(fields: &[Field], format: Format) -> Result<Vec<u8>, PictureError> {
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut bytes = Cursor::new(Vec::new());
    writer
        .write(&mut bytes, false)
        .map_err(|error| PictureError::Encode { format: format.name(), reason: error.to_string() })?;
    Ok(bytes.into_inner())
}

/// The two texts, where there are any: the user's comment, and our JSON.
pub(super) type Texts = (Option<String>, Option<String>);

/// The texts of a bare block (a PNG's `eXIf` chunk).
pub(super) fn read(block: Vec<u8>) -> Texts {
    texts(reader().read_raw(block))
}

/// The texts of a whole JPEG or WebP file.
pub(super) fn read_file(bytes: &[u8]) -> Texts {
    texts(reader().read_from_container(&mut Cursor::new(bytes)))
}

/// A reader that takes what it can from a damaged block.
fn reader() -> exif::Reader {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    reader
}

fn texts(exif: Result<Exif, exif::Error>) -> Texts {
    let Ok(exif) = exif.or_else(|error| error.distill_partial_result(|_| ())) else { return (None, None) };
    let comment = undefined(&exif, Tag::UserComment).and_then(decode_comment);
    let note = undefined(&exif, Tag::MakerNote).and_then(|bytes| bytes.strip_prefix(NOTE));
    let json = note.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    (comment, json)
}

/// A field's bytes, if they are of the kind for free text and not too many.
fn undefined(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    debug_assert_eq!(tag.context(), Context::Exif);
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Undefined(bytes, _) if bytes.len() <= TEXT_LIMIT => Some(bytes),
        _ => None,
    }
}

/// The text behind the eight bytes.
fn decode_comment(bytes: &[u8]) -> Option<String> {
    let (code, text) = bytes.split_first_chunk::<8>()?;
    let text = match code {
        UNICODE => decode_utf16(text),
        ASCII | UNDEFINED => String::from_utf8_lossy(text).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    Some(text.trim_end_matches('\0').to_owned())
}

/// UTF-16 in the order that leaves more units below 256 (mixed scripts have spaces and commas too).
fn decode_utf16(bytes: &[u8]) -> String {
    let pairs = bytes.as_chunks::<2>().0;
    let count = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    let order = if count(1) > count(0) { u16::from_le_bytes } else { u16::from_be_bytes };
    let units = pairs.iter().map(|pair| order(*pair));
    char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|&letter| letter != '\u{feff}')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_come_back() {
        let block = write("a café 城 👩‍🚀", "{\"x\":1}", Format::Jpeg).unwrap();
        assert_eq!(read(block), (Some("a café 城 👩‍🚀".to_owned()), Some("{\"x\":1}".to_owned())));
    }

    #[test]
    fn long_settings_lose_our_note_first_and_are_then_refused() {
        let long = "x".repeat(30_000);
        let (comment, json) = read(write(&long, &long, Format::Jpeg).unwrap());
        assert_eq!((comment.as_deref(), json), (Some(long.as_str()), None));
        let error = write(&"x".repeat(33_000), "{}", Format::Webp).unwrap_err();
        assert!(error.to_string().contains("save as PNG"), "{error}");
    }

    #[test]
    fn other_programs_encodings() {
        let little: Vec<u8> =
            "UNICODE\0".bytes().chain("Steps: 20".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decode_comment(&little).as_deref(), Some("Steps: 20"));
        assert_eq!(decode_comment(b"ASCII\0\0\0Steps: 20\0").as_deref(), Some("Steps: 20"));
        assert_eq!(decode_comment(b"Steps: 20 and more").as_deref(), Some("Steps: 20 and more"));
        assert_eq!(decode_comment(b"short"), None);
    }
}
