//! Tiles: windows over one side of a picture that overlap, and how much each counts where.
//!
//! Invariant: at each pixel the shares of all windows add up to 1; beside a cut through the picture a window's first
//! pixels count for nothing, since the network saw nothing beyond them. Lengths are in the network's own places, of which
//! one is several pixels (`multiple`) in some networks.

use std::ops::Range;

/// Places beside a cut that count for nothing.
const MARGIN: usize = 8;
/// Places over which one window gives way to the next.
const FADE: usize = 16;
/// Places that neighboring windows share, at least.
pub(super) const OVERLAP: usize = 2 * MARGIN + FADE;

/// Windows of at most `most` pixels over `length`, which begin and end at multiples of `multiple`, as `length` does.
pub(super) fn windows(length: usize, most: usize, multiple: usize) -> Vec<Range<usize>> {
    let (length, most) = (length / multiple, (most / multiple).max(2 * OVERLAP));
    if length <= most {
        return std::iter::once(0..length * multiple).collect();
    }
    let count = (length - OVERLAP).div_ceil(most - OVERLAP);
    // All alike, and no larger than they need be.
    let size = (length + (count - 1) * OVERLAP).div_ceil(count);
    let start = |i: usize| i * (length - size) / (count - 1);
    (0..count).map(|i| start(i) * multiple..(start(i) + size) * multiple).collect()
}

/// How much each pixel of window number `i` counts.
pub(super) fn shares(windows: &[Range<usize>], i: usize, multiple: usize) -> Vec<f32> {
    let length = windows.last().map_or(0, |last| last.end);
    let raw = |window: &Range<usize>, pixel: usize| {
        if !window.contains(&pixel) {
            return 0.0;
        }
        let beside = |cut: bool, pixels: usize| {
            let far = ((pixels as f32 + 0.5) / multiple as f32 - MARGIN as f32) / FADE as f32;
            if cut { far.clamp(0.0, 1.0) } else { 1.0 }
        };
        beside(window.start > 0, pixel - window.start) * beside(window.end < length, window.end - 1 - pixel)
    };
    let share = |pixel: usize| {
        let all: f32 = windows.iter().map(|window| raw(window, pixel)).sum();
        raw(&windows[i], pixel) / all
    };
    windows[i].clone().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_everything_and_their_shares_add_up() {
        for (length, most, multiple) in [
            (10, 64, 1),
            (65, 64, 1),
            (200, 64, 1),
            (1000, 192, 1),
            (1000, 768, 4),
            (1023, 96, 1),
            (300, 10, 2),
        ] {
            let windows = windows(length, most, multiple);
            let mut sums = vec![0.0; length];
            for (i, window) in windows.iter().enumerate() {
                assert!(window.start % multiple == 0 && window.len() <= most.max(2 * OVERLAP * multiple));
                for (pixel, share) in window.clone().zip(shares(&windows, i, multiple)) {
                    sums[pixel] += share;
                }
                let next = windows.get(i + 1);
                assert!(next.is_none_or(|next| next.start + OVERLAP * multiple <= window.end), "{windows:?}");
            }
            assert_eq!(windows.last().unwrap().end, length);
            assert!(sums.iter().all(|sum: &f32| (sum - 1.0).abs() < 1e-5), "{length} {most} {multiple}");
        }
    }
}
