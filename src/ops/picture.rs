//! Pictures that stay on the card which draws the window: what a decoder gave, as pixels, without the host.

use super::Result;
use super::Tensor;
use super::backend::TensorOps as _;
use super::dispatch::on;
use crate::gpu::CardPicture;

/// How numbers become a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureForm {
    /// Width and height of the picture; one of another size than the tensor's is read between its pixels.
    pub size: [usize; 2],
    /// A position of the tensor is a square of so many pixels a side, its channels being `[color][row][column]`.
    pub block: usize,
    /// A level is 255 · (number + offset) · factor, clamped and cut off below.
    pub offset: f32,
    /// See `offset`.
    pub factor: f32,
    /// Width and height of the small copy.
    pub small: [usize; 2],
}

/// A picture on the card, and a small copy of it on the host.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// All of it.
    pub picture: CardPicture,
    /// Red, green, blue of each pixel of the copy.
    pub small: Vec<u8>,
    /// Whether all numbers were finite.
    pub is_finite: bool,
}

impl Tensor {
    /// The first item of a map as a picture; `None` where the window does not draw by this device, or its
    /// device takes no picture of this size.
    ///
    /// # Errors
    /// If it is no map of enough channels, stopped, or the device fails.
    pub fn draw(&self, form: &PictureForm) -> Result<Option<Drawn>> {
        let [_, channels, ..] = self.map_shape()?;
        if channels != 3 * form.block * form.block {
            let wanted = 3 * form.block * form.block;
            return Err(super::Error::Shape(format!("expected {wanted} channels, found {channels}")));
        }
        let device = self.device();
        on!(device, backend => backend.draw(&self.whole(backend, device)?, form))
    }
}
