//! What a step's preview costs in each of the window's modes.
//!
//! Trap: the tiny decoder has drawn weights, as TAESD's file need not be at hand; they cost the same.

use std::sync::Arc;
use std::time::Duration;

use super::measured::{Measured, Measurement, Work, failed, latent};
use super::subject::SubjectError;
use crate::engine::Previewer;
use crate::model::synthetic::Synthetic;
use crate::model::{TinyDecoder, TinyShape};
use crate::ops::{self, Weights};
use crate::settings::PreviewMode;

/// The rows: fast, tiny (for latents of its kind), half and full.
pub(super) fn measure(measured: &Measured<'_>) -> Result<Vec<Measurement>, SubjectError> {
    let mut rows = vec![row(measured, "preview-fast", PreviewMode::Fast, None)?];
    if let Some(tiny) = tiny(measured)? {
        rows.push(row(measured, "preview-tiny", PreviewMode::Tiny, Some(tiny))?);
    }
    rows.push(row(measured, "preview-half", PreviewMode::Half, None)?);
    rows.push(row(measured, "preview-full", PreviewMode::Full, None)?);
    Ok(rows)
}

/// One mode's row, with the window's note on the picture; what is prepared while idle does not count.
fn row(
    measured: &Measured<'_>,
    name: &'static str,
    mode: PreviewMode,
    tiny: Option<TinyDecoder>,
) -> ops::Result<Measurement> {
    let model = measured.model;
    let mut previewer = Previewer::new(None, tiny);
    while mode == PreviewMode::Fast && previewer.prepare(model, None).map_err(failed)? {}
    measured.forget();
    let pred_x0 = latent(measured.latent_shape(), 6);
    let mut note = None;
    let mut work: Work<'_> = Box::new(|| {
        let shown = previewer.show(model, None, &pred_x0, mode, Duration::ZERO).map_err(failed)?;
        note = shown.and_then(|shown| shown.note);
        Ok(())
    });
    let mut measurement = measured.time(name, 1, true, &mut work)?;
    drop(work);
    measurement.0.note = note.map(|note| note.to_string());
    Ok(measurement)
}

/// TAESD's decoder, if it could decode this model's latents.
fn tiny(measured: &Measured<'_>) -> ops::Result<Option<TinyDecoder>> {
    let (model, config) = (measured.model, &measured.model.config);
    if !TinyDecoder::suits(config.channels, config.first_stage_factor) {
        return Ok(None);
    }
    let weights = Weights::new(Arc::new(Synthetic { weights_seed: 0 }), model.first_stage_device());
    TinyDecoder::new(&weights, &TinyShape::taesd(config.channels, false)).map(Some)
}
