//! `Previewer`: each step's picture for the eye, at a cost that is measured and kept small.
//!
//! Invariant: a preview never decides the picture: it reads `pred_x0` and nothing of the run.

mod card;
mod fitted;
mod half;
pub(super) mod kept;
pub(super) mod proofs;
pub(super) mod steps_kept;
pub(super) mod strips;
pub(super) mod tiny;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::message::PreviewImage;
use crate::model::{LatentDiffusion, TinyDecoder};
use crate::note::Note;
use crate::ops::{self, Tensor};
use crate::picture::Frame;
use crate::sampler::Latent;
use crate::settings::PreviewMode;
use crate::tray::Overlay;

pub use half::decode_half;

use crate::engine::generate::{self, GenerateError, Part};
use crate::engine::preview::card::{FittedOnCard, Found, Levels};
use crate::engine::preview::fitted::{FittedDecoder, Sample};
use crate::engine::preview::half::decode_small;

/// `Auto` takes what costs less than this, however short a step is.
const CHEAP: Duration = Duration::from_millis(100);
/// `Auto` takes what costs less than this share of a step, however long it is.
const CHEAP_SHARE: f64 = 0.1;

/// A preview, how it was made, and an optional note on its quality.
pub struct Shown {
    /// The step's predicted picture; on the card where that draws the window.
    pub image: PreviewImage,
    /// Full, half, tiny or fast.
    pub mode: PreviewMode,
    /// How long it took, a share of the fit included.
    pub took: Duration,
    /// A note on its quality, e.g. the fit's error.
    pub note: Option<Note>,
}

/// How far the fit of the fast preview is.
enum Fit {
    Gathering(Vec<Sample>),
    Ready(FittedDecoder),
    Impossible,
}

/// Makes previews for one model.
pub struct Previewer {
    fit: Fit,
    /// The fit, or what stands in for it, on the card that draws the window.
    fit_on_card: Option<FittedOnCard>,
    tiny: Option<TinyDecoder>,
    cache: Option<PathBuf>,
    /// Seconds of a full decode for each position of the latent.
    full_cost: Option<f64>,
    /// The same of a decode at half the size.
    half_cost: Option<f64>,
    /// The same of the tiny decoder.
    tiny_cost: Option<f64>,
}

impl Previewer {
    /// A previewer for a model just opened. `cache` is a folder for fits.
    pub fn new(cache: Option<PathBuf>, tiny: Option<TinyDecoder>) -> Self {
        Self {
            fit: Fit::Gathering(Vec::new()),
            fit_on_card: None,
            tiny,
            cache,
            full_cost: None,
            half_cost: None,
            tiny_cost: None,
        }
    }

    /// One piece of the fit, a small decode; returns whether there is more. A kept fit is found by the
    /// model's `hash`; without one no fit is looked up.
    ///
    /// # Errors
    /// If the decoder fails or is stopped.
    pub fn prepare(&mut self, model: &LatentDiffusion, hash: Option<&str>) -> Result<bool, GenerateError> {
        let Fit::Gathering(samples) = &mut self.fit else { return Ok(false) };
        let (channels, factor) = (model.config.channels, model.config.first_stage_factor);
        let kept_at = self.cache.as_ref().zip(hash).map(|(folder, hash)| folder.join(format!("{hash}.json")));
        if samples.len() == 1
            && let Some(kept) = kept_at.as_ref().and_then(|path| FittedDecoder::read(path, channels, factor))
        {
            self.set_fit(Fit::Ready(kept));
            return Ok(false);
        }
        let latent = fitted::fit_latent(channels, samples.len());
        let began = Instant::now();
        let (_, image) = generate::decode(model, &latent)?;
        let cost = began.elapsed().as_secs_f64() / (fitted::CROP * fitted::CROP) as f64;
        self.full_cost = Some(self.full_cost.map_or(cost, |least| least.min(cost)));
        samples.push(Sample { latent, image: image.to_f32()? });
        if samples.len() < fitted::DECODES {
            return Ok(true);
        }
        let fit = match FittedDecoder::fit(samples, factor) {
            Some(decoder) => {
                if let Some(path) = kept_at {
                    decoder.keep(&path);
                }
                Fit::Ready(decoder)
            }
            None => Fit::Impossible,
        };
        self.set_fit(fit);
        Ok(false)
    }

    /// Makes tiny previews with another decoder, or none.
    pub(super) fn set_tiny(&mut self, tiny: Option<TinyDecoder>) {
        (self.tiny, self.tiny_cost) = (tiny, None);
    }

    fn set_fit(&mut self, fit: Fit) {
        (self.fit, self.fit_on_card) = (fit, None);
    }

    /// Continues the fit beside a run, for a tenth of the step's time or one piece.
    fn fit_beside(
        &mut self,
        model: &LatentDiffusion,
        hash: Option<&str>,
        step_took: Duration,
    ) -> Result<(), GenerateError> {
        let began = Instant::now();
        while self.prepare(model, hash)? && began.elapsed() < step_took.mul_f64(CHEAP_SHARE) {}
        Ok(())
    }

    /// The picture of one step, or `None` for [`PreviewMode::Off`]. Continues an unfinished fit, and uses it
    /// as soon as it is ready. `hash` is the model's, if known.
    ///
    /// # Errors
    /// If a decoder fails or is stopped.
    pub fn show(
        &mut self,
        model: &LatentDiffusion,
        hash: Option<&str>,
        pred_x0: &Latent,
        mode: PreviewMode,
        step_took: Duration,
    ) -> Result<Option<Shown>, GenerateError> {
        self.show_within(model, hash, (pred_x0, None), mode, step_took)
    }

    /// The same within the picture of which the run repaints a part.
    ///
    /// # Errors
    /// As [`Previewer::show`].
    pub fn show_within(
        &mut self,
        model: &LatentDiffusion,
        hash: Option<&str>,
        (pred_x0, overlay): (&Latent, Option<&Overlay>),
        mode: PreviewMode,
        step_took: Duration,
    ) -> Result<Option<Shown>, GenerateError> {
        let arrived = Instant::now();
        if matches!(mode, PreviewMode::Auto | PreviewMode::Fast) {
            self.fit_beside(model, hash, step_took)?;
        }
        let fitting = arrived.elapsed();
        let mode = match mode {
            PreviewMode::Off => return Ok(None),
            PreviewMode::Auto => self.affordable(model, pred_x0, step_took),
            PreviewMode::Tiny if self.tiny.is_none() => PreviewMode::Fast,
            // A card with little memory would decode each of them in bands.
            PreviewMode::Full if model.decodes_in_bands() => PreviewMode::Half,
            chosen => chosen,
        };
        let began = Instant::now();
        let [_, _, h, w] = pred_x0.shape;
        let image = match overlay {
            Some(overlay) => PreviewImage::Frame(overlay.shown(&self.frame(model, pred_x0, mode)?)),
            None => self.image(model, pred_x0, mode)?,
        };
        let note = (mode == PreviewMode::Fast).then(|| self.note(model));
        let took = began.elapsed();
        let cost = took.as_secs_f64() / (h * w) as f64;
        match mode {
            PreviewMode::Full => self.full_cost = Some(cost),
            PreviewMode::Half => self.half_cost = Some(cost),
            PreviewMode::Tiny => self.tiny_cost = Some(cost),
            _ => {}
        }
        Ok(Some(Shown { image, mode, took: took + fitting, note }))
    }

    /// The best that costs under a tenth of a step or under 100 ms.
    fn affordable(&self, model: &LatentDiffusion, pred_x0: &Latent, step_took: Duration) -> PreviewMode {
        let [_, _, h, w] = pred_x0.shape;
        let budget = CHEAP.as_secs_f64().max(CHEAP_SHARE * step_took.as_secs_f64());
        let fits = |cost: Option<f64>| cost.is_some_and(|cost| cost * (h * w) as f64 <= budget);
        if fits(self.full_cost) && !model.decodes_in_bands() {
            PreviewMode::Full
        } else if self.tiny.is_some() && (self.tiny_cost.is_none() || fits(self.tiny_cost)) {
            PreviewMode::Tiny
        } else if fits(self.half_cost.or(self.full_cost.map(|cost| cost / 4.0))) {
            PreviewMode::Half
        } else {
            PreviewMode::Fast
        }
    }

    /// The picture of one step by one of the four ways, where the window draws.
    fn image(
        &mut self,
        model: &LatentDiffusion,
        z: &Latent,
        mode: PreviewMode,
    ) -> Result<PreviewImage, GenerateError> {
        if !model.device().draws() {
            return self.frame(model, z, mode).map(PreviewImage::Frame);
        }
        let factor = model.config.first_stage_factor;
        let [_, _, h, w] = z.shape;
        let size = [w * factor, h * factor];
        let found = match (mode, &self.tiny) {
            (PreviewMode::Full, _) => {
                card::picture(&generate::decode_image(model, z)?, size, Levels::DECODER)?
            }
            (PreviewMode::Half, _) => card::picture(&decode_small(model, z)?, size, Levels::DECODER)?,
            (PreviewMode::Tiny, Some(tiny)) => {
                card::picture(&tiny_image(tiny, model, z)?, size, Levels::TINY)?
            }
            _ => self.fast_on_card(model, z)?,
        };
        match found {
            Some(Found { image, is_finite: true }) => Ok(image),
            Some(_) => {
                let dtype = model.device().dtype();
                Err(GenerateError::NotFinite { part: Part::FirstStage, step: None, dtype })
            }
            // Larger than the card takes pictures.
            None => self.frame(model, z, mode).map(PreviewImage::Frame),
        }
    }

    /// The same as pixels on the host: for strips that are made again, and wherever no window draws.
    ///
    /// # Errors
    /// If a decoder fails or is stopped.
    pub fn frame(
        &self,
        model: &LatentDiffusion,
        z: &Latent,
        mode: PreviewMode,
    ) -> Result<Frame, GenerateError> {
        match (mode, &self.tiny) {
            (PreviewMode::Full, _) => Ok(generate::decode(model, z)?.0),
            (PreviewMode::Half, _) => decode_half(model, z),
            (PreviewMode::Tiny, Some(tiny)) => Ok(tiny_frame(&tiny_image(tiny, model, z)?)?),
            _ => Ok(self.fast(model, z)),
        }
    }

    fn fast(&self, model: &LatentDiffusion, z: &Latent) -> Frame {
        let decoded = if let Fit::Ready(decoder) = &self.fit { decoder.decode(z) } else { None };
        decoded.unwrap_or_else(|| FittedDecoder::decode_roughly(z, model.config.first_stage_factor))
    }

    fn note(&self, model: &LatentDiffusion) -> Note {
        match &self.fit {
            Fit::Ready(decoder) => Note::FitError { error: decoder.error },
            _ if FittedDecoder::knows_colors(model.config.channels, model.config.first_stage_factor) => {
                Note::RoughColors
            }
            _ => Note::FitNotReady,
        }
    }

    fn fast_on_card(&mut self, model: &LatentDiffusion, z: &Latent) -> ops::Result<Option<Found>> {
        if let Some(fitted) = &self.fit_on_card {
            return fitted.picture(z);
        }
        let device = model.first_stage_device();
        let fitted = match &self.fit {
            Fit::Ready(decoder) => FittedOnCard::new(decoder, device)?,
            _ => {
                let rough = FittedDecoder::rough(z.shape[1], model.config.first_stage_factor);
                FittedOnCard::new(&rough, device)?
            }
        };
        self.fit_on_card.insert(fitted).picture(z)
    }
}

fn tiny_image(tiny: &TinyDecoder, model: &LatentDiffusion, z: &Latent) -> ops::Result<Tensor> {
    tiny.decode(&Tensor::from_f32(&model.first_stage_device(), &z.shape, &z.values)?)
}

fn tiny_frame(image: &Tensor) -> ops::Result<Frame> {
    let [_, _, h, w] = image.map_shape()?;
    // TAESD answers in [0, 1]; frames are made from [-1, 1].
    let image: Vec<f32> = image.to_f32()?.into_iter().map(|value| 2.0 * value - 1.0).collect();
    Ok(Frame::from_decoded(&image, w, h))
}
