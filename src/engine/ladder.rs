//! The ladder: what a run does differently where a graphics card has too little memory for it, found before the
//! run by rehearsing it, which computes nothing.
//!
//! Rungs, from the top: all at once; the picture decoded in bands, with previews at half the size; the text encoder on
//! the processor; the whole model on the processor. f16 in place of f32 comes before them, when the model is opened
//! (`fits`). Where nobody knows how much memory there is, the first rung is taken until the driver refuses.

use crate::gpu::{Allocator, Need};
use crate::model::{Conditioning, ConditioningKey, LatentDiffusion};
use crate::note::CardNote;
use crate::ops::{Error, Result, Tensor};
use crate::sampler::{Denoiser as _, Latent};

use super::denoise::ConditionedModel;
use super::from;

/// How a run fits a card.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// The rungs it went down.
    pub notes: Vec<CardNote>,
    /// Why it does not fit at all.
    pub refused: Option<Error>,
}

/// A rung below the first.
#[derive(Clone, Copy)]
enum Rung {
    AllAtOnce,
    InBands,
    TextsOnProcessor,
}

/// Makes a run at `size` (width and height in pixels) fit the memory of the model's card, and takes that memory.
///
/// # Errors
/// Stopped, or the device fails.
pub(super) fn fit(model: &LatentDiffusion, size: [usize; 2]) -> Result<Fit> {
    let mut fit = Fit::default();
    let Some(memory) = model.device().card_memory() else { return Ok(fit) };
    model.forget_context();
    for rung in [Rung::AllAtOnce, Rung::InBands, Rung::TextsOnProcessor] {
        match rung {
            Rung::AllAtOnce => model.decode_in_bands(false),
            Rung::InBands => {
                model.decode_in_bands(true);
                fit.notes.extend([CardNote::InBands, CardNote::SmallerPreviews]);
            }
            Rung::TextsOnProcessor if !model.has_texts_beside() => continue,
            Rung::TextsOnProcessor => {
                model.move_texts_to(&model.device().processor());
                fit.notes.push(CardNote::TextsOnProcessor);
            }
        }
        match reserve(memory, model, size) {
            Ok(()) => return Ok(Fit { refused: None, ..fit }),
            Err(error) if error.is_of_card() => {
                log::info!("{error}");
                fit.refused = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    fit.notes = vec![CardNote::OnProcessor];
    Ok(fit)
}

/// Rehearses a run and takes the memory that it needs.
fn reserve(memory: &Allocator, model: &LatentDiffusion, size: [usize; 2]) -> Result<()> {
    let need = need(memory, model, size)?;
    log::info!("a run takes {:.0} MiB of the card", need.bytes.most as f64 / f64::from(1 << 20));
    check(memory, &need)?;
    Ok(memory.reserve(&need)?)
}

fn check(memory: &Allocator, need: &Need) -> Result<()> {
    let bytes = need.bytes.most;
    match memory.memory().budget() {
        Some(budget) if bytes > budget => Err(Error::OutOfCardMemory { bytes }),
        _ => Ok(()),
    }
}

/// The memory that a run at `size` needs, weights among it.
///
/// # Errors
/// Stopped; a tensor is larger than the device allows.
fn need(memory: &Allocator, model: &LatentDiffusion, size: [usize; 2]) -> Result<Need> {
    let rehearsed = memory.rehearse(|| run(model, size));
    // What was remembered of the rehearsal has no content.
    model.forget_context();
    model.take_notes();
    rehearsed.map(|(_, need)| need)
}

/// Whether a model that `open` gives has room on the card, with a run at the size that it was trained for; `open` is
/// called in a rehearsal.
///
/// # Errors
/// As `open`.
pub(super) fn fits<E: From<Error>>(
    memory: &Allocator,
    in_bands: bool,
    open: impl FnOnce() -> std::result::Result<LatentDiffusion, E>,
) -> std::result::Result<bool, E> {
    if memory.memory().budget().is_none() {
        return Ok(true);
    }
    let rehearsed = memory.rehearse(|| {
        let model = open()?;
        model.decode_in_bands(in_bands);
        let side = model.config.image_size * model.config.first_stage_factor;
        run(&model, [side, side]).map_err(E::from)
    });
    rehearsed.map(|(_, need)| check(memory, &need).is_ok())
}

/// The parts of a run that take memory, in their order: texts, two calls of the UNet, the decoder.
fn run(model: &LatentDiffusion, [width, height]: [usize; 2]) -> Result<()> {
    let factor = model.config.first_stage_factor;
    let shape = [1, model.config.channels, height / factor, width / factor];
    let x = Latent::new(shape, vec![0.0; shape.iter().product()]);
    let (conditional, unconditional) = match model.config.conditioning_key {
        ConditioningKey::Crossattn | ConditioningKey::Hybrid => {
            let both = if model.has_texts_beside() {
                model.get_learned_conditioning(&["", ""])?
            } else {
                model.no_texts()?
            };
            let [_, _, h, w] = shape;
            let of = |text| {
                let texts = Conditioning::from_texts(both.batch_item(text)?, ConditioningKey::Crossattn);
                let c_concat = from::zeros(model, [h, w])?.into_iter().collect();
                Ok::<_, Error>(Conditioning { c_concat, ..texts })
            };
            (of(0)?, Some(of(1)?))
        }
        _ => (Conditioning::default(), None),
    };
    let mut denoiser = ConditionedModel::new(model, conditional, unconditional.as_ref());
    denoiser.begin_step(0, 1.0);
    for _ in 0..2 {
        denoiser.guided(&x, 0.0)?;
    }
    let z = Tensor::from_f32(&model.first_stage_device(), &x.shape, &x.values)?;
    model.decode_first_stage(&z)?.to_f32().map(drop)
}

#[cfg(test)]
mod tests;
