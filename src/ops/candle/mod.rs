//! The candle backend: CUDA and Metal, and the CPU for comparison.
//!
//! Maps lie (b, c, h, w) in memory. Invariant: the same results as [`crate::ops::native`] within
//! rounding; a test compares them.

mod attention;
mod convolution;
mod device;
mod embedding;
mod linear;
mod norm;
mod tensor;

pub use attention::{KeysValues, NoProjections};
pub use convolution::Conv2d;
pub use device::Candle;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};

impl super::backend::Backend for Candle {}
