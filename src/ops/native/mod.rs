//! The operations by our own kernels ([`crate::ops::cpu`]): what networks run on without a GPU.
//!
//! This folder knows shapes and the reference's words; the kernels know rows and channels. Maps lie
//! channels last in memory, so a map's pixels and a sequence's tokens are the same rows and going
//! from one to the other costs nothing. Buffers come from the device's arena and go back to it when
//! the last tensor that shares them is dropped. Arithmetic is f32, but for the
//! linear layers, 1×1 convolutions and attention of a bf16 device; weights are kept as stored.

mod attention;
mod convolution;
mod embedding;
mod linear;
mod norm;
mod tensor;

pub use attention::{KeysValues, attention};
pub use convolution::Conv2d;
pub use embedding::Embedding;
pub use linear::{Geglu, Linear};
pub use norm::{GroupNorm, LayerNorm};
pub use tensor::Tensor;

use crate::ops::cpu::{Element, Kept, PackedMatrix, WeightRows};
use crate::ops::{Device, Dtype, Error, Result, WeightsKept};

/// The type in which the device keeps weights that are stored so.
fn kept(device: &Device, stored: Element) -> Kept {
    match device.weights_kept() {
        WeightsKept::File => Kept::as_stored(stored),
        WeightsKept::F16 => Kept::F16,
        WeightsKept::F32 => Kept::F32,
    }
}

/// Packs (`outputs`, `columns`) weights for the device's arithmetic; `gated` as
/// [`PackedMatrix::pack_geglu`].
fn pack<R: WeightRows>(
    device: &Device,
    rows: &R,
    [outputs, columns]: [usize; 2],
    gated: bool,
) -> Result<PackedMatrix>
where
    Error: From<R::Error>,
{
    let kept = if device.dtype() == Dtype::Bf16 { Kept::Pairs } else { kept(device, rows.element()) };
    Ok(PackedMatrix::pack_as(device.fast()?, rows, outputs, columns, gated, kept)?)
}
