//! Building networks where they have room: on the chosen device, or down the first rungs of the ladder, f16 and the
//! processor.

use std::sync::Arc;

use serde_json::Value;

use super::opening::Opening;
use crate::model::{LatentDiffusion, ModelError, ReadTokenizer, instantiate_from_config};
use crate::note::{CardNote, ModelNote, Note};
use crate::ops::host::TensorSource;
use crate::ops::{self, Device, Dtype, Weights};

/// The networks, the weights that they were built from, and what is to be said.
type Built = (LatentDiffusion, Weights, Vec<Note>);

/// A way to build them.
struct Way {
    device: Device,
    texts_on: Option<Device>,
    notes: Vec<CardNote>,
}

/// Builds the networks of `config` from `source`.
///
/// # Errors
/// As [`instantiate_from_config`].
pub(super) fn build(
    config: &Value,
    source: Arc<dyn TensorSource>,
    opening: &Opening<'_>,
    read: ReadTokenizer<'_>,
) -> Result<Built, ModelError> {
    let mut ways = ways(opening.device).into_iter().peekable();
    while let Some(way) = ways.next() {
        let is_last = ways.peek().is_none();
        let with = |weights: Weights| match &way.texts_on {
            Some(device) => weights.with_texts_on(device),
            None => weights,
        };
        let imagined = || {
            let weights = with(Weights::new(source.clone(), way.device.clone()));
            instantiate_from_config(config, &weights, read)
        };
        if !is_last && !has_room(&way, imagined)? {
            continue;
        }
        let weights = with(opening.weights(source.clone(), &way.device));
        way.device.take_rounding();
        match instantiate_from_config(config, &weights, read) {
            Err(ModelError::Ops(ops::Error::OutOfCardMemory { .. })) if !is_last => way.device.trim(),
            built => {
                let mut notes: Vec<Note> = way.notes.into_iter().map(Note::from).collect();
                let rounded = way.device.take_rounding();
                notes.extend(rounded.map(|error| ModelNote::WeightsRounded { error }.into()));
                return built.map(|built| (built, weights, notes));
            }
        }
    }
    Err(ops::Error::Device("no way to build a model".to_owned()).into())
}

/// The ways, the best first; only a graphics card has more than one.
fn ways(device: &Device) -> Vec<Way> {
    let way = |device: Device, texts_on, notes: &[CardNote]| Way { device, texts_on, notes: notes.to_vec() };
    let mut ways = vec![way(device.clone(), None, &[])];
    if !device.is_card() {
        return ways;
    }
    let processor = device.processor();
    let half = device.with_dtype(Dtype::F16);
    let mut notes = Vec::new();
    if device.dtype() == Dtype::F32 {
        notes.push(CardNote::InHalf);
        ways.push(way(half.clone(), None, &notes));
    }
    notes.push(CardNote::TextsOnProcessor);
    ways.push(way(half, Some(processor.clone()), &notes));
    ways.push(way(processor, None, &[CardNote::OnProcessor]));
    ways
}

/// Whether the card has room for what `open` builds. f32 has room only if a picture is decoded at once, since f16 comes
/// before bands.
#[cfg(feature = "gpu")]
fn has_room(
    way: &Way,
    open: impl FnOnce() -> Result<LatentDiffusion, ModelError>,
) -> Result<bool, ModelError> {
    let Some(memory) = way.device.card_memory() else { return Ok(true) };
    crate::engine::ladder::fits(memory, way.device.dtype() == Dtype::F16, open)
}

/// Without graphics cards there is room.
#[cfg(not(feature = "gpu"))]
fn has_room(_: &Way, _: impl FnOnce() -> Result<LatentDiffusion, ModelError>) -> Result<bool, ModelError> {
    Ok(true)
}
