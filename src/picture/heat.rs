//! A map over a picture: dark where it is low, and the picture itself, glowing, where it is high.
//!
//! Invariant: [`heat_color`] is all that is known of the colors, so that files and the window show the same ones.

use super::Frame;
use crate::resize::resize_bicubic;

/// Shares of the map with their color and its opacity. The opacity falls, so that hot places show the picture.
const STOPS: [(f32, [f32; 4]); 5] = [
    (0.0, [10.0, 6.0, 24.0, 0.66]),
    (0.35, [86.0, 16.0, 84.0, 0.6]),
    (0.6, [206.0, 52.0, 58.0, 0.52]),
    (0.8, [255.0, 142.0, 40.0, 0.36]),
    (1.0, [255.0, 236.0, 150.0, 0.16]),
];

/// The color of a share of the map, 0 to 1: red, green, blue in 0 to 255, and its opacity in 0 to 1.
pub fn heat_color(share: f32) -> [f32; 4] {
    let share = share.clamp(0.0, 1.0);
    let upper = STOPS.iter().position(|(at, _)| share <= *at).unwrap_or(STOPS.len() - 1).max(1);
    let ((from, low), (to, high)) = (STOPS[upper - 1], STOPS[upper]);
    let t = (share - from) / (to - from);
    std::array::from_fn(|i| low[i] + t * (high[i] - low[i]))
}

/// A map between its least and its largest value, 0 to 1; a flat one is 0 everywhere.
pub fn normalized(map: &[f32]) -> Vec<f32> {
    let least = map.iter().copied().fold(f32::INFINITY, f32::min);
    let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let span = (most - least).max(f32::MIN_POSITIVE);
    map.iter().map(|value| ((value - least) / span).clamp(0.0, 1.0)).collect()
}

/// `frame` under a map of `size` (width, height), which is enlarged to the frame and then normalized, as DAAM does.
pub fn heat_over(frame: &Frame, map: &[f32], [width, height]: [usize; 2]) -> Frame {
    let large = resize_bicubic(map, [height, width], [frame.height, frame.width]);
    let mixed = frame.rgb.as_chunks::<3>().0.iter().zip(normalized(&large)).flat_map(|(rgb, share)| {
        let [red, green, blue, opacity] = heat_color(share);
        let mix =
            |below: u8, above: f32| (f32::from(below) * (1.0 - opacity) + above * opacity).round() as u8;
        [mix(rgb[0], red), mix(rgb[1], green), mix(rgb[2], blue)]
    });
    Frame { width: frame.width, height: frame.height, rgb: mixed.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_place_shows_more_of_the_picture_and_is_brighter() {
        let gray = Frame { width: 8, height: 4, rgb: vec![128; 96].into() };
        let hot = heat_over(&gray, &[0.0, 2.0], [2, 1]);
        let sum = |x: usize| hot.rgb[3 * x..3 * x + 3].iter().map(|level| u32::from(*level)).sum::<u32>();
        assert!(sum(0) + 200 < sum(7), "{:?}", hot.rgb);
        assert!(heat_color(1.0)[3] < heat_color(0.5)[3] && heat_color(0.5)[3] < heat_color(0.0)[3]);
        assert_eq!((hot.width, hot.height, hot.rgb.len()), (8, 4, 96));
    }

    #[test]
    fn colors_go_from_end_to_end_without_a_jump() {
        assert_eq!(heat_color(-1.0), STOPS[0].1);
        assert_eq!(heat_color(1.0), STOPS[4].1);
        let colors: Vec<[f32; 4]> = (0..=1000).map(|i| heat_color(i as f32 / 1000.0)).collect();
        let jump = |pair: &[[f32; 4]]| pair[0].iter().zip(pair[1]).any(|(a, b)| (a - b).abs() > 1.0);
        assert!(!colors.windows(2).any(jump));
        assert_eq!(normalized(&[4.0, 4.0]), [0.0, 0.0]);
        assert_eq!(normalized(&[1.0, 3.0, 2.0]), [0.0, 1.0, 0.5]);
    }
}
