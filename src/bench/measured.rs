//! `Measured`: a model under measurement, the work of each of its parts and the clock around it.

use std::ops::ControlFlow;
use std::time::Instant;

use super::kernels::{Before, card_bytes, forget_card_bytes};
use super::lora::MadeUpLora;
use super::part::Part;
use super::processor;
use super::row::{OperationRow, Row};
use super::subject::{Subject, SubjectError};
use crate::engine::ConditionedModel;
use crate::engine::generate;
use crate::model::unet::LabelShape;
use crate::model::{CondStage, Conditioning, ConditioningKey, LatentDiffusion};
use crate::ops::{self, Device, Peak, Tensor};
use crate::process;
use crate::sampler::RngKind;
use crate::sampler::noise::Noise;
use crate::sampler::{Denoiser as _, Latent, Next, RunState, StepReport};
use crate::settings::Settings;

/// The text of a run; any text costs the same.
const PROMPT: &str = "a lighthouse on a cliff at dusk";
/// Positions of a made-up context.
const CONTEXT_POSITIONS: usize = 77;

/// A model that is measured, and how.
pub(super) struct Measured<'a> {
    /// The model, to be loaded anew.
    pub subject: &'a Subject,
    /// Where it computes.
    pub device: &'a Device,
    /// The model.
    pub model: &'a LatentDiffusion,
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// Pictures at once in `unet`, `unet1` and `decode`.
    pub batch: usize,
    /// Timed repetitions of each part.
    pub repeat: usize,
    /// Steps of a run.
    pub steps: usize,
    /// A LoRA that lies over it.
    pub lora: Option<&'a MadeUpLora>,
    /// Measure single operations too.
    pub operations: bool,
    /// How fast the device can be, where that is known.
    pub peak: Option<Peak>,
}

/// A work to measure, repeatable.
pub(super) type Work<'a> = Box<dyn FnMut() -> ops::Result<()> + 'a>;
/// A row, and those of its operations if they are asked for.
pub(super) type Measurement = (Row, Vec<OperationRow>);

impl Measured<'_> {
    /// Frees buffers, and starts a new peak of memory.
    pub fn forget(&self) {
        self.device.trim();
        process::reset_peak();
        forget_card_bytes(self.device);
    }

    /// Times a work; `warm_up` runs it once before, uncounted.
    pub fn time(
        &self,
        name: &'static str,
        batch: usize,
        warm_up: bool,
        work: &mut Work<'_>,
    ) -> ops::Result<Measurement> {
        let meter = self.device.meter();
        meter.start();
        let (mut samples, mut least) = (Vec::new(), None);
        let began = Instant::now();
        work()?;
        self.device.synchronize()?;
        if !warm_up {
            samples.push(began.elapsed().as_secs_f64());
        }
        let mut operations = meter.finish();
        let mut kernels = Vec::new();
        while samples.len() < self.repeat {
            let done = Before::now(self.device);
            let (began, before) = (Instant::now(), processor::seconds());
            work()?;
            self.device.synchronize()?;
            samples.push(began.elapsed().as_secs_f64());
            kernels = done.since(self.device);
            let used = processor::seconds().zip(before).map(|(after, before)| after - before);
            least = least.into_iter().chain(used).reduce(f64::min);
        }
        // Not `sum`, which returns -0 for an empty list.
        let gflop = operations.iter().fold(0.0, |sum, metered| sum + metered.operations) / 1e9;
        let row = Row { processor: least, kernels, ..self.row(name, batch, &samples, gflop) };
        if self.operations && warm_up {
            meter.start();
            work()?;
            operations = meter.finish();
        }
        let operations = operations.into_iter().map(|metered| OperationRow::new(name, metered, self.peak));
        Ok((row, if self.operations { operations.collect() } else { Vec::new() }))
    }

    /// A row of this suite.
    pub fn row(&self, name: &'static str, batch: usize, samples: &[f64], gflop: f64) -> Row {
        let device = self.device;
        let row = Row {
            name,
            width: self.size[0],
            height: self.size[1],
            batch,
            seconds: 0.0,
            min: 0.0,
            max: 0.0,
            processor: None,
            gflop,
            share: None,
            kernels: Vec::new(),
            threads: device
                .threads()
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            dtype: device.dtype().name(),
            simd: device.simd(),
            peak_bytes: process::peak_bytes(),
            card_bytes: card_bytes(device),
            note: None,
        };
        let row = row.with_samples(samples);
        let share = |peak: Peak| row.gflop * 1e9 / row.min / peak.operations;
        let share = self.peak.filter(|_| row.gflop > 0.0 && row.min > 0.0).map(share);
        Row { share, ..row }
    }

    /// The shape of a latent of this size.
    pub fn latent_shape(&self) -> [usize; 4] {
        let [width, height] = self.size;
        let config = &self.model.config;
        [1, config.channels, height / config.first_stage_factor, width / config.first_stage_factor]
    }

    /// The repeatable work of a part, with its input made; `None` if the model has no such part.
    pub fn work(&self, part: Part) -> Result<Option<Work<'_>>, SubjectError> {
        let model = self.model;
        let [width, height] = self.size;
        let [_, channels, h, w] = self.latent_shape();
        let latent_shape = [self.batch, channels, h, w];
        Ok(match part {
            Part::Text => {
                let CondStage::Texts(_) = model.cond_stage() else { return Ok(None) };
                Some(Box::new(move || model.get_learned_conditioning(&[PROMPT, ""]).map(drop)))
            }
            Part::Unet | Part::Unet1 => {
                let (one, other) =
                    (conditioning(model, latent_shape, 1)?, conditioning(model, latent_shape, 2)?);
                let mut denoiser = ConditionedModel::new(model, one, Some(&other));
                let x = latent(latent_shape, 3);
                let t = (model.config.schedule.timesteps() / 2) as f32;
                Some(Box::new(move || match part {
                    Part::Unet => denoiser.guided(&x, t).map(drop),
                    _ => denoiser.conditional(&x, t).map(drop),
                }))
            }
            Part::Decode => {
                let z = tensor(&model.first_stage_device(), latent_shape, 4)?;
                Some(Box::new(move || model.decode_first_stage(&z).map(drop)))
            }
            Part::Encode if !model.encodes() => None,
            Part::Encode => {
                let x = tensor(&model.first_stage_device(), [1, 3, height, width], 5)?;
                Some(Box::new(move || model.encode_first_stage(&x).map(drop)))
            }
            Part::Run => self.whole_run()?,
            Part::Lora => self.strength()?,
            Part::Load | Part::Preview | Part::Cancel => None,
        })
    }

    /// Another strength of the LoRA, taken up by all layers.
    fn strength(&self) -> Result<Option<Work<'_>>, SubjectError> {
        let (Some(lora), model) = (self.lora, self.model) else { return Ok(None) };
        let side = model.size_multiple() / model.config.first_stage_factor;
        let shape = [1, model.config.channels, side, side];
        let mut denoiser = ConditionedModel::new(model, conditioning(model, shape, 1)?, None);
        let x = latent(shape, 3);
        let mut strength = 0.0;
        Ok(Some(Box::new(move || {
            strength = if strength == 0.5 { 0.8 } else { 0.5 };
            lora.lay_over(model, strength);
            model.get_learned_conditioning(&[PROMPT]).map(drop)?;
            denoiser.conditional(&x, 1.0).map(drop)
        })))
    }

    /// Texts, steps and decoding, as `safelight generate` does them.
    fn whole_run(&self) -> Result<Option<Work<'_>>, SubjectError> {
        let model = self.model;
        let settings = self.settings();
        if generate::check_settings(model, &settings).is_err() {
            // Not a model that makes pictures from words alone.
            return Ok(None);
        }
        Ok(Some(Box::new(move || {
            let plan = generate::plan(model, &settings).map_err(failed)?;
            let state = generate::start(model, &settings, &plan);
            let mut on_step = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
            let made = generate::develop(model, &settings, &plan, state, &mut on_step).map_err(failed)?;
            generate::decode(model, &made.samples).map(drop).map_err(failed)
        })))
    }

    fn settings(&self) -> Settings {
        Settings {
            prompt: PROMPT.to_owned(),
            steps: self.steps,
            seed: 1,
            width: self.size[0],
            height: self.size[1],
            ..Settings::default()
        }
    }
}

/// A latent of noise.
pub(super) fn latent(shape: [usize; 4], seed: u64) -> Latent {
    Latent::new(shape, Noise::seeded(RngKind::Cpu, seed).randn(shape.iter().product()))
}

fn tensor(device: &Device, shape: [usize; 4], seed: u64) -> ops::Result<Tensor> {
    Tensor::from_f32(device, &shape, &latent(shape, seed).values)
}

/// Conditioning of noise, of the kind and shape that the model takes.
fn conditioning(model: &LatentDiffusion, latent: [usize; 4], seed: u64) -> ops::Result<Conditioning> {
    let [batch, channels, h, w] = latent;
    let unet = &model.config.unet;
    let mut noise = Noise::seeded(RngKind::Cpu, seed);
    let key = model.config.conditioning_key;
    let mut made = Conditioning::default();
    if matches!(key, ConditioningKey::Crossattn | ConditioningKey::Hybrid) {
        let shape = [batch, CONTEXT_POSITIONS, unet.context_dim.unwrap_or(1)];
        let values = noise.randn(shape.iter().product());
        made.c_crossattn.push(Tensor::from_f32(model.device(), &shape, &values)?);
    }
    if matches!(key, ConditioningKey::Concat | ConditioningKey::Hybrid) {
        let shape = [batch, unet.in_channels.saturating_sub(channels), h, w];
        let values = noise.randn(shape.iter().product());
        made.c_concat.push(Tensor::from_f32(model.device(), &shape, &values)?);
    }
    match unet.label {
        LabelShape::None => {}
        LabelShape::Classes(_) => made.y = Some(vec![0; batch]),
        LabelShape::Vector(vector) => {
            made.vector =
                Some(Tensor::from_f32(model.device(), &[batch, vector], &noise.randn(batch * vector))?);
        }
    }
    made.guidance = unet.time_cond_proj_dim.map(|_| vec![Settings::default().guidance as f32; batch]);
    Ok(made)
}

/// What a whole run failed at, as an operation's error.
pub(super) fn failed(error: generate::GenerateError) -> ops::Error {
    match error {
        generate::GenerateError::Ops(error) => error,
        other => ops::Error::Shape(other.to_string()),
    }
}
