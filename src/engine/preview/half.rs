//! The preview at half the size: the model's own decoder on a latent whose positions are averaged by fours, and
//! the picture enlarged again. About a quarter of a full decode's work.
//!
//! Trap: the last row or column of a latent with an odd side is averaged with what there is of it.

use image::RgbImage;
use image::imageops::{FilterType, resize};

use crate::engine::generate::{self, GenerateError};
use crate::model::LatentDiffusion;
use crate::ops::Tensor;
use crate::picture::Frame;
use crate::sampler::Latent;

/// Decodes `z` (1, c, h, w) at half its size; the frame has the size of a full decode.
///
/// # Errors
/// As [`generate::decode`].
pub fn decode_half(model: &LatentDiffusion, z: &Latent) -> Result<Frame, GenerateError> {
    enlarged_frame(model, z, &decode_small(model, z)?)
}

/// The decoder's numbers of `z` at half its size.
pub(super) fn decode_small(model: &LatentDiffusion, z: &Latent) -> Result<Tensor, GenerateError> {
    generate::decode_image(model, &halved(z))
}

/// The frame of [`decode_small`]'s answer in the size of a full decode of `z`.
pub(super) fn enlarged_frame(
    model: &LatentDiffusion,
    z: &Latent,
    small: &Tensor,
) -> Result<Frame, GenerateError> {
    let [_, _, h, w] = z.shape;
    let factor = model.config.first_stage_factor;
    Ok(enlarged(&generate::frame_of(model, small)?, w * factor, h * factor))
}

/// The mean of each two by two positions of the first latent of a batch.
fn halved(z: &Latent) -> Latent {
    let [_, channels, h, w] = z.shape;
    let (height, width) = (h.div_ceil(2), w.div_ceil(2));
    let mut values = Vec::with_capacity(channels * height * width);
    for channel in 0..channels {
        for y in 0..height {
            for x in 0..width {
                let (rows, columns) = (2 * y..(2 * y + 2).min(h), 2 * x..(2 * x + 2).min(w));
                let count = rows.len() * columns.len();
                let at = |y: usize, x: usize| z.values[(channel * h + y) * w + x];
                let sum: f32 = rows.flat_map(|y| columns.clone().map(move |x| at(y, x))).sum();
                values.push(sum / count as f32);
            }
        }
    }
    Latent::new([1, channels, height, width], values)
}

/// `frame` in another size, smooth; as it is where its pixels are not as many as it says.
fn enlarged(frame: &Frame, width: usize, height: usize) -> Frame {
    let small = RgbImage::from_raw(frame.width as u32, frame.height as u32, frame.rgb.to_vec());
    let Some(small) = small else { return frame.clone() };
    let whole = resize(&small, width as u32, height as u32, FilterType::Triangle);
    Frame { width, height, rgb: whole.into_raw().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latent_is_averaged_by_fours_and_odd_sides_by_what_there_is() {
        let values = (0..2 * 3 * 4).map(|i| i as f32).collect();
        let half = halved(&Latent::new([1, 2, 3, 4], values));
        assert_eq!(half.shape, [1, 2, 2, 2]);
        assert_eq!(half.values, [2.5, 4.5, 8.5, 10.5, 14.5, 16.5, 20.5, 22.5]);
    }

    #[test]
    fn a_frame_is_enlarged_to_the_whole_size() {
        let frame = Frame { width: 2, height: 1, rgb: vec![0, 0, 0, 200, 200, 200].into() };
        let whole = enlarged(&frame, 4, 2);
        assert_eq!((whole.width, whole.height, whole.rgb.len()), (4, 2, 24));
        assert!(whole.rgb[0] == 0 && whole.rgb[11] == 200 && whole.rgb[3] < whole.rgb[6]);
    }
}
