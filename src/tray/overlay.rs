//! `Overlay`: a picture of which a part is repainted, ready to take up what a run makes of that part: for each step's
//! preview, for the finished picture, and for a second pass at a larger size.
//!
//! Invariants: where the mask is 0 every picture that comes out has the original's pixels (a second pass: those of the
//! original enlarged), so what is outside never flickers.

use std::sync::OnceLock;

use super::composite::{composite, with_matched_edges};
use super::mask::Mask;
use super::placement::{Placement, Rect, resized};
use crate::picture::Frame;

/// The longer side of what previews show, in pixels.
const SHOWN: usize = 1024;
/// The most places of a side of a map.
const MAP_MOST: usize = 512;

/// A picture of which a part is repainted.
#[derive(Debug)]
pub struct Overlay {
    original: Frame,
    /// What is repainted of it.
    mask: Mask,
    placement: Placement,
    /// The part that the run works on, at its size, and what of that is repainted.
    begun: Frame,
    placed: Mask,
    shown: OnceLock<Box<Overlay>>,
    larger: OnceLock<Box<Overlay>>,
}

impl Overlay {
    /// Over `original`, as `mask` (blurred, of the same size) says, with runs of a placement.
    pub fn new(original: Frame, mask: &Mask, placement: Placement) -> Self {
        let (begun, placed) = (placement.apply(&original), mask.placed(&placement));
        Self::of_parts(original, mask.strengthened(), placement, (begun, placed))
    }

    fn of_parts(original: Frame, mask: Mask, placement: Placement, (begun, placed): (Frame, Mask)) -> Self {
        let (shown, larger) = (OnceLock::new(), OnceLock::new());
        Self { original, mask, placement, begun, placed, shown, larger }
    }

    /// What a run has made, at its size or at that of a second pass, where it belongs.
    pub fn finished(&self, made: &Frame) -> Frame {
        let over = self.at_size_of(made);
        over.put(made)
    }

    /// The same for the eye: of a size that can be drawn after each step.
    pub fn shown(&self, made: &Frame) -> Frame {
        let over = self.at_size_of(made);
        if over.original.width.max(over.original.height) <= SHOWN {
            return over.put(made);
        }
        over.shown.get_or_init(|| Box::new(over.reduced())).put(made)
    }

    /// What a run at its size has made, with its surroundings: from what a second pass begins, enlarged to `size`.
    pub fn enlarged(&self, made: &Frame, size: [usize; 2]) -> Frame {
        let made = resized(made, size);
        let over = self.at_size_of(&made);
        let matched = with_matched_edges(&over.begun, &made, &over.placed);
        let whole = Placement { rect: Rect { x: 0, y: 0, width: size[0], height: size[1] }, size };
        composite(&over.begun, &matched, &whole, &over.placed.strengthened())
    }

    /// What is repainted at the size of a run, or of a second pass.
    pub fn placed(&self, size: [usize; 2]) -> &Mask {
        &self.at_size(size).placed
    }

    /// The part that a run, or a second pass, works on.
    pub fn begun(&self, size: [usize; 2]) -> &Frame {
        &self.at_size(size).begun
    }

    /// A map over the part (width and height in `size`) as one over all of the picture, whose places are about as
    /// large; 0 beyond the part. Returns its width and height, too.
    pub fn spread(&self, map: &[u8], size: [usize; 2]) -> (Vec<u8>, [usize; 2]) {
        let Rect { x, y, width, height } = self.placement.rect;
        let (part, whole) = ([width, height], [self.original.width, self.original.height]);
        let places = |i: usize| {
            let places = whole[i] as f64 * size[i] as f64 / part[i].max(1) as f64;
            (places.round() as usize).clamp(1, MAP_MOST)
        };
        let to = [places(0), places(1)];
        // The place in the part of a place in the whole.
        let within = |place: usize, i: usize, from: i64| {
            let pixel = (place as f64 + 0.5) * whole[i] as f64 / to[i] as f64 - from as f64;
            let place = (pixel * size[i] as f64 / part[i].max(1) as f64).floor();
            (place >= 0.0 && place < size[i] as f64).then_some(place as usize)
        };
        let level = |i: usize| match (within(i % to[0], 0, x), within(i / to[0], 1, y)) {
            (Some(x), Some(y)) => map[y * size[0] + x],
            _ => 0,
        };
        ((0..to[0] * to[1]).map(level).collect(), to)
    }

    /// The original of which [`Overlay::finished`] keeps all where the mask, of the same size, is 0.
    pub fn kept(&self, made: &Frame) -> (&Frame, &Mask) {
        let over = self.at_size_of(made);
        (&over.original, &over.mask)
    }

    fn put(&self, made: &Frame) -> Frame {
        let made = resized(made, self.placement.size);
        let matched = with_matched_edges(&self.begun, &made, &self.placed);
        composite(&self.original, &matched, &self.placement, &self.mask)
    }

    fn at_size_of(&self, made: &Frame) -> &Self {
        self.at_size([made.width, made.height])
    }

    /// Itself, or what a second pass at this size works on; another size is brought to the run's own.
    fn at_size(&self, size: [usize; 2]) -> &Self {
        if size[0] <= self.placement.size[0] {
            return self;
        }
        let larger = self.larger.get_or_init(|| Box::new(self.scaled(size)));
        if larger.placement.size == size { larger } else { self }
    }

    /// The same enlarged as a run is that grows to `size`.
    fn scaled(&self, size: [usize; 2]) -> Self {
        let [across, down] = [0, 1].map(|i| size[i] as f64 / self.placement.size[i] as f64);
        // One scale for both sides, as the picture keeps its shape.
        let scale = (across * down).sqrt();
        let (original, mask, rect) = self.at_scale(scale);
        let placement = Placement { rect, size };
        let parts = (placement.apply(&original), self.placed.resized(size[0], size[1]));
        Self::of_parts(original, mask, placement, parts)
    }

    /// The same small enough to be shown after each step.
    fn reduced(&self) -> Self {
        let scale = SHOWN as f64 / self.original.width.max(self.original.height) as f64;
        let (original, mask, rect) = self.at_scale(scale);
        let placement = Placement { rect, ..self.placement };
        Self::of_parts(original, mask, placement, (self.begun.clone(), self.placed.clone()))
    }

    fn at_scale(&self, scale: f64) -> (Frame, Mask, Rect) {
        let side = |pixels: usize| ((pixels as f64 * scale).round() as usize).max(1);
        let [width, height] = [side(self.original.width), side(self.original.height)];
        let place = |at: i64| (at as f64 * scale).round() as i64;
        let Rect { x, y, width: wide, height: high } = self.placement.rect;
        // Both ends are rounded, so that parts that touch go on touching.
        let span = |from: i64, length: usize| {
            let begin = place(from);
            (begin, (place(from + length as i64) - begin).max(1) as usize)
        };
        let ((x, wide), (y, high)) = (span(x, wide), span(y, high));
        let rect = Rect { x, y, width: wide, height: high };
        (resized(&self.original, [width, height]), self.mask.resized(width, height), rect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Resize;

    fn frame(width: usize, height: usize, level: impl Fn(usize) -> u8) -> Frame {
        Frame { width, height, rgb: (0..width * height * 3).map(level).collect() }
    }

    fn overlay(width: usize, height: usize) -> Overlay {
        let levels: Vec<u8> =
            (0..width * height).map(|i| if (i % width) < width / 3 { 255 } else { 0 }).collect();
        let mask = Mask { width, height, levels: levels.into() };
        let placement = Placement::whole([width, height], [64, 64], Resize::Fit);
        Overlay::new(frame(width, height, |i| (i * 7 % 251) as u8), &mask, placement)
    }

    #[test]
    fn what_is_kept_is_the_originals_in_every_picture() {
        let over = overlay(90, 60);
        let kept = |whole: &Frame| {
            (0..90 * 60)
                .filter(|i| i % 90 >= 30)
                .all(|i| whole.rgb[3 * i..3 * i + 3] == over.original.rgb[3 * i..3 * i + 3])
        };
        for level in [0, 128, 255] {
            let made = frame(64, 64, |_| level);
            let (finished, shown) = (over.finished(&made), over.shown(&made));
            assert!(kept(&finished) && finished == shown);
            // A preview of another size is brought to the run's.
            assert!(kept(&over.finished(&frame(32, 32, |_| level))));
        }
    }

    #[test]
    fn a_large_picture_is_shown_smaller_and_does_not_flicker() {
        let over = overlay(3000, 1500);
        // The same outside: a shift of all colors would be taken back.
        let made = |level: u8| frame(64, 64, |i| if i / 3 % 64 < 15 { level } else { 100 });
        let shown: Vec<Frame> = [10, 240].map(|level| over.shown(&made(level))).to_vec();
        assert_eq!((shown[0].width, shown[0].height), (1024, 512));
        let same = |i: &usize| shown[0].rgb[3 * i..3 * i + 3] == shown[1].rgb[3 * i..3 * i + 3];
        assert!((0..1024 * 512).filter(|i| i % 1024 > 345).all(|i| same(&i)));
        assert!(!same(&(200 * 1024 + 20)));
        assert_eq!(over.finished(&frame(64, 64, |_| 9)).width, 3000);
    }

    #[test]
    fn a_map_of_a_part_lies_where_the_part_is() {
        let original = frame(90, 60, |_| 0);
        let mask = Mask::flat(90, 60, 255);
        let placement = Placement { rect: Rect { x: 30, y: 30, width: 30, height: 30 }, size: [64, 64] };
        let (map, size) = Overlay::new(original, &mask, placement).spread(&[1, 2, 3, 4], [2, 2]);
        assert_eq!(size, [6, 4]);
        assert_eq!(map[12..24], [0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 0, 0]);
        assert!(map[..12].iter().all(|level| *level == 0));
    }

    #[test]
    fn a_second_pass_grows_the_original_too() {
        let over = overlay(90, 60);
        let begun = over.enlarged(&frame(64, 64, |_| 100), [128, 128]);
        assert_eq!((begun.width, begun.height), (128, 128));
        let whole = over.finished(&frame(128, 128, |_| 100));
        assert_eq!((whole.width, whole.height), (180, 120));
        let grown = resized(&over.original, [180, 120]);
        assert!((0..180 * 120).filter(|i| i % 180 > 62).all(|i| whole.rgb[3 * i] == grown.rgb[3 * i]));
        assert_eq!(over.placed([128, 128]).width, 128);
        assert_eq!(over.begun([64, 64]).width, 64);
    }
}
