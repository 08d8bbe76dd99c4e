//! The conditioning stages: what turns a text or a class label into the UNet's context.

mod class_embedder;
mod clip;
pub mod tokenizer;

pub use class_embedder::ClassEmbedder;
pub use clip::{ClipShape, FrozenCLIPEmbedder, TextEncoder};
