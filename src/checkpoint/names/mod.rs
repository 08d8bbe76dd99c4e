//! Names of tensors: diffusers' and CompVis's, what wraps them, and what they tell of a set of tensors.

pub(super) mod gaps;
pub(super) mod keys;
mod kinds;
pub(super) mod open_clip;
pub(super) mod rests;
pub(super) mod upscalers;
pub(super) mod wrappers;
