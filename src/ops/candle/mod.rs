//! The operations by candle: on CUDA and Metal, and on the CPU for comparison.
//!
//! Invariant: the same results as [`crate::ops::native`] within rounding; a test compares them.

mod attention;
mod convolution;
mod embedding;
mod linear;
mod norm;
mod tensor;

pub use attention::attention;
pub use convolution::Conv2d;
pub use embedding::Embedding;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};
pub use tensor::Tensor;
