//! The backend of graphics cards: our own WGSL kernels, on any card that has Vulkan, Metal or Direct3D 12,
//! and on the device that draws the window ([`crate::gpu`]).
//!
//! Maps lie as NHWC and tokens as rows of channels, as on the CPU; a row has whole quads of four numbers,
//! the last filled up with zeros, in f32 or f16. Sums are f32 always. Long products are cut into bands of
//! rows, for submissions of at most 8 ms and for bindings that are smaller than a map.
//!
//! | file | what |
//! | --- | --- |
//! | `device` | the card as a [`crate::ops::Device`] |
//! | `kernel`, `compose`, `shaders/`, `variants` | the kernels and their variants |
//! | `cut` | how an operation becomes dispatches of a known cost |
//! | `product`, `shaders/product.wgsl` | linear layers and all convolutions: one kernel |
//! | `pack` | weights on their way to the card |
//! | `layout` | how values lie in memory |
//! | `tensor`, `linear`, `convolution`, `norm`, `attention`, `embedding`, `finite` | the operations |
//! | `picture` | a decoder's numbers as a picture that the window draws |

mod attention;
mod compose;
mod convolution;
mod cut;
mod device;
mod embedding;
mod finite;
mod kernel;
mod layout;
mod linear;
mod norm;
mod pack;
mod peak;
mod picture;
mod product;
mod tensor;
#[cfg(test)]
mod tests;
mod variants;

pub use attention::{KeysValues, Projections};
pub use convolution::Conv2d;
pub use device::Wgsl;
pub use embedding::Embedding;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};
pub use tensor::Tensor;

impl super::backend::Backend for Wgsl {}
