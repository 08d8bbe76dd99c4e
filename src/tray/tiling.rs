//! Margins around a picture that tiles: what lies beyond an edge is the other side.

use crate::picture::Frame;

/// The place on a side that tiles of the place `at` on the same side with a margin before it.
pub fn wrapped(at: usize, margin: usize, side: usize) -> usize {
    (at + side * margin - margin) % side
}

/// A picture with so many pixels more on the left and on the right, and at the top and at the bottom.
pub fn with_margins(picture: &Frame, [across, down]: [usize; 2]) -> Frame {
    let [width, height] = [picture.width + 2 * across, picture.height + 2 * down];
    if (across, down) == (0, 0) || picture.width == 0 || picture.height == 0 {
        return picture.clone();
    }
    let mut rgb = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        let row = wrapped(y, down, picture.height) * picture.width;
        for x in 0..width {
            let at = 3 * (row + wrapped(x, across, picture.width));
            rgb.extend_from_slice(&picture.rgb[at..at + 3]);
        }
    }
    Frame { width, height, rgb: rgb.into() }
}

/// What such a picture has within its margins, of this size.
pub fn without_margins(picture: &Frame, [across, down]: [usize; 2], [width, height]: [usize; 2]) -> Frame {
    if (across, down) == (0, 0) {
        return picture.clone();
    }
    let row = |y: usize| &picture.rgb[3 * ((y + down) * picture.width + across)..][..3 * width];
    Frame { width, height, rgb: (0..height).flat_map(row).copied().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_an_edge_lies_the_other_side() {
        let rgb = (0..6).flat_map(|i| [i; 3]).collect();
        let picture = Frame { width: 3, height: 2, rgb };
        let larger = with_margins(&picture, [4, 1]);
        assert_eq!((larger.width, larger.height), (11, 4));
        let levels: Vec<u8> = larger.rgb.chunks_exact(3).map(|pixel| pixel[0]).collect();
        assert_eq!(levels[..11], [5, 3, 4, 5, 3, 4, 5, 3, 4, 5, 3]);
        assert_eq!(levels[11..22], [2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(without_margins(&larger, [4, 1], [3, 2]), picture);
        assert_eq!(with_margins(&picture, [0, 0]), picture);
    }
}
