//! The operations by our own kernels ([`super::cpu`]): what networks run on without a GPU.
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

use half::slice::HalfFloatSliceExt as _;

use super::cpu::{PackedMatrix, Stopped, WeightSlice};
use super::host::{HostData, HostTensor};
use super::{Device, Dtype, Error, Result, WeightsKept};

impl From<Stopped> for Error {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Packs a matrix (`rows`, `columns`) as the device keeps weights.
fn pack(device: &Device, tensor: &HostTensor<'_>, rows: usize, columns: usize) -> Result<PackedMatrix> {
    with_kept(device, tensor, |slice| pack_slice(device, slice, rows, columns, false))?
}

/// Packs for the device's arithmetic; `gated` as [`PackedMatrix::pack_geglu`].
fn pack_slice(
    device: &Device,
    slice: WeightSlice<'_>,
    outputs: usize,
    columns: usize,
    gated: bool,
) -> Result<PackedMatrix> {
    let pool = &device.fast()?.pool;
    Ok(match (device.dtype(), gated) {
        (Dtype::Bf16, gated) => PackedMatrix::pack_bf16(pool, slice, outputs, columns, gated),
        (_, false) => PackedMatrix::pack(pool, slice, outputs, columns),
        (_, true) => PackedMatrix::pack_geglu(pool, slice, outputs, columns),
    })
}

/// Gives `use_it` the numbers in the type in which they are to be kept.
fn with_kept<T>(
    device: &Device,
    tensor: &HostTensor<'_>,
    use_it: impl FnOnce(WeightSlice<'_>) -> T,
) -> Result<T> {
    let halves = |values: &[f32]| {
        let mut halves = vec![half::f16::ZERO; values.len()];
        halves.convert_from_f32_slice(values);
        halves
    };
    Ok(match (device.weights_kept(), &tensor.data) {
        (WeightsKept::File | WeightsKept::F16, HostData::F16(values)) => use_it(WeightSlice::F16(values)),
        (WeightsKept::F16, _) => use_it(WeightSlice::F16(&halves(&tensor.to_f32()))),
        _ => use_it(WeightSlice::F32(&tensor.to_f32())),
    })
}
