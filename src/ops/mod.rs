//! Operations on tensors: the one seam between the networks and what computes them.
//!
//! Networks and sampler name this module and nothing below it. Shapes are the reference's:
//! (b, c, h, w) for maps, (b, n, c) for tokens; the memory layout is the backend's affair, so
//! elements are seen only on the way in ([`Tensor::from_f32`], [`Weights`]) and out
//! ([`Tensor::to_f32`]).
//!
//! What a network says in one call may be one kernel below: a convolution takes its bias, the time
//! embedding and the residual with it ([`Fused`]), a norm its activation, a skip connection is two
//! sources side by side ([`Tensor::concatenate_channels`]), an upsampling belongs to the
//! convolution that follows it ([`Conv2d::forward_upsampled`]).
//!
//! | file | what |
//! | --- | --- |
//! | `tensor`, `linear`, `convolution`, `norm`, `attention`, `embedding` | what networks call: shapes checked once for all backends |
//! | [`backend`] | [`backend::Backend`], the list of what a backend provides |
//! | `dispatch` | the list of the backends, and all that follows from it |
//! | [`native`] | the backend of the CPU kernels ([`cpu`]) |
//! | `wgsl` | the backend of graphics cards: our own kernels, in builds with the feature `gpu` |
//! | [`candle`] | the backend that brings CUDA and Metal, through the crate of that name |
//! | `device`, `options` | where to compute, and how it is chosen |
//! | `picture` | what a decoder gave as a picture that stays on the window's card |
//! | `probabilities` | what cross-attention looks at, for those who want to see it |
//! | `self_test` | a device against the native backend |
//! | [`host`], `weights` | tensors at rest, on their way into a backend |
//! | `adapters` | changes of layers' weights that come and go |
//!
//! A device belongs to one backend. Every heavy operation reads the device's [`StopFlag`] and ends
//! in [`Error::Stopped`].

mod adapters;
mod attention;
pub mod backend;
pub mod candle;
mod convolution;
pub mod cpu;
mod device;
mod dispatch;
mod embedding;
mod error;
pub mod host;
mod linear;
mod meter;
mod moments;
pub mod native;
mod norm;
mod options;
mod parameters;
#[cfg(feature = "gpu")]
mod picture;
mod probabilities;
mod self_test;
mod stop;
mod tensor;
#[cfg(test)]
mod tests;
mod weights;
#[cfg(feature = "gpu")]
pub mod wgsl;

pub use adapters::{Adapters, Change, LowRank, Rewrite};
pub use attention::{KeysValues, SelfAttention, attention};
pub use convolution::{Axes, Conv2d, Fused, Wrapping};
pub use device::{Device, Under};
pub use embedding::Embedding;
pub use error::{Error, Result};
pub use linear::{Geglu, Linear};
pub use meter::{Meter, Metered, Peak};
pub use moments::Moments;
pub use norm::{GroupNorm, LayerNorm};
pub use options::{DeviceChoice, DeviceOptions, Dtype, WeightsKept, all_cores};
pub use parameters::{Activation, Conv2dShape, LinearShape, Mask, Padding};
#[cfg(feature = "gpu")]
pub use picture::{Drawn, PictureForm};
pub use probabilities::{HostKeys, attention_probabilities};
pub use self_test::{convolution_rate, product_rate, self_test};
pub use stop::StopFlag;
pub use tensor::Tensor;
pub use weights::{Progress, Weights};
