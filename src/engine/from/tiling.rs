//! Enlarging what tiles: beyond an edge lies the other side, for the filter, too.
//!
//! Invariant: margins become whole places of the result, so that what is cut off is just them.

use super::lay::stretched;
use crate::picture::Frame;
use crate::sampler::Latent;
use crate::settings::Tile;
use crate::tray::{resized, with_margins, without_margins, wrapped};

/// The least places beyond an edge that a filter sees.
const LEAST: usize = 8;

/// Margins of sides that become others, as large as these grow, and what they grow to; none where nothing tiles.
fn margins(from: [usize; 2], to: [usize; 2], tile: Tile) -> [[usize; 2]; 2] {
    let axes = tile.axes();
    let of = |i: usize| {
        let whole = from[i] / divisor(from[i], to[i]).max(1);
        let margin = if axes[i] { LEAST.next_multiple_of(whole.max(1)) } else { 0 };
        [margin, margin * to[i] / from[i].max(1)]
    };
    let [across, down] = [of(0), of(1)];
    [[across[0], down[0]], [across[1], down[1]]]
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// A picture at another size (width and height).
pub(super) fn resized_tiling(picture: &Frame, size: [usize; 2], tile: Tile) -> Frame {
    let [before, after] = margins([picture.width, picture.height], size, tile);
    let large = resized(&with_margins(picture, before), [size[0] + 2 * after[0], size[1] + 2 * after[1]]);
    without_margins(&large, after, size)
}

/// A latent (b, c, h, w) at another height and width.
pub(super) fn stretched_tiling(latent: &Latent, [h, w]: [usize; 2], tile: Tile) -> Latent {
    let [b, c, height, width] = latent.shape;
    let [before, after] = margins([width, height], [w, h], tile);
    let [wide, high] = [width + 2 * before[0], height + 2 * before[1]];
    let at = |i: usize| {
        let (plane, y, x) = (i / (wide * high), i / wide % high, i % wide);
        latent.values[(plane * height + wrapped(y, before[1], height)) * width + wrapped(x, before[0], width)]
    };
    let longer = Latent::new([b, c, high, wide], (0..b * c * wide * high).map(at).collect());
    let [large_w, large_h] = [w + 2 * after[0], h + 2 * after[1]];
    let large = stretched(&longer, [large_h, large_w]);
    let inner = |i: usize| {
        let (plane, y, x) = (i / (w * h), i / w % h, i % w);
        large.values[(plane * large_h + y + after[1]) * large_w + x + after[0]]
    };
    Latent::new([b, c, h, w], (0..b * c * w * h).map(inner).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tiles_still_does_when_it_is_larger() {
        // A saw: the jump from the last column to the first is as steep as no other step.
        let picture = |width: usize, height: usize| {
            let rgb = (0..width * height).flat_map(|i| [(i % width * 200 / (width - 1)) as u8; 3]).collect();
            Frame { width, height, rgb }
        };
        let edge = |frame: &Frame| [frame.rgb[0], frame.rgb[3 * (frame.width - 1)]];
        let (plain, tiling) = (
            resized_tiling(&picture(20, 4), [30, 6], Tile::None),
            resized_tiling(&picture(20, 4), [30, 6], Tile::X),
        );
        assert_eq!((tiling.width, tiling.height), (30, 6));
        assert!(edge(&plain)[0] < 5 && edge(&plain)[1] > 195);
        assert!(edge(&tiling)[0].abs_diff(edge(&plain)[0]) > 5, "{:?}", edge(&tiling));
        let latent = Latent::new([1, 1, 1, 4], vec![0.0, 1.0, 2.0, 3.0]);
        let wide = stretched_tiling(&latent, [1, 8], Tile::X).values;
        assert_eq!(wide, [0.75, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 2.25]);
        assert_eq!(stretched_tiling(&latent, [1, 8], Tile::None).values[0], 0.0);
    }
}
