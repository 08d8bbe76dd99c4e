//! Composite: what was made, over the picture that it was made from.
//!
//! Invariant: where the mask is 0 the original's pixels stay, bit for bit. A decoder gives back even what is held a
//! little off in color, so [`with_matched_edges`] moves what was made to the original's colors along the mask's edge.

use super::mask::Mask;
use super::placement::Placement;
use crate::picture::Frame;

/// Pixels of a block whose mean difference counts: finer differences are texture and no color.
const BLOCK: usize = 4;
/// From this level on a pixel is repainted as much as it can be.
const HALF: u8 = 128;
/// Which neighbors are rounded up first (Bayer's matrix).
const SPREAD: [[u8; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// `original` with what was `made` of a part of it, as far as `mask` (over the original) says.
pub fn composite(original: &Frame, made: &Frame, placement: &Placement, mask: &Mask) -> Frame {
    let (there, part) = placement.back(made, [original.width, original.height]);
    let mut rgb = original.rgb.to_vec();
    for y in 0..part.height {
        for x in 0..part.width {
            // Within the picture, as `there` is.
            let place = (there.y as usize + y) * original.width + there.x as usize + x;
            let level = u32::from(mask.levels[place]);
            if level == 0 {
                continue;
            }
            let from = 3 * (y * part.width + x);
            for (old, new) in rgb[3 * place..3 * place + 3].iter_mut().zip(&part.rgb[from..from + 3]) {
                *old = ((u32::from(*new) * level + u32::from(*old) * (255 - level) + 127) / 255) as u8;
            }
        }
    }
    Frame { rgb: rgb.into(), ..original.clone() }
}

/// What was `made` at the run's size, moved so that its colors beside the mask are those of `begun` (the picture that
/// the run began from, at the same size): the difference outside the mask is drawn on smoothly inside.
pub fn with_matched_edges(begun: &Frame, made: &Frame, mask: &Mask) -> Frame {
    let Some(field) = Field::between(begun, made, mask) else { return made.clone() };
    let field = field.filled();
    let moved = |i: usize, level: u8| {
        let (pixel, c) = (i / 3, i % 3);
        let (x, y) = (pixel % made.width, pixel / made.width);
        // Parts of a level are spread over neighbors: rounded alone they would all be lost in the same direction.
        let offset = (field.at(x, y, c) * 32.0).round() / 32.0;
        let spread = (f32::from(SPREAD[y % 4][x % 4]) + 0.5) / 16.0;
        (f32::from(level) + offset + spread).floor().clamp(0.0, 255.0) as u8
    };
    let rgb = made.rgb.iter().enumerate().map(|(i, &level)| moved(i, level)).collect();
    Frame { rgb, ..made.clone() }
}

/// Differences of color over blocks of pixels.
struct Field {
    width: usize,
    height: usize,
    /// The mean difference of a block, where it is known.
    blocks: Vec<[f32; 3]>,
    /// How much of it is known, 0 to 1.
    known: Vec<f32>,
}

impl Field {
    /// The differences outside the mask; none if nothing lies outside.
    fn between(begun: &Frame, made: &Frame, mask: &Mask) -> Option<Self> {
        let (width, height) = (made.width.div_ceil(BLOCK), made.height.div_ceil(BLOCK));
        let mut field =
            Self { width, height, blocks: vec![[0.0; 3]; width * height], known: vec![0.0; width * height] };
        for (i, level) in mask.levels.iter().enumerate().filter(|(_, level)| **level < HALF) {
            // A soft edge belongs to the original as far as it is kept.
            let share = 1.0 - f32::from(*level) / f32::from(HALF);
            let block = i / made.width / BLOCK * width + i % made.width / BLOCK;
            field.known[block] += share;
            for c in 0..3 {
                let off = f32::from(begun.rgb[3 * i + c]) - f32::from(made.rgb[3 * i + c]);
                field.blocks[block][c] += share * off;
            }
        }
        for (block, known) in field.blocks.iter_mut().zip(&mut field.known) {
            block.iter_mut().filter(|_| *known > 0.0).for_each(|sum| *sum /= *known);
            *known = f32::min(*known / (BLOCK * BLOCK) as f32, 1.0);
        }
        field.known.iter().any(|known| *known > 0.0).then_some(field)
    }

    /// With the unknown blocks drawn on from the known ones: each from the mean of four, where these are unknown from
    /// that of sixteen, and so on.
    fn filled(self) -> Self {
        if self.width * self.height == 1 || self.known.iter().all(|known| *known >= 1.0) {
            return self;
        }
        let coarse = self.halved().filled();
        let mut filled = Self { known: vec![1.0; self.known.len()], ..self };
        for (place, known) in self.known.iter().enumerate() {
            let (x, y) = (place % filled.width, place / filled.width);
            for c in 0..3 {
                let beyond = coarse.smooth((x as f32 - 0.5) / 2.0, (y as f32 - 0.5) / 2.0, c);
                let own = &mut filled.blocks[place][c];
                *own = *own * known + beyond * (1.0 - known);
            }
        }
        filled
    }

    fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut half =
            Self { width, height, blocks: vec![[0.0; 3]; width * height], known: vec![0.0; width * height] };
        for (place, known) in self.known.iter().enumerate() {
            let to = place / self.width / 2 * width + place % self.width / 2;
            half.known[to] += known;
            (0..3).for_each(|c| half.blocks[to][c] += self.blocks[place][c] * known);
        }
        for (block, known) in half.blocks.iter_mut().zip(&mut half.known) {
            block.iter_mut().filter(|_| *known > 0.0).for_each(|sum| *sum /= *known);
            *known = known.min(1.0);
        }
        half
    }

    /// The value between blocks, linear in both directions.
    fn smooth(&self, x: f32, y: f32, c: usize) -> f32 {
        let corner = |place: f32, length: usize| {
            let place = place.clamp(0.0, length as f32 - 1.0);
            let first = place as usize;
            (first, (first + 1).min(length - 1), place - first as f32)
        };
        let ((x0, x1, across), (y0, y1, down)) = (corner(x, self.width), corner(y, self.height));
        let row = |y: usize| {
            let [a, b] = [x0, x1].map(|x| self.blocks[y * self.width + x][c]);
            a + (b - a) * across
        };
        row(y0) + (row(y1) - row(y0)) * down
    }

    /// The value at a pixel.
    fn at(&self, x: usize, y: usize, c: usize) -> f32 {
        let place = |pixel: usize| (pixel as f32 + 0.5) / BLOCK as f32 - 0.5;
        self.smooth(place(x), place(y), c)
    }
}

#[cfg(test)]
mod tests {
    use super::super::placement::Rect;
    use super::*;
    use crate::settings::Resize;

    fn frame(width: usize, height: usize, color: impl Fn(usize, usize) -> [u8; 3]) -> Frame {
        let rgb = (0..width * height).flat_map(|i| color(i % width, i / width)).collect();
        Frame { width, height, rgb }
    }

    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize
    }

    /// Random sizes, masks, blurs and ways to place a picture.
    #[test]
    fn outside_the_mask_the_original_stays_bit_for_bit() {
        let mut state = 7;
        for turn in 0..200 {
            let [width, height] = [(); 2].map(|()| 5 + random(&mut state) % 90);
            let seed = random(&mut state);
            let original =
                frame(width, height, |x, y| [x * 7 + seed, y * 11, x * y].map(|level| level as u8));
            let holes = 1 + random(&mut state) % 3;
            let mut levels = vec![0; width * height];
            for _ in 0..holes {
                let (from, to) = (random(&mut state) % levels.len(), random(&mut state) % levels.len());
                levels[from.min(to)..from.max(to)].fill((random(&mut state) % 256) as u8);
            }
            let mask = Mask { width, height, levels: levels.into() }.blurred((turn % 5) as f32);
            let size = [8 * (1 + random(&mut state) % 8), 8 * (1 + random(&mut state) % 8)];
            let placement = match (turn % 4, mask.bounds()) {
                (0, Some(bounds)) => Placement::around(bounds, turn % 40, [width, height], size),
                (1, _) => Placement::whole([width, height], size, Resize::Fit),
                (2, _) => Placement::whole([width, height], size, Resize::Stretch),
                _ => Placement::whole([width, height], size, Resize::Crop),
            };
            let made = frame(size[0], size[1], |x, y| [255 - x, y, 99].map(|level| level as u8));
            let whole = composite(&original, &made, &placement, &mask.strengthened());
            assert_eq!((whole.width, whole.height), (width, height));
            for (i, _) in mask.levels.iter().enumerate().filter(|(_, level)| **level == 0) {
                assert_eq!(
                    whole.rgb[3 * i..3 * i + 3],
                    original.rgb[3 * i..3 * i + 3],
                    "turn {turn}, pixel {i}"
                );
            }
        }
    }

    #[test]
    fn a_shift_of_color_ends_at_the_edge() {
        let begun = frame(64, 48, |_, _| [120, 130, 140]);
        // What a decoder makes of it: off by some levels everywhere, and another thing in the middle.
        let inside = |x: usize, y: usize| (20..44).contains(&x) && (14..34).contains(&y);
        let made = frame(64, 48, |x, y| if x == 30 && y == 20 { [0, 0, 0] } else { [113, 134, 138] });
        let levels: Vec<u8> = (0..64 * 48).map(|i| 255 * u8::from(inside(i % 64, i / 64))).collect();
        let mask = Mask { width: 64, height: 48, levels: levels.into() };
        let matched = with_matched_edges(&begun, &made, &mask);
        let placement = Placement { rect: Rect { x: 0, y: 0, width: 64, height: 48 }, size: [64, 48] };
        let whole = composite(&begun, &matched, &placement, &mask);
        let off = |i: usize| i32::from(whole.rgb[i]) - i32::from(begun.rgb[i]);
        let hole = 3 * (20 * 64 + 30);
        assert!((0..whole.rgb.len()).filter(|i| !(hole..hole + 3).contains(i)).all(|i| off(i) == 0));
        assert!(off(hole) < -100);
        // Nothing outside to go by.
        let all = Mask::flat(64, 48, 255);
        assert_eq!(with_matched_edges(&begun, &made, &all), made);
    }
}
