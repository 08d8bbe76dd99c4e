//! The backend of graphics cards: our own WGSL kernels on wgpu, on any card that has Vulkan, Metal or
//! Direct3D 12, and on the device that draws the window.
//!
//! Maps lie as NHWC and tokens as rows of channels, as on the CPU; a row has whole quads of four numbers,
//! the last filled up with zeros, in f32 or f16. Sums are f32 always. Work is recorded and handed over in
//! shares of at most 8 ms ([`pace`]), so the window keeps its frames and a stop is heard; long products are
//! cut into bands of rows for that, and where a binding is smaller than a map.
//!
//! | file | what |
//! | --- | --- |
//! | `adapter`, `device` | which card, and the card as a [`crate::ops::Device`] |
//! | `work`, `pace` | recording, submissions, waiting |
//! | `memory` | the arena of activations |
//! | `kernel`, `compose`, `shaders/` | the kernels and their variants |
//! | `tensor`, `product`, `linear`, `convolution`, `norm`, `attention`, `embedding` | the operations |

mod adapter;
mod attention;
mod compose;
mod convolution;
mod device;
mod embedding;
mod kernel;
mod linear;
mod memory;
mod norm;
mod pace;
mod product;
mod tensor;
#[cfg(test)]
mod tests;
mod work;

pub use attention::{KeysValues, Projections};
pub use convolution::Conv2d;
pub use device::Gpu;
pub use embedding::Embedding;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};
pub use tensor::Tensor;
pub use work::Counts;

impl super::backend::Backend for Gpu {}
