//! A config for a single file without a YAML, from its tensors' shapes.
//!
//! Shapes do not show everything: the number of attention heads, the schedule's kind and what the
//! model predicts are v1's or v2's, and each is a note.

mod diffusion;
mod first_stage;
mod texts;
mod unet;

use serde_json::Value;

use crate::note::Note;

use self::diffusion::diffusion;
pub use self::diffusion::side_of_v2;
use crate::checkpoint::error::{CheckpointError, Problem};
use crate::checkpoint::found_config::{Channels, Diffusion, FoundConfig, latent_diffusion};
use crate::checkpoint::names::keys::{UNET, ema_name};
use crate::checkpoint::names::rests::TextLayout;
use crate::checkpoint::open::Checkpoint;
use crate::checkpoint::part::ModelPart;

/// More levels or blocks than any model has: where the search ends.
const MOST: usize = 256;

/// The first stage's config by its shapes, and the latent's channels.
pub(crate) fn first_stage_of(
    checkpoint: &Checkpoint,
    notes: &mut Vec<Note>,
) -> Result<(Value, u64), Problem> {
    Shapes { checkpoint, averages: false }.first_stage(notes)
}

/// The first stage's config and the scale of its latents where another file's stands in for the model's own and is of
/// the other sort: a tiny decoder, whose latents are the UNet's own, or a whole autoencoder. `is_tiny` is what the
/// model's config says.
///
/// # Errors
/// If its shapes fit no first stage.
pub fn first_stage_laid_over(
    checkpoint: &Checkpoint,
    is_tiny: bool,
    notes: &mut Vec<Note>,
) -> Result<Option<(Value, f64)>, CheckpointError> {
    let shapes = Shapes { checkpoint, averages: false };
    let found_tiny = shapes.has_tiny_decoder();
    if checkpoint.overlays.vae.is_none() || found_tiny == is_tiny {
        return Ok(None);
    }
    let scale = if found_tiny { 1.0 } else { Diffusion::V1.scale_factor };
    let found = shapes.first_stage(notes).map_err(|problem| problem.at(checkpoint.path()))?;
    Ok(Some((found.0, scale)))
}

/// The text encoder's config by its shapes.
pub(crate) fn text_encoder_of(checkpoint: &Checkpoint, notes: &mut Vec<Note>) -> Result<Value, Problem> {
    Shapes { checkpoint, averages: false }.texts(notes)
}

/// Returns a v1- or v2-shaped file's config: text to picture, inpainting, editing, or with a depth map.
///
/// # Errors
/// One sentence if the file is of another family, or its shapes fit no UNet, first stage or CLIP.
pub fn guess_config(checkpoint: &Checkpoint) -> Result<FoundConfig, CheckpointError> {
    checkpoint.refuse_other_kinds()?;
    checkpoint.refuse_gaps(&ModelPart::ALL)?;
    let mut shapes = Shapes { checkpoint, averages: false };
    shapes.averages = !shapes.begins(UNET) && checkpoint.has_ema();
    shapes.found_config().map_err(|problem| problem.at(checkpoint.path()))
}

struct Shapes<'a> {
    checkpoint: &'a Checkpoint,
    /// There are averages of the UNet's weights, and not the weights.
    averages: bool,
}

impl Shapes<'_> {
    fn found_config(&self) -> Result<FoundConfig, Problem> {
        let mut notes = Vec::new();
        let (unet, unet_input) = self.unet(&mut notes)?;
        let (first_stage, latent) = self.first_stage(&mut notes)?;
        let channels = Channels { input: unet_input, latent };
        channels.check()?;
        let cond_stage = self.texts(&mut notes)?;
        let open_clip = self.text_layout() == TextLayout::OpenClip;
        let mut diffusion = diffusion(self.checkpoint, open_clip, &mut notes);
        if self.has_tiny_decoder() {
            diffusion.scale_factor = 1.0;
        }
        let is_told = self.checkpoint.told_prediction().is_some() || diffusion.zero_terminal_snr;
        let config = latent_diffusion(&diffusion, &channels, unet, first_stage, cond_stage);
        Ok(FoundConfig { config, notes, is_prediction_open: open_clip && !is_told })
    }

    /// Whether a name begins so.
    fn begins(&self, start: &str) -> bool {
        self.checkpoint.tensors.range(start.to_owned()..).next().is_some_and(|(n, _)| n.starts_with(start))
    }

    fn contains(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// A tensor's shape; the UNet's is that of its averaged copy where there is no other.
    fn shape(&self, name: &str) -> Option<&[usize]> {
        let stored = |name: &str| self.checkpoint.stored_shape(name);
        match self.averages {
            true => ema_name(name).map_or_else(|| stored(name), |copy| stored(&copy)),
            false => stored(name),
        }
    }

    fn dimension(&self, name: &str, axis: usize) -> Result<u64, Problem> {
        let shape = self.shape(name).ok_or_else(|| Problem::NoTensor(name.to_owned()))?;
        match shape.get(axis) {
            Some(size) if *size > 0 => Ok(*size as u64),
            _ => Err(Problem::Shape {
                name: name.to_owned(),
                expected: vec![1; axis + 1],
                found: shape.to_vec(),
            }),
        }
    }
}

fn other(found: String) -> Problem {
    Problem::OtherModel(found)
}

/// The number of consecutive indices 0, 1, 2, … that exist.
fn count(is_there: impl Fn(usize) -> bool) -> usize {
    (0..MOST).take_while(|n| is_there(*n)).count()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn all_multiples(widths: &[u64], of: u64) -> bool {
    widths.iter().all(|width| width.is_multiple_of(of))
}

/// The reference's 32 groups of the norms, or `Some` of as many as divide every level's width.
fn groups_for(widths: &[u64]) -> Option<u64> {
    [32, 16, 8, 4, 2]
        .into_iter()
        .find(|groups| all_multiples(widths, *groups))
        .or(Some(1))
        .filter(|g| *g != 32)
}
