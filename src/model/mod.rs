//! The model: one file a CompVis module.

pub mod synthetic;
pub mod tokenizer;
