//! Operations on tensors: the one seam between the networks and what computes them.
//!
//! Networks and sampler name this module and nothing below it. Shapes are the reference's:
//! (b, c, h, w) for maps, (b, n, c) for tokens; how numbers lie in memory is the backend's affair,
//! so a raw buffer is seen only on the way in ([`Tensor::from_f32`], [`Weights`]) and out
//! ([`Tensor::to_f32`]).
//!
//! What a network says in one call may be one kernel below: a convolution takes its bias, the time
//! embedding and the residual with it ([`Fused`]), a norm its activation, a skip connection is two
//! sources side by side ([`Tensor::concatenate_channels`]), an upsampling belongs to the
//! convolution that follows it ([`Conv2d::forward_upsampled`]).
//!
//! Two backends stand below: [`native`], our own CPU kernels ([`cpu`]), and [`candle`], candle's
//! operations, which bring CUDA and Metal. A device belongs to one of them.
//!
//! Every heavy operation reads the device's [`StopFlag`] and ends in [`Error::Stopped`].

mod activation;
mod attention;
pub mod candle;
mod convolution;
pub mod cpu;
mod device;
mod embedding;
mod error;
pub mod host;
mod linear;
mod meter;
pub mod native;
mod norm;
mod stop;
mod tensor;
mod weights;

pub use activation::Activation;
pub use attention::{KeysValues, Mask, attention};
pub use convolution::{Conv2d, Conv2dShape, Fused, Padding};
pub use device::{Device, DeviceChoice, DeviceOptions, Dtype, WeightsKept, all_cores};
pub use embedding::Embedding;
pub use error::{Error, Result};
pub use linear::{Geglu, Linear};
pub use meter::{Meter, Metered};
pub use norm::{GroupNorm, LayerNorm};
pub use stop::StopFlag;
pub use tensor::Tensor;
pub use weights::{Progress, Weights};
