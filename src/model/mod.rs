//! The model: one file a CompVis module.

pub mod tokenizer;
