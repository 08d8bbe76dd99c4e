//! Previews that stay on the card which draws the window: the decoders' numbers become a picture there, and
//! only a small copy for the strip comes to the host.

use crate::engine::preview::fitted::FittedDecoder;
use crate::message::PreviewImage;
use crate::ops::{Conv2d, Conv2dShape, Device, Padding, Result, Tensor};
use crate::sampler::Latent;

/// The longer side of the copy for the strip, in pixels, at most.
#[cfg(feature = "gpu")]
const SMALL: usize = 96;

/// What a decoder's numbers mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    /// The number of black; that of white is 1.
    pub black: f32,
    /// A position is a square of so many pixels a side.
    pub block: usize,
}

impl Levels {
    /// The first stage's own decoder.
    pub(super) const DECODER: Self = Self { black: -1.0, block: 1 };
    /// TAESD's.
    pub(super) const TINY: Self = Self { black: 0.0, block: 1 };
}

/// The first item of `image` as a picture of `size` that stays on the card; `None` where the window does not
/// draw by its device.
///
/// # Errors
/// Stopped, or the device fails.
#[cfg(feature = "gpu")]
pub(super) fn picture(image: &Tensor, size: [usize; 2], levels: Levels) -> Result<Option<Found>> {
    use crate::ops::PictureForm;
    use crate::picture::Frame;
    let longer = size.into_iter().max().unwrap_or_default().max(1);
    let small = if longer <= SMALL { size } else { size.map(|side| (side * SMALL / longer).max(1)) };
    let Levels { black, block } = levels;
    let form = PictureForm { size, block, offset: -black, factor: 1.0 / (1.0 - black), small };
    let Some(drawn) = image.draw(&form)? else { return Ok(None) };
    let [width, height] = small;
    let small = Frame { width, height, rgb: drawn.small.into() };
    let image = PreviewImage::Card { picture: drawn.picture, small };
    Ok(Some(Found { image, is_finite: drawn.is_finite }))
}

/// Without cards every picture is the host's.
#[cfg(not(feature = "gpu"))]
pub(super) fn picture(_: &Tensor, _: [usize; 2], _: Levels) -> Result<Option<Found>> {
    Ok(None)
}

/// A picture on the card, and whether all of its numbers were finite.
pub(super) struct Found {
    pub image: PreviewImage,
    pub is_finite: bool,
}

/// A fit as a convolution on the card.
pub(super) struct FittedOnCard {
    convolution: Conv2d,
    device: Device,
    factor: usize,
}

impl FittedOnCard {
    /// # Errors
    /// If the card has no memory for its weights.
    pub(super) fn new(decoder: &FittedDecoder, device: Device) -> Result<Self> {
        let (channels, factor, map) = decoder.map();
        let outputs = 3 * factor * factor;
        let weight = (0..outputs).flat_map(|o| (0..9 * channels).map(move |i| map[i * outputs + o]));
        let (weight, bias) = (weight.collect::<Vec<f32>>(), map[9 * channels * outputs..].to_vec());
        // The edges are repeated by the caller.
        let shape = Conv2dShape { padding: Padding::Same(0), ..Conv2dShape::three(channels, outputs) };
        Ok(Self { convolution: Conv2d::of_numbers(&device, shape, weight, Some(bias))?, device, factor })
    }

    /// The first of a batch of latents as a picture on the card; `None` as [`picture`].
    ///
    /// # Errors
    /// If it has other channels, stopped, or the device fails.
    pub(super) fn picture(&self, z: &Latent) -> Result<Option<Found>> {
        let [_, _, h, w] = z.shape;
        let framed = framed(z);
        let image =
            self.convolution.forward(&Tensor::from_f32(&self.device, &framed.shape, &framed.values)?)?;
        let levels = Levels { block: self.factor, ..Levels::DECODER };
        picture(&image, [w * self.factor, h * self.factor], levels)
    }
}

/// The first of a batch of latents with its edges repeated once around it.
fn framed(z: &Latent) -> Latent {
    let [_, channels, h, w] = z.shape;
    let inside = |place: usize, side: usize| place.saturating_sub(1).min(side - 1);
    let rows = (0..channels).flat_map(|channel| (0..h + 2).map(move |y| channel * h + inside(y, h)));
    let values = rows.flat_map(|row| (0..w + 2).map(move |x| z.values[row * w + inside(x, w)])).collect();
    Latent::new([1, channels, h + 2, w + 2], values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_repeated_once() {
        let framed = framed(&Latent::new([1, 1, 2, 1], vec![1.0, 2.0]));
        assert_eq!(framed.shape, [1, 1, 4, 3]);
        assert_eq!(framed.values, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
    }
}
