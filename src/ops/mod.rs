//! Operations on tensors: the one seam between the networks and what computes them.

pub mod host;
mod stop;

pub use stop::StopFlag;
