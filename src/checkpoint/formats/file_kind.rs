//! `FileKind`: what a file is that holds no tensors, by its first bytes.
//!
//! [`MAGIC`] is the list; a kind whose sentence differs from the others' is a variant beside it.

use std::fmt;

/// What a file is that cannot be opened as a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Weights in a format that is not read, by its name.
    Format(&'static str),
    /// Files packed into one, by the packing's name.
    Archive(&'static str),
    /// A page that a site sent in place of the file.
    WebPage,
    /// JSON: settings, or what a site answered in place of the file.
    Json,
    /// Text of any other sort.
    Text,
    /// A picture, by its format.
    Picture(&'static str),
    /// A film or a sound.
    Film,
    /// A program or a script.
    Program,
    /// Another kind, by its name.
    Other(&'static str),
    /// Nothing but zeros: a place that was reserved and never filled.
    Zeros,
}

/// What a file begins with, or has at a place near its beginning.
const MAGIC: &[(usize, &[u8], FileKind)] = &[
    (0, b"ggjt", FileKind::Format("GGML")),
    (0, b"tjgg", FileKind::Format("GGML")),
    (0, b"lmgg", FileKind::Format("GGML")),
    (0, b"\x89HDF\r\n\x1a\n", FileKind::Format("HDF5")),
    (0, b"\x93NUMPY", FileKind::Format("NumPy")),
    (4, b"TFL3", FileKind::Format("TensorFlow Lite")),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind::Archive("7z")),
    (0, b"Rar!\x1a\x07", FileKind::Archive("RAR")),
    (0, b"\x1f\x8b", FileKind::Archive("gzip")),
    (0, b"BZh", FileKind::Archive("bzip2")),
    (0, b"\xfd7zXZ\0", FileKind::Archive("xz")),
    (0, b"\x28\xb5\x2f\xfd", FileKind::Archive("Zstandard")),
    (0, b"\x04\x22\x4d\x18", FileKind::Archive("LZ4")),
    (0, b"\x89PNG\r\n\x1a\n", FileKind::Picture("PNG")),
    (0, b"\xff\xd8\xff", FileKind::Picture("JPEG")),
    (0, b"GIF8", FileKind::Picture("GIF")),
    (8, b"WEBP", FileKind::Picture("WebP")),
    (0, b"II*\0", FileKind::Picture("TIFF")),
    (0, b"MM\0*", FileKind::Picture("TIFF")),
    (0, b"8BPS", FileKind::Picture("Photoshop")),
    (4, b"ftypavif", FileKind::Picture("AVIF")),
    (4, b"ftypheic", FileKind::Picture("HEIC")),
    (4, b"ftyp", FileKind::Film),
    (0, b"\x1a\x45\xdf\xa3", FileKind::Film),
    (0, b"OggS", FileKind::Film),
    (0, b"ID3", FileKind::Film),
    (8, b"AVI ", FileKind::Film),
    (8, b"WAVE", FileKind::Film),
    (0, b"SQLite format 3\0", FileKind::Other("SQLite")),
    (0, b"%PDF", FileKind::Other("PDF")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::Other("Microsoft Office")),
    (0, b"\x7fELF", FileKind::Program),
    (0, b"MZ", FileKind::Program),
    (0, b"\xcf\xfa\xed\xfe", FileKind::Program),
    (0, b"\xca\xfe\xba\xbe", FileKind::Program),
    (0, b"#!", FileKind::Program),
];

/// Bytes that decide where no magic number does.
const LOOKED_AT: usize = 1024;

impl FileKind {
    /// The kind of a file that begins with these bytes, if it is known.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
        let has = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        if let Some((_, _, kind)) = MAGIC.iter().find(|(at, magic, _)| has(*at, magic)) {
            return Some(*kind);
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Some(Self::Zeros);
        }
        if is_onnx(bytes) {
            return Some(Self::Format("ONNX"));
        }
        text_kind(bytes)
    }
}

impl FileKind {
    /// The name of a format, a packing or another kind.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Format(name) | Self::Archive(name) | Self::Picture(name) | Self::Other(name) => Some(name),
            _ => None,
        }
    }

    /// The name of its sentence in the window's words.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Format(_) => "error-format",
            Self::Archive(_) => "error-archive",
            Self::WebPage => "error-web-page",
            Self::Json => "error-json",
            Self::Text => "error-text",
            Self::Picture(_) => "error-picture",
            Self::Film => "error-film",
            Self::Program => "error-program",
            Self::Other(_) => "error-other-file",
            Self::Zeros => "error-zeros",
        }
    }
}

/// A protobuf message whose first field is the version and whose second is the producer's name.
fn is_onnx(bytes: &[u8]) -> bool {
    let [0x08, version, 0x12, length, rest @ ..] = bytes else { return false };
    let name = rest.get(..usize::from(*length));
    (1..=32).contains(version) && name.is_some_and(|name| name.iter().all(u8::is_ascii_graphic))
}

fn text_kind(bytes: &[u8]) -> Option<FileKind> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let tag = |tag: &[u8]| start.get(..tag.len()).is_some_and(|found| found.eq_ignore_ascii_case(tag));
    if [&b"<!doctype"[..], b"<html", b"<head", b"<body", b"<?xml", b"<!--", b"<error"].into_iter().any(tag) {
        return Some(FileKind::WebPage);
    }
    let is_text = match std::str::from_utf8(start) {
        Ok(text) => text.chars().all(is_of_text),
        // The last letter may be cut.
        Err(error) => {
            let (sound, rest) = start.split_at(error.valid_up_to());
            rest.len() < 4 && std::str::from_utf8(sound).is_ok_and(|text| text.chars().all(is_of_text))
        }
    };
    match start.first() {
        Some(b'{' | b'[') if is_text => Some(FileKind::Json),
        Some(_) if is_text => Some(FileKind::Text),
        _ => None,
    }
}

fn is_of_text(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c')
}

impl fmt::Display for FileKind {
    /// What was found and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(name) => write!(f, "found a {name} file; get the model as safetensors"),
            Self::Archive(name) => {
                write!(f, "found a {name} archive; unpack it, and name the model file in it")
            }
            Self::WebPage => f.write_str("found a web page; log in to the site and download the file itself"),
            Self::Json => f.write_str(
                "found JSON text, which sites send in place of a file; download the file itself, or name the \
                 folder of a diffusers model",
            ),
            Self::Text => f.write_str("found a text file; name the model file itself"),
            Self::Picture(name) => write!(f, "found a picture ({name}); name a model file"),
            Self::Film => f.write_str("found a film or sound file; name a model file"),
            Self::Program => f.write_str("found a program; name a model file"),
            Self::Other(name) => write!(f, "found a {name} file; name a model file"),
            Self::Zeros => f.write_str(
                "found nothing but zeros, as an unfinished download leaves them; download it again",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"ggjt\x03\0\0\0"[..], FileKind::Format("GGML")),
            (b"\x08\x07\x12\x07pytorch\x1a\x051.13", FileKind::Format("ONNX")),
            (b"\x89HDF\r\n\x1a\n\0", FileKind::Format("HDF5")),
            (b"7z\xbc\xaf\x27\x1c\0\x04", FileKind::Archive("7z")),
            (b"Rar!\x1a\x07\x01\0", FileKind::Archive("RAR")),
            (b"\x1f\x8b\x08\0", FileKind::Archive("gzip")),
            (b"SQLite format 3\0\x10\0", FileKind::Other("SQLite")),
            (b"%PDF-1.7\n%\xe2\xe3", FileKind::Other("PDF")),
            (b"\x89PNG\r\n\x1a\n\0\0", FileKind::Picture("PNG")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", FileKind::Picture("WebP")),
            (b"\0\0\0\x18ftypmp42", FileKind::Film),
            (b"\x7fELF\x02\x01", FileKind::Program),
            (b"MZ\x90\0", FileKind::Program),
            (b"#!/bin/sh\n", FileKind::Program),
            (b"\n <!DOCTYPE html><html>", FileKind::WebPage),
            (b"\xef\xbb\xbf<?xml version='1.0'?><Error>", FileKind::WebPage),
            (b"{\"error\": \"Invalid username or password.\"}", FileKind::Json),
            ("Accès refusé, 城".as_bytes(), FileKind::Text),
            (&"é城".as_bytes()[..4], FileKind::Text),
            (&[0; 64], FileKind::Zeros),
        ] {
            assert_eq!(FileKind::of(bytes), Some(expected), "{bytes:?}");
        }
        assert_eq!(FileKind::of(b"\x10\0\0\0\0\0\0\0{}"), None);
        assert_eq!(FileKind::of(b"\x01\x02\x03\x04"), None);
    }
}
