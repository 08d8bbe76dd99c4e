//! The parts of a model, each run and timed.

use std::ops::ControlFlow;
use std::time::Instant;

use super::row::{OperationRow, Row};
use super::subject::{Subject, SubjectError};
use super::{cancel, previews, processor};
use crate::engine::ConditionedModel;
use crate::engine::generate;
use crate::model::unet::LabelShape;
use crate::model::{CondStage, Conditioning, ConditioningKey, LatentDiffusion};
use crate::ops::{self, Device, Tensor};
use crate::process;
use crate::sampler::RngKind;
use crate::sampler::noise::Noise;
use crate::sampler::{Denoiser as _, Latent, Next, RunState, StepReport};
use crate::settings::{SIDE_MAX, Settings};

/// The text of a run; any text costs the same.
const PROMPT: &str = "a lighthouse on a cliff at dusk";
/// Positions of a made-up context.
const CONTEXT_POSITIONS: usize = 77;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// From the file to networks that are ready.
    Load,
    /// Texts, steps, decoding.
    Run,
    /// The text encoder, two texts.
    Text,
    /// One guided call of the UNet.
    Unet,
    /// One call of the UNet without guidance.
    Unet1,
    /// The first stage's decoder.
    Decode,
    /// The first stage's encoder.
    Encode,
    /// A step's picture in each of the window's modes.
    Preview,
    /// From the stop flag to the end of the work.
    Cancel,
}

impl Part {
    /// All of them, in the order they are run.
    pub const ALL: [Self; 9] = [
        Self::Load,
        Self::Run,
        Self::Text,
        Self::Unet,
        Self::Unet1,
        Self::Decode,
        Self::Encode,
        Self::Preview,
        Self::Cancel,
    ];

    /// The name in `--only` and in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Run => "run",
            Self::Text => "text",
            Self::Unet => "unet",
            Self::Unet1 => "unet1",
            Self::Decode => "decode",
            Self::Encode => "encode",
            Self::Preview => "preview",
            Self::Cancel => "cancel",
        }
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|part| part.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|part| part.name()).collect();
            format!("expected parts out of {}, found {text:?}", names.join(", "))
        })
    }
}

/// One series of measurements.
pub struct Suite<'a> {
    /// The model.
    pub subject: &'a Subject,
    /// Where it computes.
    pub device: &'a Device,
    /// Width and height in pixels; the model's own if `None`.
    pub size: Option<[usize; 2]>,
    /// Timed repetitions of each part.
    pub repeat: usize,
    /// Steps of a run.
    pub steps: usize,
    /// Measure single operations too.
    pub operations: bool,
}

impl Suite<'_> {
    /// Measures `parts`, handing over each row as it is ready, and its operations if asked for.
    ///
    /// # Errors
    /// If the model cannot be loaded, the size does not suit it, or stopped.
    pub fn run(
        &self,
        parts: &[Part],
        on_row: &mut dyn FnMut(Row, Vec<OperationRow>),
    ) -> Result<(), SubjectError> {
        process::reset_peak();
        let mut samples = Vec::new();
        let mut model = None;
        let loads = if parts.contains(&Part::Load) { self.repeat } else { 1 };
        for _ in 0..loads {
            drop(model.take());
            self.device.trim();
            let began = Instant::now();
            model = Some(self.subject.load(self.device)?);
            samples.push(began.elapsed().as_secs_f64());
        }
        let Some(model) = model else { return Ok(()) };
        let measured = Measured { suite: self, model: &model, size: self.size_for(&model)? };
        for part in Part::ALL.into_iter().filter(|part| parts.contains(part)) {
            if part == Part::Load {
                on_row(measured.row(part.name(), 1, &samples, 0.0), Vec::new());
                continue;
            }
            // A run's peak counts from the load on.
            if part != Part::Run {
                measured.forget();
            }
            for (row, operations) in measured.part(part)? {
                on_row(row, operations);
            }
        }
        Ok(())
    }

    /// The size, if the model can make it.
    fn size_for(&self, model: &LatentDiffusion) -> Result<[usize; 2], SubjectError> {
        let own = model.config.image_size * model.config.first_stage_factor;
        let size = self.size.unwrap_or([own, own]);
        let multiple = model.size_multiple();
        if size.iter().any(|side| *side == 0 || side % multiple != 0 || *side > SIDE_MAX) {
            let [width, height] = size;
            return Err(SubjectError::Input(format!(
                "expected a size of multiples of {multiple}, found {width}x{height}; choose another --size"
            )));
        }
        Ok(size)
    }
}

/// A suite with its model.
pub(super) struct Measured<'a> {
    pub suite: &'a Suite<'a>,
    pub model: &'a LatentDiffusion,
    size: [usize; 2],
}

/// Something to measure, as often as wanted.
pub(super) type Work<'a> = Box<dyn FnMut() -> ops::Result<()> + 'a>;
/// A row, and those of its operations if they are asked for.
pub(super) type Measurement = (Row, Vec<OperationRow>);

impl Measured<'_> {
    /// One part's rows; none if the model has no such part.
    fn part(&self, part: Part) -> Result<Vec<Measurement>, SubjectError> {
        match part {
            Part::Cancel => Ok(vec![(cancel::measure(self)?, Vec::new())]),
            Part::Preview => previews::measure(self),
            _ => {
                let Some(mut work) = self.work(part)? else { return Ok(Vec::new()) };
                let batch = if matches!(part, Part::Text | Part::Unet) { 2 } else { 1 };
                // A whole run is long, and its first is as good as any other.
                let mut measurement = self.time(part.name(), batch, part != Part::Run, &mut work)?;
                measurement.0.note = (part == Part::Run).then(|| format!("{} steps", self.suite.steps));
                Ok(vec![measurement])
            }
        }
    }

    /// Gives back buffers, and starts a new peak of memory.
    pub fn forget(&self) {
        self.suite.device.trim();
        process::reset_peak();
    }

    /// Times a work, after a first time that does not count if it is to warm up.
    pub fn time(
        &self,
        name: &'static str,
        batch: usize,
        warm_up: bool,
        work: &mut Work<'_>,
    ) -> ops::Result<Measurement> {
        let meter = self.suite.device.meter();
        meter.start();
        let (mut samples, mut least) = (Vec::new(), None);
        let began = Instant::now();
        work()?;
        if !warm_up {
            samples.push(began.elapsed().as_secs_f64());
        }
        let mut operations = meter.finish();
        while samples.len() < self.suite.repeat {
            let (began, before) = (Instant::now(), processor::seconds());
            work()?;
            samples.push(began.elapsed().as_secs_f64());
            let used = processor::seconds().zip(before).map(|(after, before)| after - before);
            least = least.into_iter().chain(used).reduce(f64::min);
        }
        // Not `sum`, which is -0 of nothing.
        let gflop = operations.iter().fold(0.0, |sum, metered| sum + metered.operations) / 1e9;
        let row = Row { processor: least, ..self.row(name, batch, &samples, gflop) };
        if self.suite.operations && warm_up {
            meter.start();
            work()?;
            operations = meter.finish();
        }
        let operations = operations.into_iter().map(|metered| OperationRow::new(name, metered));
        Ok((row, if self.suite.operations { operations.collect() } else { Vec::new() }))
    }

    /// A row of this suite.
    pub fn row(&self, name: &'static str, batch: usize, samples: &[f64], gflop: f64) -> Row {
        let device = self.suite.device;
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
            threads: device
                .threads()
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            dtype: device.dtype().name(),
            simd: device.simd(),
            peak_bytes: process::peak_bytes(),
            note: None,
        };
        row.with_samples(samples)
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
        let latent_shape = self.latent_shape();
        Ok(match part {
            Part::Text => {
                let CondStage::Clip { .. } = model.cond_stage() else { return Ok(None) };
                let tokens = [model.tokenize(PROMPT)?, model.tokenize("")?];
                let [prompt, negative] = tokens;
                Some(Box::new(move || model.get_learned_conditioning(&[&prompt, &negative]).map(drop)))
            }
            Part::Unet | Part::Unet1 => {
                let (one, other) =
                    (conditioning(model, latent_shape, 1)?, conditioning(model, latent_shape, 2)?);
                let mut denoiser = ConditionedModel::new(model, one, Some(&other))?;
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
            Part::Load | Part::Preview | Part::Cancel => None,
        })
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
            steps: self.suite.steps,
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
    let unet = &model.config.unet;
    let mut noise = Noise::seeded(RngKind::Cpu, seed);
    let key = model.config.conditioning_key;
    let mut made = Conditioning::default();
    if matches!(key, ConditioningKey::Crossattn | ConditioningKey::Hybrid) {
        let shape = [1, CONTEXT_POSITIONS, unet.context_dim.unwrap_or(1)];
        let values = noise.randn(shape.iter().product());
        made.c_crossattn.push(Tensor::from_f32(model.device(), &shape, &values)?);
    }
    if matches!(key, ConditioningKey::Concat | ConditioningKey::Hybrid) {
        let [_, channels, h, w] = latent;
        let shape = [1, unet.in_channels.saturating_sub(channels), h, w];
        let values = noise.randn(shape.iter().product());
        made.c_concat.push(Tensor::from_f32(model.device(), &shape, &values)?);
    }
    match unet.label {
        LabelShape::None => {}
        LabelShape::Classes(_) => made.y = Some(vec![0]),
        LabelShape::Vector(channels) => {
            made.vector = Some(Tensor::from_f32(model.device(), &[1, channels], &noise.randn(channels))?);
        }
    }
    if let Some(dim) = unet.time_cond_proj_dim {
        made.guidance = Some(Tensor::from_f32(model.device(), &[1, dim], &noise.randn(dim))?);
    }
    Ok(made)
}

/// What a whole run failed at, as an operation's error.
pub(super) fn failed(error: generate::GenerateError) -> ops::Error {
    match error {
        generate::GenerateError::Ops(error) => error,
        other => ops::Error::Shape(other.to_string()),
    }
}

#[cfg(feature = "starter")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Synthesis;
    use crate::ops::StopFlag;

    #[test]
    fn every_part_of_a_small_model_is_measured() {
        let mut subject = Subject::drawn(Synthesis::Starter).unwrap();
        // Latents of an eighth of the picture's side, which are what TAESD is for.
        let config = subject.drawn_config_mut().unwrap();
        let ddconfig = config.pointer_mut("/model/params/first_stage_config/params/ddconfig").unwrap();
        ddconfig["ch_mult"] = serde_json::json!([1, 2, 4, 8]);
        let device = Device::cpu(StopFlag::default());
        let suite = Suite {
            subject: &subject,
            device: &device,
            size: Some([64, 32]),
            repeat: 1,
            steps: 1,
            operations: true,
        };
        let mut rows = Vec::new();
        suite.run(&Part::ALL, &mut |row, operations| rows.push((row, operations))).unwrap();
        let names: Vec<&str> = rows.iter().map(|(row, _)| row.name).collect();
        let mut expected = Part::ALL.map(Part::name).to_vec();
        let preview = expected.iter().position(|name| *name == "preview").unwrap();
        expected.splice(preview..=preview, ["preview-fast", "preview-tiny", "preview-full"]);
        assert_eq!(names, expected);
        let uncounted = ["load", "preview-fast", "cancel"];
        for (row, operations) in rows.iter().filter(|(row, _)| !uncounted.contains(&row.name)) {
            let sum: f64 = operations.iter().map(|operation| operation.gflop).sum();
            assert!(row.gflop > 0.0 && row.seconds > 0.0 && row.max >= row.min, "{row:?}");
            // What is made once a run is counted in the first call only.
            assert!(sum > 0.5 * row.gflop && sum <= row.gflop * 1.001, "{} {sum} {}", row.name, row.gflop);
        }
        let gflop = |name: &str| rows.iter().find(|row| row.0.name == name).unwrap().0.gflop;
        let ratio = gflop("unet") / gflop("unet1");
        // What the halves of the guidance share is computed once.
        assert!(ratio > 1.5 && ratio < 2.0, "{ratio}");
    }

    #[test]
    fn a_size_the_model_cannot_make_is_refused() {
        let subject = Subject::drawn(Synthesis::Starter).unwrap();
        let device = Device::cpu(StopFlag::default());
        let suite = Suite {
            subject: &subject,
            device: &device,
            size: Some([63, 64]),
            repeat: 1,
            steps: 1,
            operations: false,
        };
        let refused = suite.run(&[Part::Unet], &mut |_, _| ()).unwrap_err();
        assert!(refused.to_string().contains("found 63x64"), "{refused}");
    }
}
