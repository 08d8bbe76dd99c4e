//! The second pass of a run: the finished picture enlarged, noised again, and what holds it and stands beside it there.
//!
//! Invariant: what a second pass begins with follows from the latent before it, the seed and the settings, so a run
//! that is taken up after the turn finds the same again. Trap: the generator begins anew at the larger size, as
//! A1111's does.

use super::concat::{of_picture, takes, without_picture};
use super::ground::Ground;
use super::lay::{kept, stretched};
use super::tiling::{resized_tiling, stretched_tiling};
use crate::engine::generate_error::GenerateError;
use crate::engine::pixels::{decode, encode};
use crate::engine::upscale::OpenUpscaler;
use crate::message::Takes;
use crate::model::LatentDiffusion;
use crate::sampler::noise::Noise;
use crate::sampler::{Entry, History, Latent, Mask, RunState, first_noise};
use crate::settings::{Enlarged, Settings};
use crate::tray::resized;

/// What one pass has beside its state.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What x is held to before each step.
    pub mask: Option<Mask>,
    /// Channels behind x (1, c, h, w), of a model that takes them.
    pub concat: Option<Latent>,
}

/// A run's size, and that of its second pass.
pub fn second_size(model: &LatentDiffusion, settings: &Settings) -> [usize; 2] {
    let multiple = model.size_multiple();
    [settings.width, settings.height].map(|side| settings.hires.side(side, multiple))
}

/// How far a run's first noise goes towards another seed's.
pub fn toward(settings: &Settings) -> Option<(u64, f64)> {
    let variation = settings.variation;
    (!variation.is_none()).then_some((variation.seed, variation.strength))
}

/// The state before the second pass' first step, of a run or of several side by side whose first pass is done.
///
/// # Errors
/// If the first stage fails, or is stopped.
pub fn turned(
    model: &LatentDiffusion,
    settings: &Settings,
    (ground, upscaler): (Option<&Ground>, Option<&OpenUpscaler>),
    entry: &Entry,
    state: &RunState,
) -> Result<(RunState, Beside), GenerateError> {
    let x0 = enlarged(model, settings, (ground, upscaler), &state.x)?;
    let space = settings.sampler.row().space;
    let runs = state.noise.parts().len();
    let [b, c, h, w] = x0.shape;
    let begun: Vec<(Latent, Noise)> = state
        .noise
        .parts()
        .iter()
        .enumerate()
        .map(|(place, noise)| {
            let shape = [b / runs, c, h, w];
            let (fresh, noise) = first_noise(noise.kind(), noise.seed(), shape, toward(settings));
            (entry.start(&x0.part(place, runs), &fresh, space), noise)
        })
        .collect();
    let (latents, mut noises): (Vec<Latent>, Vec<Noise>) = begun.into_iter().unzip();
    let noise = if runs == 1 { noises.swap_remove(0) } else { Noise::joint(noises) };
    let x = Latent::joined(&latents);
    let state = RunState { x, noise, history: History::default(), ..state.clone() };
    Ok((state, beside(model, settings, ground, x0)?))
}

/// What the second pass has beside its state, of a run that is taken up in it; `before` is the latent before the turn.
///
/// # Errors
/// As [`turned`].
pub fn again(
    model: &LatentDiffusion,
    settings: &Settings,
    (ground, upscaler): (Option<&Ground>, Option<&OpenUpscaler>),
    before: Option<&Latent>,
) -> Result<Beside, GenerateError> {
    let holds = ground.is_some_and(|ground| ground.held(takes(model)).is_some());
    match (holds, before) {
        (true, Some(before)) => {
            beside(model, settings, ground, enlarged(model, settings, (ground, upscaler), before)?)
        }
        (true, None) => {
            let cause = "the latent before its second pass is gone".to_owned();
            Err(GenerateError::Kept { cause })
        }
        (false, _) => {
            let factor = model.config.first_stage_factor;
            let [width, height] = second_size(model, settings);
            let shape = [1, model.config.channels, height / factor, width / factor];
            beside(model, settings, ground, Latent::new(shape, vec![0.0; shape.iter().product()]))
        }
    }
}

/// The latents that a second pass begins from, of each of a batch.
fn enlarged(
    model: &LatentDiffusion,
    settings: &Settings,
    (ground, upscaler): (Option<&Ground>, Option<&OpenUpscaler>),
    z: &Latent,
) -> Result<Latent, GenerateError> {
    let size = second_size(model, settings);
    let factor = model.config.first_stage_factor;
    let each = (0..z.shape[0]).map(|place| {
        let z = z.part(place, z.shape[0]);
        if settings.hires.by == Enlarged::Latent {
            return Ok(stretched_tiling(&z, [size[1] / factor, size[0] / factor], settings.tile));
        }
        let (made, _) = decode(model, &z)?;
        let made = match upscaler.filter(|_| settings.hires.is_by_upscaler()) {
            Some(upscaler) => upscaler.enlarge_tiling(&made, settings.tile)?,
            None => made,
        };
        let overlay = ground.and_then(|ground| ground.overlay.as_ref());
        let larger = resized_tiling(&made, size, settings.tile);
        let larger = overlay.map_or_else(|| larger.clone(), |overlay| overlay.enlarged(&larger, size));
        encode(model, &larger)
    });
    let each = each.collect::<Result<Vec<_>, GenerateError>>()?;
    Ok(Latent::joined(&each))
}

fn beside(
    model: &LatentDiffusion,
    settings: &Settings,
    ground: Option<&Ground>,
    x0: Latent,
) -> Result<Beside, GenerateError> {
    let size = second_size(model, settings);
    let takes = takes(model);
    let Some(ground) = ground else {
        let [_, _, h, w] = x0.shape;
        let concat = (takes != Takes::Nothing).then(|| without_picture(model, [h, w])).transpose()?;
        return Ok(Beside { mask: None, concat: concat.map(|(concat, _)| concat) });
    };
    let placed = ground.overlay.as_ref().map(|overlay| overlay.placed(size));
    let [_, _, h, w] = x0.shape;
    let concat = match (takes, &ground.concat) {
        // The map itself is not kept beside the run.
        (Takes::Depth, Some(depth)) => Some(stretched(depth, [h, w])),
        _ => {
            let begun = ground
                .overlay
                .as_ref()
                .map_or_else(|| resized(&ground.picture, size), |overlay| overlay.begun(size).clone());
            of_picture(model, &begun, placed, None)?
        }
    };
    let held = placed.filter(|_| ground.held(takes).is_some());
    let mask = held.map(|placed| Mask { mask: kept(placed, &x0), x0 });
    Ok(Beside { mask, concat })
}
