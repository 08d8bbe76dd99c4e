//! `Upscaler`: a network that enlarges pictures: `RRDBNet` of the ESRGAN family or `SRVGGNetCompact`.
//!
//! The form is read from the weights' shapes, under Real-ESRGAN's names. Traps: pictures are RGB in [0, 1]; an
//! `RRDBNet` for 12 or 48 channels takes squares of 2×2 or 4×4 pixels for one, so sides are multiples of these.

mod compact;
mod rrdb;
mod shuffle;

use compact::Compact;
use rrdb::RrdbNet;
use shuffle::{joined, split};

use crate::ops::{Error, Result, Tensor, Weights};

/// A network that enlarges pictures.
#[derive(Debug)]
pub struct Upscaler {
    network: Network,
    scale: usize,
    multiple: usize,
}

#[derive(Debug)]
enum Network {
    Rrdb(Box<RrdbNet>),
    Compact(Box<Compact>),
}

/// Channels of a picture.
const COLORS: usize = 3;

impl Upscaler {
    /// The network whose weights these are.
    ///
    /// # Errors
    /// If they are of another network, or missing.
    pub fn new(weights: &Weights) -> Result<Self> {
        if weights.stores("conv_first.weight") {
            let net = RrdbNet::new(weights)?;
            let multiple = net.multiple();
            let scale = net.growth() / multiple;
            if scale == 0 {
                return Err(unknown("an enlargement", format!("pictures become {multiple} times smaller")));
            }
            return Ok(Self { network: Network::Rrdb(Box::new(net)), scale, multiple });
        }
        let net = Compact::new(weights)?;
        let scale = net.scale();
        Ok(Self { network: Network::Compact(Box::new(net)), scale, multiple: 1 })
    }

    /// How many times larger each side becomes.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// Sides of what it takes are multiples of this.
    pub fn multiple(&self) -> usize {
        self.multiple
    }

    /// A picture's planes (3, h, w), about [0, 1] → those of the larger one, computed where `weights` were.
    ///
    /// # Errors
    /// If the sides are not multiples, or stopped.
    pub fn forward(
        &self,
        device: &crate::ops::Device,
        planes: &[f32],
        [h, w]: [usize; 2],
    ) -> Result<Vec<f32>> {
        let multiple = self.multiple;
        if h == 0 || w == 0 || !h.is_multiple_of(multiple) || !w.is_multiple_of(multiple) {
            return Err(Error::Shape(format!(
                "expected sides that are multiples of {multiple}, found {w}×{h}"
            )));
        }
        let shape = [1, COLORS * multiple * multiple, h / multiple, w / multiple];
        let x = Tensor::from_f32(device, &shape, &split(planes, [h, w], multiple))?;
        match &self.network {
            Network::Rrdb(net) => net.forward(&x)?.to_f32(),
            Network::Compact(net) => {
                let mut larger = joined(&net.forward(&x)?.to_f32()?, [h, w], self.scale);
                // The network draws what is to be added to the nearest pixel.
                let width = self.scale * w;
                for (i, value) in larger.iter_mut().enumerate() {
                    let (plane, y, x) =
                        (i / (self.scale * h * width), i / width % (self.scale * h), i % width);
                    *value += planes[(plane * h + y / self.scale) * w + x / self.scale];
                }
                Ok(larger)
            }
        }
    }
}

/// An error for weights of another form.
fn unknown(expected: &str, found: String) -> Error {
    Error::Weights(format!(
        "expected {expected} of an upscaler of the ESRGAN family, found {found}; choose another file"
    ))
}

/// The shape of a convolution's weight (out, in, k, k).
fn conv_shape(weights: &Weights, name: &str) -> Result<[usize; 4]> {
    let found = weights.stored_shape(name);
    let shape = found.as_deref().and_then(|shape| <[usize; 4]>::try_from(shape).ok());
    shape.filter(|shape| !shape.contains(&0)).ok_or_else(|| unknown(name, format!("{found:?}")))
}
