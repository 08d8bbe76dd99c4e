//! Fill: what stands in the masked part before the first step.

use super::blur;
use super::mask::Mask;
use crate::picture::Frame;

/// Widths of the blurs and how often each is laid over those before.
const BLURS: [(f32, usize); 6] = [(256.0, 1), (64.0, 1), (16.0, 2), (4.0, 4), (2.0, 2), (0.0, 1)];

/// The picture with the masked part in the colors of what is around it, the nearest most.
pub fn fill(picture: &Frame, mask: &Mask) -> Frame {
    let (width, pixels) = (picture.width, picture.width * picture.height);
    // Red, green, blue, each as far as the pixel is kept, and that.
    let kept: Vec<f32> = mask.levels.iter().map(|level| f32::from(255 - level) / 255.0).collect();
    let planes: Vec<Vec<f32>> = (0..3)
        .map(|c| (0..pixels).map(|i| f32::from(picture.rgb[3 * i + c]) * kept[i]).collect())
        .chain([kept.clone()])
        .collect();
    let mut filled = vec![0.0_f32; 3 * pixels];
    for (sigma, times) in BLURS {
        let blurred: Vec<Vec<f32>> = planes.iter().map(|plane| blur::boxes(plane, width, sigma)).collect();
        for _ in 0..times {
            for (i, pixel) in filled.chunks_exact_mut(3).enumerate() {
                let through = 1.0 - blurred[3][i].clamp(0.0, 1.0);
                pixel.iter_mut().enumerate().for_each(|(c, level)| *level = blurred[c][i] + *level * through);
            }
        }
    }
    let rgb = filled.into_iter().map(|level| level.round().clamp(0.0, 255.0) as u8).collect();
    Frame { width, height: picture.height, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_takes_the_colors_around_it() {
        // Left red, right blue, a hole in the middle.
        let rgb: Vec<u8> =
            (0..60 * 40).flat_map(|i| if i % 60 < 30 { [200, 10, 10] } else { [10, 10, 200] }).collect();
        let picture = Frame { width: 60, height: 40, rgb: rgb.into() };
        let levels: Vec<u8> =
            (0..60 * 40).map(|i| if (20..40).contains(&(i % 60)) { 255 } else { 0 }).collect();
        let mask = Mask { width: 60, height: 40, levels: levels.into() };
        let filled = fill(&picture, &mask);
        let at = |x: usize| &filled.rgb[3 * (20 * 60 + x)..][..3];
        assert_eq!((at(5), at(55)), (&picture.rgb[..3], &picture.rgb[3 * 50..3 * 51]));
        assert!(at(22)[0] > at(22)[2] && at(37)[2] > at(37)[0], "{:?} {:?}", at(22), at(37));
    }
}
