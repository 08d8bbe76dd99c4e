//! `Previewer`: each step's picture for the eye, at a cost that is measured and kept small.
//!
//! Invariant: a preview never decides the picture: it reads `pred_x0` and nothing of the run.

mod fitted;
mod half;
pub(super) mod kept;
pub(super) mod proofs;
pub(super) mod steps_kept;
pub(super) mod strips;
pub(super) mod tiny;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::model::{LatentDiffusion, TinyDecoder};
use crate::note::Note;
use crate::ops::{self, Tensor};
use crate::picture::Frame;
use crate::sampler::Latent;
use crate::settings::PreviewMode;

pub use half::decode_half;

use crate::engine::generate;
use crate::engine::generate::GenerateError;
use crate::engine::preview::fitted::{FittedDecoder, Sample};

/// `Auto` takes what costs less than this, however short a step is.
const CHEAP: Duration = Duration::from_millis(100);
/// `Auto` takes what costs less than this share of a step, however long it is.
const CHEAP_SHARE: f64 = 0.1;

/// Latent to red, green and blue for models shaped like Stable Diffusion v1, until a fit is ready
/// (found by Hugging Face forum user keturn; rows are channels).
const V1_LATENT_TO_RGB: [[f32; 3]; 4] =
    [[0.298, 0.207, 0.208], [0.187, 0.286, 0.173], [-0.158, 0.189, 0.264], [-0.184, -0.271, -0.473]];

/// A preview, how it was made, and an optional note on its quality.
pub struct Shown {
    /// The step's predicted picture.
    pub frame: Frame,
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
            self.fit = Fit::Ready(kept);
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
        self.fit = match FittedDecoder::fit(samples, factor) {
            Some(decoder) => {
                if let Some(path) = kept_at {
                    decoder.keep(&path);
                }
                Fit::Ready(decoder)
            }
            None => Fit::Impossible,
        };
        Ok(false)
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
        let (frame, note) = match (mode, &self.tiny) {
            (PreviewMode::Full, _) => (generate::decode(model, pred_x0)?.0, None),
            (PreviewMode::Half, _) => (decode_half(model, pred_x0)?, None),
            (PreviewMode::Tiny, Some(tiny)) => (tiny_frame(tiny, model, pred_x0)?, None),
            _ => self.fast(model, pred_x0),
        };
        let took = began.elapsed();
        let cost = took.as_secs_f64() / (h * w) as f64;
        match mode {
            PreviewMode::Full => self.full_cost = Some(cost),
            PreviewMode::Half => self.half_cost = Some(cost),
            PreviewMode::Tiny => self.tiny_cost = Some(cost),
            _ => {}
        }
        Ok(Some(Shown { frame, mode, took: took + fitting, note }))
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

    fn fast(&self, model: &LatentDiffusion, pred_x0: &Latent) -> (Frame, Option<Note>) {
        if let Fit::Ready(decoder) = &self.fit
            && let Some(frame) = decoder.decode(pred_x0)
        {
            return (frame, Some(Note::FitError { error: decoder.error }));
        }
        let factor = model.config.first_stage_factor;
        let v1_shaped = pred_x0.shape[1] == 4 && factor == 8;
        let note = if v1_shaped { Note::RoughColors } else { Note::FitNotReady };
        (flat_colors(pred_x0, factor, v1_shaped), Some(note))
    }
}

/// One flat color a position: by the published matrix, or gray.
fn flat_colors(z: &Latent, factor: usize, v1_shaped: bool) -> Frame {
    let [_, _, h, w] = z.shape;
    let (height, width) = (h * factor, w * factor);
    let mut image = vec![0.0; 3 * height * width];
    if v1_shaped {
        for (i, value) in image.iter_mut().enumerate() {
            let (color, y, x) = (i / (height * width), i / width % height / factor, i % width / factor);
            *value = (0..4).map(|c| z.values[(c * h + y) * w + x] * V1_LATENT_TO_RGB[c][color]).sum();
        }
    }
    Frame::from_decoded(&image, width, height)
}

fn tiny_frame(tiny: &TinyDecoder, model: &LatentDiffusion, pred_x0: &Latent) -> ops::Result<Frame> {
    let z = Tensor::from_f32(&model.first_stage_device(), &pred_x0.shape, &pred_x0.values)?;
    let image = tiny.decode(&z)?;
    let [_, _, h, w] = image.map_shape()?;
    // TAESD answers in [0, 1]; frames are made from [-1, 1].
    let image: Vec<f32> = image.to_f32()?.into_iter().map(|value| 2.0 * value - 1.0).collect();
    Ok(Frame::from_decoded(&image, w, h))
}
