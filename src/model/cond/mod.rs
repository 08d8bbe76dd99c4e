//! The conditioning stages: what turns texts or a class label into what the UNet takes beside x.
//!
//! A further text encoder is a file here, its place in [`TextEncoder`] and an arm in
//! `instantiate/cond_stage.rs`.

mod chunks;
mod class_embedder;
mod clip;
mod conditioner;
mod learned;
mod open_clip;
mod text_embedding;
mod text_encoder;
pub mod tokenizer;
mod weighted;
mod weighting;

pub use chunks::{Laid, Piece, PieceWord};
pub use class_embedder::ClassEmbedder;
pub use clip::{ClipOutput, ClipShape, FrozenCLIPEmbedder};
pub use conditioner::GeneralConditioner;
pub use learned::stands_in;
pub use open_clip::FrozenOpenCLIPEmbedder;
pub use text_embedding::TextEmbedding;
pub use text_encoder::{TextEncoder, TransformerKind};
pub use weighted::WeightedTexts;
pub use weighting::{Emphasis, Weighting};

/// The stage that makes conditioning (`cond_stage_config`).
pub enum CondStage {
    /// Texts.
    Texts(GeneralConditioner),
    /// Class labels.
    Class(ClassEmbedder),
    /// The first stage itself (`__is_first_stage__`): a picture's latent, or a ready tensor.
    FirstStage,
    /// None (`__is_unconditional__`).
    Unconditional,
}
