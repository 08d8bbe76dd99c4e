//! Scale: smaller copies of pictures, each pixel the mean of those that it stands for.
//!
//! Trap: a sum of a pixel's box is a `u32`, enough for boxes of 2²⁴ pixels.

use crate::picture::Frame;

/// A rectangle of a frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Part {
    /// All of a frame.
    pub fn whole(frame: &Frame) -> Self {
        Self { left: 0, top: 0, width: frame.width, height: frame.height }
    }

    /// The largest rectangle in the middle of a frame whose sides are as `across` to `down`.
    pub fn middle(frame: &Frame, across: f32, down: f32) -> Self {
        let (width, height) = (frame.width as f32, frame.height as f32);
        let width = (height * across / down).min(width).round() as usize;
        let height = (frame.width as f32 * down / across).min(height).round() as usize;
        let (width, height) = (width.clamp(1, frame.width.max(1)), height.clamp(1, frame.height.max(1)));
        Self { left: (frame.width - width) / 2, top: (frame.height - height) / 2, width, height }
    }
}

/// Sides as large as possible with none longer than `most`, of the same shape, and never enlarged.
pub fn within(frame: &Frame, most: usize) -> [usize; 2] {
    let longer = frame.width.max(frame.height).max(1);
    let scaled = |side: usize| (side * most / longer).max(1);
    if longer <= most { [frame.width, frame.height] } else { [frame.width, frame.height].map(scaled) }
}

/// A copy of `part` with `to` pixels across and down, at most as many as the part has.
pub fn mean(frame: &Frame, part: Part, to: [usize; 2]) -> Frame {
    let (width, height) = (to[0].clamp(1, part.width), to[1].clamp(1, part.height));
    // Whole pixels go into the box that they begin in: a general filter takes ten times as long.
    let columns: Vec<usize> = (0..part.width).map(|x| x * width / part.width).collect();
    let mut rgb = Vec::with_capacity(3 * width * height);
    let mut sums = vec![[0_u32; 4]; width];
    for row in 0..height {
        let [from, to] = [row, row + 1].map(|row| part.top + (row * part.height).div_ceil(height));
        sums.fill([0; 4]);
        for line in from..to {
            let start = 3 * (line * frame.width + part.left);
            let Some(line) = frame.rgb.get(start..start + 3 * part.width) else { continue };
            for (pixel, &column) in line.chunks_exact(3).zip(&columns) {
                let sum = &mut sums[column];
                for (sum, level) in sum.iter_mut().zip(pixel.iter().chain(&[1])) {
                    *sum += u32::from(*level);
                }
            }
        }
        rgb.extend(
            sums.iter().flat_map(|[r, g, b, n]| [r, g, b].map(|sum| ((sum + n / 2) / n.max(&1)) as u8)),
        );
    }
    Frame { width, height, rgb: rgb.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: usize, height: usize) -> Frame {
        Frame { width, height, rgb: vec![9; 3 * width * height].into() }
    }

    #[test]
    fn no_side_is_longer_than_asked_for_and_none_vanishes() {
        assert_eq!(within(&frame(9000, 64), 2048), [2048, 14]);
        assert_eq!(within(&frame(3, 20_000), 2048), [1, 2048]);
        assert_eq!(within(&frame(200, 100), 2048), [200, 100]);
    }

    #[test]
    fn the_middle_has_the_shape_asked_for_whatever_the_frames() {
        let part = Part::middle(&frame(9000, 64), 44.0, 44.0);
        assert_eq!((part.left, part.top, part.width, part.height), (4468, 0, 64, 64));
        let part = Part::middle(&frame(64, 20_000), 88.0, 44.0);
        assert_eq!((part.left, part.top, part.width, part.height), (0, 9984, 64, 32));
        let part = Part::middle(&frame(1, 1), 700.0, 1.0);
        assert_eq!((part.width, part.height), (1, 1));
    }

    #[test]
    fn every_pixel_is_counted_once() {
        // A ramp from left to right, and another from top to bottom.
        let (width, height) = (100, 75);
        let rgb = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 200]).collect();
        let ramp = Frame { width, height, rgb };
        let small = mean(&ramp, Part::whole(&ramp), [40, 30]);
        assert_eq!((small.width, small.height), (40, 30));
        for (i, color) in small.rgb.chunks_exact(3).enumerate() {
            let (x, y) = ((i % 40) as f32 * 2.5 + 0.75, (i / 40) as f32 * 2.5 + 0.75);
            assert!((f32::from(color[0]) - x).abs() <= 1.0, "{i}: {color:?}, expected {x}");
            assert!((f32::from(color[1]) - y).abs() <= 1.0, "{i}: {color:?}, expected {y}");
            assert_eq!(color[2], 200);
        }
        let part = Part { left: 50, top: 70, width: 2, height: 1 };
        assert_eq!(*mean(&ramp, part, [9, 9]).rgb, [50, 70, 200, 51, 70, 200]);
    }
}
