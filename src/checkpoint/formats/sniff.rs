//! Tells a file's format from its first bytes alone.

use crate::checkpoint::error::Problem;
use crate::checkpoint::formats::file_kind::FileKind;

/// A format that [`super::list`] opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Safetensors,
    Gguf,
    Zip,
    /// Of any files; torch's first versions wrote such.
    Tar,
    Pickle,
}

/// The longest padding of a header: writers round up to whole words or pages.
const LONGEST_FILLING: usize = 4096;

/// Returns the format, or as an error what the file is instead.
pub(crate) fn sniff(bytes: &[u8]) -> Result<Format, Problem> {
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    if bytes.starts_with(b"GGUF") {
        return Ok(Format::Gguf);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(Format::Zip);
    }
    if bytes.len() >= 2 && bytes[0] == 0x80 && (2..=5).contains(&bytes[1]) {
        return Ok(Format::Pickle);
    }
    if bytes.get(257..).is_some_and(|bytes| bytes.starts_with(b"ustar")) {
        return Ok(Format::Tar);
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(Problem::LfsPointer);
    }
    if is_safetensors(bytes) {
        return Ok(Format::Safetensors);
    }
    Err(FileKind::of(bytes).map_or_else(|| Problem::Foreign(beginning(bytes)), Problem::OtherFile))
}

/// A header length, then JSON: an object that opens, behind spaces or zeros if any.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let opens = rest.iter().take(LONGEST_FILLING).find(|byte| !matches!(byte, 0 | b' ' | b'\n'));
    // The length's upper bytes are zero in every real file, and never in text.
    u64::from_le_bytes(*length) < 1 << 32 && opens == Some(&b'{')
}

/// The first bytes, as text where they are text.
fn beginning(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(8)];
    if first.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return format!("\"{}\"", String::from_utf8_lossy(first));
    }
    let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("the bytes {}", hex.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_bytes() {
        assert_eq!(sniff(b"PK\x03\x04rest").unwrap(), Format::Zip);
        assert_eq!(sniff(b"\x80\x02\x8a\x0a").unwrap(), Format::Pickle);
        assert_eq!(sniff(b"GGUF\x03").unwrap(), Format::Gguf);
        assert_eq!(sniff(b"\x02\0\0\0\0\0\0\0{}").unwrap(), Format::Safetensors);
    }

    #[test]
    fn foreign_files_are_named() {
        let said = |bytes: &[u8]| sniff(bytes).unwrap_err().to_string();
        assert!(said(b"").contains("empty file"));
        assert!(said(b"\n <!DOCTYPE html>").contains("web page"));
        assert!(said(b"ggjt\x03").contains("GGML"));
        assert!(said(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
        assert!(said(b"{\"a\": 1}").contains("JSON"));
        assert!(said(b"\x01\x02\x03\x04\xff").contains("01 02 03 04"));
    }
}
