//! Names of tensors: diffusers' and CompVis's, what wraps them, and what they tell of a set of tensors.

pub(super) mod keys;
mod kinds;
pub(super) mod rests;
pub(super) mod wrappers;
