//! `utf8_or_latin1`: a text of a file that does not tell its encoding.

/// UTF-8, or Latin-1 where the bytes are no UTF-8.
pub(super) fn utf8_or_latin1(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}
