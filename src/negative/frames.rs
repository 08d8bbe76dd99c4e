//! Frames: a chain of payloads that is appended to, and read as far as it is whole.
//!
//! Invariant: a frame counts only if all of it is there and its checksum holds, so a write that was cut off
//! anywhere costs that frame alone.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};

/// The first bytes of a chain. Read as the length of a safetensors header they are beyond every limit.
pub(super) const MAGIC: [u8; 8] = *b"SLNEG\0\0\x01";
/// Length and checksum before each payload.
pub(super) const FRAME_HEAD: usize = 12;
/// A longer payload is damage: a state of the largest picture takes a fraction of it.
const PAYLOAD_MAX: u64 = 1 << 30;

/// A payload as a frame.
pub(super) fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_HEAD + payload.len());
    frame.extend((payload.len() as u64).to_le_bytes());
    frame.extend(crc32fast::hash(payload).to_le_bytes());
    frame.extend(payload);
    frame
}

/// Puts `frame` at `end` by one write and returns the new end. A failed write leaves no trace.
///
/// # Errors
/// What the system says.
pub(super) fn append(file: &mut File, end: u64, frame: &[u8]) -> io::Result<u64> {
    file.seek(SeekFrom::Start(end))?;
    if let Err(error) = file.write_all(frame) {
        if let Err(more) = file.set_len(end) {
            log::warn!("a part of a frame stays at the end of a negative: {more}");
        }
        return Err(error);
    }
    Ok(end + frame.len() as u64)
}

/// Calls `each` with every whole frame's payload and the place where it begins, after the first 8 bytes; returns
/// where the last one ends.
///
/// # Errors
/// What the system says.
pub(super) fn scan(file: &File, mut each: impl FnMut(&[u8], u64)) -> io::Result<u64> {
    let len = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut end = reader.seek(SeekFrom::Start(MAGIC.len() as u64))?;
    let mut payload = Vec::new();
    while end + FRAME_HEAD as u64 <= len {
        let mut head = [0; FRAME_HEAD];
        reader.read_exact(&mut head)?;
        let (length, sum) = head.split_at(size_of::<u64>());
        let length = length.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
        let sum = sum.first_chunk().map_or(0, |sum| u32::from_le_bytes(*sum));
        let begin = end + FRAME_HEAD as u64;
        if length > PAYLOAD_MAX || length > len - begin {
            break;
        }
        payload.clear();
        if (&mut reader).take(length).read_to_end(&mut payload)? as u64 != length
            || crc32fast::hash(&payload) != sum
        {
            break;
        }
        each(&payload, begin);
        end = begin + length;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(file: &File) -> (Vec<Vec<u8>>, u64) {
        let mut found = Vec::new();
        let end = scan(file, |payload, _| found.push(payload.to_vec())).unwrap();
        (found, end)
    }

    #[test]
    fn a_chain_is_read_as_far_as_it_is_whole() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&MAGIC).unwrap();
        let mut end = MAGIC.len() as u64;
        let mut ends = vec![end];
        for payload in [b"head".as_slice(), b"first step", b"second"] {
            end = append(&mut file, end, &framed(payload)).unwrap();
            ends.push(end);
        }
        assert_eq!(payloads(&file).0.len(), 3);
        for cut in MAGIC.len() as u64..=end {
            file.set_len(cut).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (found, found_end) = payloads(&file);
            assert_eq!((found.len(), found_end), (whole, ends[whole]), "cut at {cut}");
            // What was cut off is made again.
            let mut end = found_end;
            for payload in [b"head".as_slice(), b"first step", b"second"].iter().skip(whole) {
                end = append(&mut file, end, &framed(payload)).unwrap();
            }
            assert_eq!(payloads(&file).0.len(), 3);
        }
    }

    #[test]
    fn a_changed_byte_ends_the_chain() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&MAGIC).unwrap();
        let end = append(&mut file, 8, &framed(b"head")).unwrap();
        append(&mut file, end, &framed(b"step")).unwrap();
        for at in end..end + 16 {
            let mut byte = [0];
            file.seek(SeekFrom::Start(at)).unwrap();
            file.read_exact(&mut byte).unwrap();
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&[byte[0] ^ 0x41]).unwrap();
            assert_eq!(payloads(&file).0, [b"head"], "byte {at}");
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&byte).unwrap();
        }
        assert_eq!(payloads(&file).0.len(), 2);
    }
}
