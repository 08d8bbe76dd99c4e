//! The native backend: the CPU kernels ([`crate::ops::cpu`]), on which networks run without a GPU.
//!
//! This folder knows shapes and the reference's words; the kernels know rows and channels. Maps are
//! stored NHWC, so a map's pixels and a sequence's tokens are the same rows and going from one to the
//! other costs nothing. Buffers come from the device's arena and return to it with the last tensor
//! that shares them. Arithmetic is f32, but for the linear layers, 1×1 convolutions and attention of
//! a bf16 device; weights are kept as stored.

mod attention;
mod convolution;
mod device;
mod embedding;
mod linear;
mod norm;
mod tensor;

pub use attention::{KeysValues, NoProjections};
pub use convolution::Conv2d;
pub use device::Native;
pub use embedding::Embedding;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};
pub use tensor::Tensor;

impl super::backend::Backend for Native {}
