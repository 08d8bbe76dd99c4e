//! `Placement`: which part of a picture a run works on, and at what size; there and back.
//!
//! Trap: the part may reach far beyond the picture (`fit`): what is missing there is its edge, drawn on, and nothing as
//! large as the part is ever made.

use image::imageops::{self, FilterType};

use crate::picture::Frame;
use crate::settings::Resize;

/// A rectangle in a picture's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// The first column; negative beyond the picture.
    pub x: i64,
    /// The first row.
    pub y: i64,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A part of a picture at the size of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The part.
    pub rect: Rect,
    /// Width and height of the run.
    pub size: [usize; 2],
}

impl Placement {
    /// A whole picture (`width`, `height`) in a run of `size`.
    pub fn whole([width, height]: [usize; 2], size: [usize; 2], resize: Resize) -> Self {
        let all = Rect { x: 0, y: 0, width, height };
        // The sides of a rectangle of the run's shape that is as wide, and that is as high, as the picture.
        let height_of = (width * size[1]).div_ceil(size[0].max(1)).max(1);
        let width_of = (height * size[0]).div_ceil(size[1].max(1)).max(1);
        let is_wider = width * size[1] > height * size[0];
        let (wide, high) = match (resize, is_wider) {
            (Resize::Stretch | Resize::Latent, _) => (width, height),
            (Resize::Crop, true) | (Resize::Fit, false) => (width_of, height),
            (Resize::Crop, false) | (Resize::Fit, true) => (width, height_of),
        };
        let middle = |all: usize, part: usize| (all as i64 - part as i64).div_euclid(2);
        let rect = Rect { x: middle(width, wide), y: middle(height, high), width: wide, height: high };
        Self { rect: if (wide, high) == (width, height) { all } else { rect }, size }
    }

    /// What is repainted (`bounds`) and `padding` pixels around it, grown to the run's shape within the picture as far
    /// as that goes (A1111's "only masked").
    pub fn around(bounds: Rect, padding: usize, [width, height]: [usize; 2], size: [usize; 2]) -> Self {
        let padding = padding as i64;
        let span = |from: i64, length: usize, most: usize| {
            let to = (from + length as i64 + padding).min(most as i64);
            let from = (from - padding).max(0);
            (from, to - from)
        };
        let (mut x, mut wide) = span(bounds.x, bounds.width, width);
        let (mut y, mut high) = span(bounds.y, bounds.height, height);
        let [run_width, run_height] = size.map(|side| side.max(1) as i64);
        let grown = |from: i64, length: i64, wanted: i64, most: i64| {
            let length_now = wanted.min(most).max(length);
            let from = from - (length_now - length) / 2;
            (from.min(most - length_now).max(0), length_now)
        };
        if wide * run_height > high * run_width {
            (y, high) = grown(y, high, wide * run_height / run_width, height as i64);
        } else {
            (x, wide) = grown(x, wide, high * run_width / run_height, width as i64);
        }
        Self { rect: Rect { x, y, width: wide.max(1) as usize, height: high.max(1) as usize }, size }
    }

    /// What of the part lies in a picture (`width`, `height`), and where that is in the run.
    pub fn inside(&self, [width, height]: [usize; 2]) -> [Rect; 2] {
        let Rect { x, y, .. } = self.rect;
        // (from, length) in the picture and in the run.
        let span = |from: i64, length: usize, most: usize, run: usize| {
            let (first, last) =
                (from.clamp(0, most as i64 - 1), (from + length as i64).clamp(1, most as i64));
            let scale = run as f64 / length.max(1) as f64;
            let place = |at: i64| (((at - from) as f64 * scale).round() as i64).clamp(0, run as i64);
            let begin = place(first).min(run as i64 - 1);
            let end = place(last).max(begin + 1);
            ((first, (last - first).max(1) as usize), (begin, (end - begin) as usize))
        };
        let (across, run_across) = span(x, self.rect.width, width, self.size[0]);
        let (down, run_down) = span(y, self.rect.height, height, self.size[1]);
        [(across, down), (run_across, run_down)].map(|((x, width), (y, height))| Rect { x, y, width, height })
    }

    /// The part of `picture` at the run's size.
    pub fn apply(&self, picture: &Frame) -> Frame {
        let [there, here] = self.inside([picture.width, picture.height]);
        let part = resized(&cut(picture, there), [here.width, here.height]);
        let [width, height] = self.size;
        if (part.width, part.height) == (width, height) {
            return part;
        }
        // What is missing is the nearest pixel of the edge.
        let nearest = |place: usize, from: i64, length: usize| {
            (place as i64 - from).clamp(0, length as i64 - 1) as usize
        };
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            let row = nearest(y, here.y, here.height) * part.width;
            for x in 0..width {
                let at = 3 * (row + nearest(x, here.x, here.width));
                rgb.extend_from_slice(&part.rgb[at..at + 3]);
            }
        }
        Frame { width, height, rgb: rgb.into() }
    }

    /// A run's picture where it belongs in a picture of this size: what lies in it, and where.
    pub fn back(&self, made: &Frame, picture: [usize; 2]) -> (Rect, Frame) {
        let [there, here] = self.inside(picture);
        (there, resized(&cut(made, here), [there.width, there.height]))
    }
}

/// A rectangle of a picture, which lies within it.
fn cut(picture: &Frame, Rect { x, y, width, height }: Rect) -> Frame {
    if (width, height) == (picture.width, picture.height) {
        return picture.clone();
    }
    let (x, y) = (x as usize, y as usize);
    let row = |row: usize| &picture.rgb[3 * (row * picture.width + x)..][..3 * width];
    let rgb = (y..y + height).flat_map(row).copied().collect();
    Frame { width, height, rgb }
}

/// A picture at another size, by Lanczos.
pub fn resized(picture: &Frame, [width, height]: [usize; 2]) -> Frame {
    if (picture.width, picture.height) == (width, height) {
        return picture.clone();
    }
    let view = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(
        picture.width as u32,
        picture.height as u32,
        &picture.rgb,
    );
    let Some(view) = view else { return picture.clone() };
    let rgb = imageops::resize(&view, width as u32, height as u32, FilterType::Lanczos3).into_raw();
    Frame { width, height, rgb: rgb.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: i64, y: i64, width: usize, height: usize) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn a_picture_is_cropped_fitted_or_stretched() {
        let of = |picture, resize| Placement::whole(picture, [64, 64], resize).rect;
        assert_eq!(of([200, 100], Resize::Crop), rect(50, 0, 100, 100));
        assert_eq!(of([200, 100], Resize::Fit), rect(0, -50, 200, 200));
        assert_eq!(of([200, 100], Resize::Stretch), rect(0, 0, 200, 100));
        assert_eq!(of([100, 200], Resize::Crop), rect(0, 50, 100, 100));
        assert_eq!(of([100, 200], Resize::Fit), rect(-50, 0, 200, 200));
        for resize in [Resize::Crop, Resize::Fit, Resize::Latent] {
            assert_eq!(of([64, 64], resize), rect(0, 0, 64, 64));
        }
        // What is as thin as can be.
        assert_eq!(of([20_000, 3], Resize::Crop), rect(9998, 0, 3, 3));
        assert_eq!(of([1, 1], Resize::Fit), rect(0, 0, 1, 1));
    }

    #[test]
    fn what_is_masked_grows_to_the_shape_of_the_run_within_the_picture() {
        let around = |bounds, padding| Placement::around(bounds, padding, [400, 300], [64, 64]).rect;
        assert_eq!(around(rect(100, 100, 40, 20), 10), rect(90, 80, 60, 60));
        // At the edge it is moved inside.
        assert_eq!(around(rect(0, 0, 100, 10), 0), rect(0, 0, 100, 100));
        assert_eq!(around(rect(380, 0, 20, 300), 0), rect(100, 0, 300, 300));
        assert_eq!(around(rect(0, 290, 400, 10), 5), rect(0, 0, 400, 300));
    }

    #[test]
    fn a_part_comes_back_to_its_place() {
        let rgb: Vec<u8> = (0..30 * 20).flat_map(|i| [(i % 30 * 8) as u8, (i / 30 * 12) as u8, 7]).collect();
        let picture = Frame { width: 30, height: 20, rgb: rgb.into() };
        let part = Placement { rect: rect(10, 5, 8, 8), size: [8, 8] };
        let taken = part.apply(&picture);
        assert_eq!(taken.rgb[..3], [80, 60, 7]);
        assert_eq!(part.back(&taken, [30, 20]), (part.rect, taken));
        let beyond = Placement { rect: rect(-4, -4, 38, 28), size: [38, 28] }.apply(&picture);
        assert_eq!(
            (beyond.rgb[..3].to_vec(), beyond.rgb[beyond.rgb.len() - 3..].to_vec()),
            (vec![0, 0, 7], vec![232, 228, 7])
        );
        let doubled = Placement { rect: rect(10, 5, 8, 8), size: [16, 16] };
        let larger = doubled.apply(&picture);
        assert_eq!((larger.width, doubled.back(&larger, [30, 20]).1.width), (16, 8));
    }

    #[test]
    fn a_part_far_larger_than_its_picture_costs_no_more_than_the_run() {
        let long = Frame { width: 20_000, height: 8, rgb: vec![9; 20_000 * 24].into() };
        let fit = Placement::whole([20_000, 8], [64, 64], Resize::Fit);
        assert_eq!(fit.rect.height, 20_000);
        let placed = fit.apply(&long);
        assert_eq!((placed.width, placed.height, placed.rgb.len()), (64, 64, 64 * 64 * 3));
        let (there, back) = fit.back(&placed, [20_000, 8]);
        assert_eq!((there, back.width, back.height), (rect(0, 0, 20_000, 8), 20_000, 8));
    }
}
