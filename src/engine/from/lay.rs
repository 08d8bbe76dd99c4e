//! `lay`: from a [`Source`] to the [`Ground`] of a run: read, placed at the run's size, filled and encoded.
//!
//! Invariant: pixels are encoded at the run's size, and the original is kept beside for what stays of it.

use std::sync::Arc;

use super::concat::{of_picture, takes};
use super::error::SourceError;
use super::ground::Ground;
use super::read::{self, Read};
use crate::engine::generate_error::GenerateError;
use crate::engine::open::OpenModel;
use crate::engine::pixels::encode;
use crate::message::Takes;
use crate::model::LatentDiffusion;
use crate::negative::Store;
use crate::note::{Note, SourceNote};
use crate::picture::Frame;
use crate::resize::resize_bilinear;
use crate::sampler::Latent;
use crate::settings::{Beginning, Fill, Resize, Settings};
use crate::tray::{Mask, Overlay, Placement, Source, fill, resized};

/// The ground of a run of these settings, whose size goes with the model. Before it is used it is filled for the run's
/// seed: see [`Ground::filled`].
///
/// # Errors
/// If the source cannot be read, does not go with the model, or cannot be encoded; if stopped.
pub fn lay(
    model: &OpenModel,
    settings: &Settings,
    source: &Source,
    store: Option<&Store>,
) -> Result<Ground, GenerateError> {
    let networks = &model.networks;
    let takes = takes(networks);
    if source.depth.is_some() && takes != Takes::Depth {
        return Err(SourceError::NoDepth.into());
    }
    if !networks.encodes() {
        return Err(SourceError::NoEncoder.into());
    }
    let Read { picture, mask, depth, latent, beginning, mut notes } = read::read(model, source, store)?;
    let size = [settings.width, settings.height];
    let soft = mask.as_ref().map(|mask| softened(mask, beginning.treatment.mask_blur));
    let placement = placement(&beginning, soft.as_ref(), [picture.width, picture.height], size);
    if soft.as_ref().is_some_and(|soft| !soft.lies_in(&placement)) {
        notes.push(Note::Source(SourceNote::MaskBeyond));
    }
    let overlay = soft.map(|soft| Arc::new(Overlay::new(picture.clone(), &soft, placement)));
    let begun = overlay.as_ref().map_or_else(|| placement.apply(&picture), |over| over.begun(size).clone());
    let placed = overlay.as_ref().map(|over| over.placed(size));
    let x0 = x0(networks, &beginning, (&picture, &begun, placed), latent)?;
    let kept = placed.map(|mask| kept(mask, &x0));
    let depth = depth.map(|depth| levels(&placement.apply(&depth)));
    let concat = of_picture(networks, &begun, placed, depth.as_deref())?;
    let picture = if overlay.is_some() { picture } else { begun };
    Ok(Ground { beginning, picture, mask, overlay, x0, kept, concat, notes })
}

/// A mask with soft edges; as it is where nothing would be left of it.
pub(super) fn softened(mask: &Mask, blur: f64) -> Mask {
    let soft = mask.blurred(blur as f32);
    if soft.is_empty() { mask.clone() } else { soft }
}

/// The part that a run of this size works on.
pub(super) fn placement(
    beginning: &Beginning,
    mask: Option<&Mask>,
    picture: [usize; 2],
    size: [usize; 2],
) -> Placement {
    let treatment = &beginning.treatment;
    match (mask.and_then(Mask::bounds), treatment.only_masked) {
        (Some(bounds), Some(padding)) => Placement::around(bounds, padding, picture, size),
        (bounds, _) => Placement::whole(picture, size, treatment.resize(bounds.is_some())),
    }
}

/// How much of each place of a latent a mask at the run's size keeps.
pub(super) fn kept(mask: &Mask, x0: &Latent) -> Latent {
    let [_, _, h, w] = x0.shape;
    Latent::new([1, 1, h, w], mask.kept_of_latent(w, h))
}

/// The latent that a run begins from.
fn x0(
    model: &LatentDiffusion,
    beginning: &Beginning,
    (picture, begun, mask): (&Frame, &Frame, Option<&Mask>),
    latent: Option<Latent>,
) -> Result<Latent, GenerateError> {
    let treatment = &beginning.treatment;
    let factor = model.config.first_stage_factor;
    let to = [begun.height / factor, begun.width / factor];
    let blurs = treatment.fill == Fill::Blur && mask.is_some();
    if treatment.resize != Some(Resize::Latent) || treatment.only_masked.is_some() || blurs {
        return match mask.filter(|_| blurs) {
            Some(mask) => encode(model, &fill(begun, mask)),
            None => encode(model, begun),
        };
    }
    let own = match latent {
        Some(latent) => latent,
        None => encode(model, &resized(picture, own_size(picture, begun, factor)))?,
    };
    Ok(stretched(&own, to))
}

/// The size at which a picture is encoded before its latent is stretched: nearly its own, and not so large that the
/// run would see nothing of it.
fn own_size(picture: &Frame, run: &Frame, factor: usize) -> [usize; 2] {
    let side = |own: usize, run: usize| (own.min(2 * run) / factor).max(1) * factor;
    [side(picture.width, run.width), side(picture.height, run.height)]
}

/// A latent (1, c, h, w) at another height and width.
pub(super) fn stretched(latent: &Latent, [h, w]: [usize; 2]) -> Latent {
    let [b, c, height, width] = latent.shape;
    let planes = latent.values.chunks_exact((height * width).max(1));
    let values = planes.flat_map(|plane| resize_bilinear(plane, [height, width], [h, w])).collect();
    Latent::new([b, c, h, w], values)
}

/// The lightness of a map of depths.
fn levels(depth: &Frame) -> Vec<f32> {
    let mask = Mask::of_picture(&depth.clone().into());
    mask.levels.iter().map(|level| f32::from(*level)).collect()
}
