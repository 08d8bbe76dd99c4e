//! Laying one file's VAE or text encoder over another's: the part's tensors under CompVis names.
//!
//! A part comes under several names: CompVis's with and without the part's prefix, diffusers', and
//! within a whole model. The trap: a VAE and a text encoder both have `encoder.…`; which part is
//! asked for decides how a name is read.

use std::path::{Path, PathBuf};

use super::bytes::ModelFile;
use super::diffusers::folder;
use super::error::{CheckpointError, Problem};
use super::inspect::Part;
use super::keys::{self, Blocks, CLIP, FIRST_STAGE};
use super::kind::Kind;
use super::open::list as list_file;
use super::stored::Tensors;

/// A part of a model that can come from a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPart {
    /// The first stage.
    Vae,
    /// What makes a context of words.
    TextEncoder,
}

impl ModelPart {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Vae, Self::TextEncoder];

    /// The part in plain words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vae => "VAE",
            Self::TextEncoder => "text encoder",
        }
    }

    pub(crate) fn with_article(self) -> &'static str {
        match self {
            Self::Vae => "a VAE",
            Self::TextEncoder => "a text encoder",
        }
    }

    /// The command line's option that names such a file.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Vae => "--vae",
            Self::TextEncoder => "--text-encoder",
        }
    }

    /// Its subfolder in a diffusers folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Vae => "vae",
            Self::TextEncoder => "text_encoder",
        }
    }

    pub(crate) fn part(self) -> Part {
        match self {
            Self::Vae => Part::FirstStage,
            Self::TextEncoder => Part::TextEncoder,
        }
    }

    /// A tensor that no such part lacks.
    fn first_tensor(self) -> String {
        match self {
            Self::Vae => format!("{FIRST_STAGE}decoder.conv_in.weight"),
            Self::TextEncoder => format!("{CLIP}embeddings.token_embedding.weight"),
        }
    }

    /// Whether the tensors hold this part.
    pub(crate) fn is_in(self, tensors: &Tensors) -> bool {
        let prefix = match self {
            Self::Vae => FIRST_STAGE,
            Self::TextEncoder => "cond_stage_model.",
        };
        tensors.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// The channels that this part shares with the UNet: those of its own tensor.
    fn width(self, tensors: &Tensors) -> Option<usize> {
        tensors.get(&self.first_tensor())?.shape.get(1).copied()
    }

    /// The same of the UNet's.
    fn width_of_unet(self, tensors: &Tensors) -> Option<usize> {
        match self {
            Self::Vae => tensors.get(&format!("{}out.2.weight", keys::UNET))?.shape.first().copied(),
            Self::TextEncoder => {
                let to_k = |name: &str| name.starts_with(keys::UNET) && name.ends_with(".attn2.to_k.weight");
                tensors.iter().find(|(name, _)| to_k(name))?.1.shape.get(1).copied()
            }
        }
    }
}

/// Files whose part stands in for the model's own, or for one that it lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlays {
    /// A VAE's file or folder.
    pub vae: Option<PathBuf>,
    /// A text encoder's file or folder.
    pub text_encoder: Option<PathBuf>,
}

impl Overlays {
    /// The file for one part.
    pub fn file(&self, part: ModelPart) -> Option<&Path> {
        match part {
            ModelPart::Vae => self.vae.as_deref(),
            ModelPart::TextEncoder => self.text_encoder.as_deref(),
        }
    }
}

/// Puts a file's part in the place of the model's own.
pub(super) fn lay_over(
    path: &Path,
    part: ModelPart,
    files: &mut Vec<ModelFile>,
    tensors: &mut Tensors,
) -> Result<(), CheckpointError> {
    let stored = match path.is_dir() {
        true => folder::part(path, part, files)?,
        false => {
            let file = ModelFile::open(path)?;
            let listed = list_file(&file, files.len())?;
            files.push(file);
            listed.tensors
        }
    };
    let named = match part {
        ModelPart::Vae => vae_names(&stored),
        ModelPart::TextEncoder => text_encoder_names(&stored),
    };
    if !named.contains_key(&part.first_tensor()) {
        return Err(Problem::NotThePart { part, found: Kind::of(&stored) }.at(path));
    }
    if let (Some(expected), Some(found)) = (part.width_of_unet(tensors), part.width(&named))
        && expected != found
    {
        return Err(Problem::PartWidth { part, expected, found }.at(path));
    }
    tensors.retain(|name, _| Part::of(name) != part.part());
    tensors.extend(named);
    Ok(())
}

/// A VAE's tensors, whatever the file calls them.
fn vae_names(stored: &Tensors) -> Tensors {
    let prefix = [FIRST_STAGE, "vae."].into_iter().find(|prefix| {
        stored.range((*prefix).to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    });
    let prefix = prefix.unwrap_or_default();
    let inner = || stored.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
    let of_diffusers = inner().any(|(name, _)| name.contains("coder.mid_block."));
    let decoder = Blocks::count(inner().filter_map(|(name, _)| name.strip_prefix("decoder.")));
    let starts = ["encoder.", "decoder.", "quant_conv.", "post_quant_conv."];
    let name_of = |name: &str| match of_diffusers {
        true => keys::first_stage_name(name, &decoder),
        false => starts.iter().any(|start| name.starts_with(start)).then(|| format!("{FIRST_STAGE}{name}")),
    };
    let mut named: Tensors =
        inner().filter_map(|(name, tensor)| Some((name_of(name)?, tensor.clone()))).collect();
    keys::attention_to_convolution(&mut named);
    named
}

/// A text encoder's tensors, whatever the file calls them.
fn text_encoder_names(stored: &Tensors) -> Tensors {
    const PREFIXES: [&str; 6] = [
        "cond_stage_model.transformer.",
        "text_encoders.clip_l.transformer.",
        "clip_l.transformer.",
        "clip_l.",
        "text_encoder.",
        "transformer.",
    ];
    let name_of = |name: &str| {
        let inner = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        keys::clip_name(inner)
    };
    stored.iter().filter_map(|(name, tensor)| Some((name_of(name)?, tensor.clone()))).collect()
}
