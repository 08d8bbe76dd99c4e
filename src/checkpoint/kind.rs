//! `Kind`: the kinds of models, and of parts of and additions to models, that are told apart by name.

use std::fmt;
use std::path::Path;

use super::formats;
use super::tensor::model_file::ModelFile;

/// What a set of tensors is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A model of another family, by its usual name.
    Family(&'static str),
    /// An addition that changes or steers a model, by its usual name.
    Addition(&'static str),
    /// Words taught to a text encoder (textual inversion).
    Embedding,
    /// Small networks between the context and the UNet.
    Hypernetwork,
    /// A network that enlarges pictures.
    Upscaler,
    /// A VAE in a file of its own.
    FirstStage,
    /// A VAE of another family.
    OtherFirstStage,
    /// TAESD: a small decoder for previews.
    TinyFirstStage,
    /// v1's text encoder alone.
    TextEncoder,
    /// Another family's text encoder, by its usual name.
    OtherTextEncoder(&'static str),
    /// A language model, which some families take as a text encoder.
    LanguageModel,
    /// What makes a context of a picture.
    ImageEncoder,
    /// A UNet alone, under names that a whole model does not use.
    Unet,
}

impl Kind {
    /// Words for both text encoders of Stable Diffusion XL; the first one's are v1's as well.
    pub const XL_EMBEDDING: Self = Self::Addition("Stable Diffusion XL embedding");

    /// What a file is, by its header alone; `None` for a whole model, and for what is unknown or no file of
    /// weights.
    pub fn of_file(path: &Path) -> Option<Self> {
        let file = ModelFile::open(path).ok()?;
        Self::of(&formats::list(&file, 0).ok()?.tensors)
    }

    /// The usual name of a family or an addition.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Family(name) | Self::Addition(name) | Self::OtherTextEncoder(name) => Some(name),
            _ => None,
        }
    }

    /// The name of its sentence in the window's words.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Family(_) => "error-other-family",
            Self::Addition(_) => "error-addition",
            Self::Embedding => "error-embedding",
            Self::Hypernetwork => "error-hypernetwork",
            Self::Upscaler => "error-upscaler",
            Self::FirstStage => "error-vae-alone",
            Self::OtherFirstStage => "error-other-vae",
            Self::TinyFirstStage => "error-tiny-vae",
            Self::TextEncoder => "error-text-encoder-alone",
            Self::OtherTextEncoder(_) => "error-other-text-encoder",
            Self::LanguageModel => "error-language-model",
            Self::ImageEncoder => "error-image-encoder",
            Self::Unet => "error-unet-alone",
        }
    }
}

impl fmt::Display for Kind {
    /// What was found and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family(name) => write!(f, "found one of another family: {name}; choose a v1 or v2 model"),
            Self::Addition(name) => {
                write!(f, "found an addition to models ({name}), which is none itself; choose a v1 or v2 model")
            }
            Self::Embedding => f.write_str(
                "found an embedding (textual inversion), which adds words to a model and is none; choose a v1 or v2 model",
            ),
            Self::Hypernetwork => {
                f.write_str("found a hypernetwork, which changes a model and is none; choose a v1 or v2 model")
            }
            Self::Upscaler => {
                f.write_str("found an upscaler, which enlarges pictures and makes none; choose a v1 or v2 model")
            }
            Self::FirstStage => f.write_str(
                "found a VAE, which is one part of a model; choose a v1 or v2 model, and lay this over it with --vae",
            ),
            Self::OtherFirstStage => {
                f.write_str("found a VAE of another family of models; choose a v1 or v2 model")
            }
            Self::TinyFirstStage => f.write_str(
                "found TAESD, a small decoder; put it beside a v1 or v2 model for its previews, or lay it over with --vae",
            ),
            Self::TextEncoder => f.write_str(
                "found a text encoder, which is one part of a model; choose a v1 or v2 model, and lay this over it with \
                 --text-encoder",
            ),
            Self::OtherTextEncoder(name) => {
                write!(f, "found a text encoder of another family ({name}); choose a v1 or v2 model")
            }
            Self::LanguageModel => {
                f.write_str("found a language model, which writes text and draws nothing; choose a v1 or v2 model")
            }
            Self::ImageEncoder => {
                f.write_str("found an image encoder, which belongs to adapters; choose a v1 or v2 model")
            }
            Self::Unet => f.write_str(
                "found a UNet alone; choose the whole model, or the diffusers folder that it belongs to",
            ),
        }
    }
}
