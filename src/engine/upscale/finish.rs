//! What becomes of a picture that a run has made: put where it belongs, and enlarged.
//!
//! Invariant: where nothing is repainted, an enlarged picture has the pixels of the original enlarged by the same
//! network.

use super::{OpenUpscaler, UpscaleError};
use crate::engine::additions::AdditionError;
use crate::engine::from::Ground;
use crate::engine::generate::{GenerateError, Plan};
use crate::ops;
use crate::picture::Frame;
use crate::settings::{Settings, Tile};

impl Plan {
    /// The upscaler of the finished picture.
    pub fn enlarges(&self, settings: &Settings) -> Option<&OpenUpscaler> {
        self.upscaler.as_deref().filter(|_| !settings.hires.is_by_upscaler())
    }

    /// Refuses what cannot be enlarged before anything is computed.
    ///
    /// # Errors
    /// If it has too many pixels, or the upscaler is missing.
    pub(in crate::engine) fn check_enlarged(&self, settings: &Settings) -> Result<(), GenerateError> {
        let by = settings.hires.is_by_upscaler();
        if by && self.upscaler.is_none() {
            return Err(AdditionError::from(UpscaleError::Unnamed).into());
        }
        let Some(upscaler) = &self.upscaler else { return Ok(()) };
        let run = [settings.width, settings.height];
        let size = match &self.ground {
            Some(ground) if ground.overlay.is_some() => [ground.picture.width, ground.picture.height],
            _ => run,
        };
        // A second pass grows the picture before.
        let grown = |side: usize| if by { side } else { settings.hires.side(side, 1) };
        upscaler.check(size.map(grown)).map_err(|error| AdditionError::from(error).into())
    }

    /// The picture of a run that has made `made`.
    ///
    /// # Errors
    /// If the device of an upscaler fails, or stopped.
    pub fn finished(&self, settings: &Settings, made: &Frame) -> Result<Frame, GenerateError> {
        let ground = self.ground.as_deref();
        let frame = ground.map_or_else(|| made.clone(), |ground| ground.finished(made.clone()));
        match self.enlarges(settings) {
            Some(upscaler) => Ok(enlarged((upscaler, settings.tile), ground, made, &frame)?),
            None => Ok(frame),
        }
    }
}

/// A finished picture enlarged, with what is kept of the original as it is when that is enlarged.
fn enlarged(
    (upscaler, tile): (&OpenUpscaler, Tile),
    ground: Option<&Ground>,
    made: &Frame,
    frame: &Frame,
) -> ops::Result<Frame> {
    let large = upscaler.enlarge_tiling(frame, tile)?;
    let Some(overlay) = ground.and_then(|ground| ground.overlay.as_ref()) else { return Ok(large) };
    let (original, mask) = overlay.kept(made);
    let original = upscaler.enlarge_tiling(original, tile)?;
    let mut rgb = large.rgb.to_vec();
    for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (i % large.width / upscaler.scale(), i / large.width / upscaler.scale());
        if mask.levels[y * mask.width + x] == 0 {
            pixel.copy_from_slice(&original.rgb[3 * i..3 * i + 3]);
        }
    }
    Ok(Frame { rgb: rgb.into(), ..large })
}
