//! Memory of the kernels: buffers that outlive their use, large aligned blocks, and refusals.

pub(in crate::ops::cpu) mod arena;
pub(in crate::ops::cpu) mod block;
mod mapping;
pub(in crate::ops::cpu) mod refusal;
pub(in crate::ops::cpu) mod shared;
