//! A contact print: the steps of a run side by side as one picture, all in the size of the last.

use super::Frame;
use super::animation::resized;

/// A contact print: all frames in rows, as near to a square as their shape allows.
pub fn contact_print(frames: &[Frame]) -> Frame {
    let (width, height) = frames.last().map_or((1, 1), |last| (last.width, last.height));
    let columns = ((frames.len() * height) as f64 / width as f64).sqrt().ceil().max(1.0) as usize;
    let rows = frames.len().div_ceil(columns);
    let mut rgb = vec![0_u8; columns * width * rows * height * 3];
    for (place, frame) in frames.iter().enumerate() {
        let (left, top) = (place % columns * width, place / columns * height);
        let frame = resized(frame, width, height);
        for (y, line) in frame.rgb.chunks_exact(width * 3).enumerate() {
            let at = ((top + y) * columns * width + left) * 3;
            rgb[at..at + line.len()].copy_from_slice(line);
        }
    }
    Frame { width: columns * width, height: rows * height, rgb: rgb.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_in_rows_and_the_rest_is_black() {
        let frame = |level: u8| Frame { width: 2, height: 1, rgb: vec![level; 6].into() };
        let sheet = contact_print(&[frame(1), frame(2), frame(3)]);
        assert_eq!((sheet.width, sheet.height), (4, 2));
        assert_eq!(&sheet.rgb[..12], [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
        assert_eq!(&sheet.rgb[12..], [3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0]);
    }
}
