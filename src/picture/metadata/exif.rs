//! Settings into an EXIF block, for JPEG and WebP: A1111's text as `UserComment`, where other programs
//! look for it, and the full JSON as `MakerNote`.
//!
//! Traps: `UserComment` starts with eight bytes that name its encoding; other programs expect UTF-16 behind
//! `UNICODE`. A JPEG holds 65,533 bytes in a segment, and its encoder silently writes a longer block,
//! damaged. So what does not fit there is left out here, what is there twice first.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Tag, Value};

use crate::picture::{Format, Made, PictureError, a1111_text};

/// The most bytes of a whole block in a JPEG: a segment's 65,535 with its headers.
const MOST_BYTES: usize = 65_000;
/// Bytes of a block that hold no text.
const FRAME_BYTES: usize = 200;
const UNICODE: &[u8; 8] = b"UNICODE\0";
const ASCII: &[u8; 8] = b"ASCII\0\0\0";
/// Opens the maker note.
pub(super) const NOTE: &str = "safelight\0";

/// What a block holds of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Every setting of this program.
    Whole,
    /// What other programs know of, with the prompts in full.
    Common,
    /// The prompts were cut.
    Cut,
}

/// What a picture file of this kind can hold of its settings.
pub fn held(made: &Made, format: Format) -> Held {
    match format {
        Format::Jpeg => fit(made).2,
        Format::Png | Format::Webp => Held::Whole,
    }
}

/// The block for a picture; what does not fit is left out, as [`held`] tells.
pub(in crate::picture) fn write(made: &Made, format: Format) -> Result<Vec<u8>, PictureError> {
    let (comment, note) = match format {
        Format::Jpeg => {
            let (comment, note, _) = fit(made);
            (comment, note)
        }
        Format::Png | Format::Webp => (utf16(&a1111_text(made)), Some(maker_note(made))),
    };
    block(comment, note, format)
}

/// The block of a text alone; none where a JPEG has no room for it.
pub(in crate::picture) fn write_text(text: &str, format: Format) -> Result<Option<Vec<u8>>, PictureError> {
    let comment = if format == Format::Jpeg { shortest(text) } else { utf16(text) };
    let fits = format != Format::Jpeg || comment.len() <= MOST_BYTES - FRAME_BYTES;
    fits.then(|| block(comment, None, format)).transpose()
}

fn block(comment: Vec<u8>, note: Option<Vec<u8>>, format: Format) -> Result<Vec<u8>, PictureError> {
    let mut fields = vec![field(Tag::UserComment, comment)];
    fields.extend(note.map(|note| field(Tag::MakerNote, note)));
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut bytes = Cursor::new(Vec::new());
    writer
        .write(&mut bytes, false)
        .map_err(|error| PictureError::Encode { format: format.name(), reason: error.to_string() })?;
    Ok(bytes.into_inner())
}

/// Comment and maker note that a JPEG holds.
fn fit(made: &Made) -> (Vec<u8>, Option<Vec<u8>>, Held) {
    let room = MOST_BYTES - FRAME_BYTES;
    let (text, note) = (a1111_text(made), maker_note(made));
    let both = utf16(&text);
    if both.len() + note.len() <= room {
        return (both, Some(note), Held::Whole);
    }
    let comment = shortest(&text);
    if comment.len() + note.len() <= room {
        return (comment, Some(note), Held::Whole);
    }
    if comment.len() <= room {
        return (comment, None, Held::Common);
    }
    // The maker note may be the shorter one; then it holds the prompts in full, and the comment cuts them.
    match room.checked_sub(note.len()).filter(|room| *room >= FRAME_BYTES * 10) {
        Some(room) => (cut(made, room), Some(note), Held::Whole),
        None => (cut(made, room), None, Held::Cut),
    }
}

/// A comment of at most `room` bytes, the longer prompt cut first.
fn cut(made: &Made, room: usize) -> Vec<u8> {
    let mut made = made.clone();
    // Words alone can be of any length.
    made.model.truncate(made.model.floor_char_boundary(200));
    made.guidance_of_steps.clear();
    loop {
        let comment = shortest(&a1111_text(&made));
        let settings = &mut made.settings;
        let (longer, shorter) = if settings.prompt.len() >= settings.negative_prompt.len() {
            (&mut settings.prompt, settings.negative_prompt.len())
        } else {
            (&mut settings.negative_prompt, settings.prompt.len())
        };
        let over = comment.len().saturating_sub(room);
        if over == 0 || longer.is_empty() {
            return comment;
        }
        // A letter takes up to two bytes of the comment for one of its own, so it may take some rounds.
        let keep = longer.len().saturating_sub(over.div_ceil(2)).max(shorter / 2).min(longer.len() - 1);
        longer.truncate(longer.floor_char_boundary(keep));
    }
}

fn maker_note(made: &Made) -> Vec<u8> {
    [NOTE, &made.to_json()].concat().into_bytes()
}

/// The text as other programs expect it.
fn utf16(text: &str) -> Vec<u8> {
    UNICODE.iter().copied().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
}

/// The same in half the bytes where its letters allow.
fn shortest(text: &str) -> Vec<u8> {
    if text.is_ascii() { [&ASCII[..], text.as_bytes()].concat() } else { utf16(text) }
}

fn field(tag: Tag, bytes: Vec<u8>) -> Field {
    Field { tag, ifd_num: In::PRIMARY, value: Value::Undefined(bytes, 0) }
}
