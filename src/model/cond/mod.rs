//! The conditioning stages: what turns a text or a class label into the UNet's context.

mod class_embedder;
mod clip;
pub mod tokenizer;

pub use class_embedder::ClassEmbedder;
pub use clip::{ClipShape, FrozenCLIPEmbedder, TextEncoder};

use tokenizer::Tokenizer;

/// The stage that makes conditioning (`cond_stage_config`).
pub enum CondStage {
    /// Texts.
    Clip {
        /// Text → ids.
        tokenizer: Box<Tokenizer>,
        /// ids → context.
        embedder: TextEncoder,
    },
    /// Class labels.
    Class(ClassEmbedder),
    /// The first stage itself (`__is_first_stage__`): a picture's latent, or a ready tensor.
    FirstStage,
    /// None (`__is_unconditional__`).
    Unconditional,
}
