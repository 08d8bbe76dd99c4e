//! `Suite`: a series of measurements of one model, part after part.

use std::time::Instant;

use super::lora::MadeUpLora;
use super::measured::{Measured, Measurement};
use super::part::Part;
use super::row::{OperationRow, Row};
use super::subject::{Subject, SubjectError};
use super::{cancel, previews};
use crate::model::LatentDiffusion;
use crate::ops::Device;
use crate::process;
use crate::settings::SIDE_MAX;

/// One series of measurements.
pub struct Suite<'a> {
    /// The model.
    pub subject: &'a Subject,
    /// Where it computes.
    pub device: &'a Device,
    /// Width and height in pixels; the model's own if `None`.
    pub size: Option<[usize; 2]>,
    /// Ranks of a LoRA over the model, if there is one.
    pub lora: Option<usize>,
    /// Pictures at once in `unet`, `unet1` and `decode`.
    pub batch: usize,
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
        let lora = self.lora.map(|ranks| MadeUpLora::new(&model, ranks));
        if let Some(lora) = &lora {
            lora.lay_over(&model, 0.8);
        }
        let measured = Measured {
            subject: self.subject,
            device: self.device,
            model: &model,
            size: self.size_for(&model)?,
            batch: self.batch,
            repeat: self.repeat,
            steps: self.steps,
            lora: lora.as_ref(),
            operations: self.operations,
            peak: self.device.peak()?,
        };
        for part in Part::ALL.into_iter().filter(|part| parts.contains(part)) {
            if part == Part::Load {
                on_row(measured.row(part.name(), 1, &samples, 0.0), Vec::new());
                continue;
            }
            // A run's peak counts from the load on.
            if part != Part::Run {
                measured.forget();
            }
            for (row, operations) in rows_of(&measured, part)? {
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

/// One part's rows; none if the model has no such part.
fn rows_of(measured: &Measured<'_>, part: Part) -> Result<Vec<Measurement>, SubjectError> {
    match part {
        Part::Cancel => Ok(vec![(cancel::measure(measured)?, Vec::new())]),
        Part::Preview => previews::measure(measured),
        _ => {
            let Some(mut work) = measured.work(part)? else { return Ok(Vec::new()) };
            let batch = match part {
                Part::Text => 2,
                Part::Unet => 2 * measured.batch,
                Part::Unet1 | Part::Decode => measured.batch,
                _ => 1,
            };
            // A whole run is long, and its first is as good as any other.
            let mut measurement = measured.time(part.name(), batch, part != Part::Run, &mut work)?;
            measurement.0.note = (part == Part::Run).then(|| format!("{} steps", measured.steps));
            Ok(vec![measurement])
        }
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
            lora: Some(2),
            device: &device,
            size: Some([64, 32]),
            batch: 2,
            repeat: 1,
            steps: 1,
            operations: true,
        };
        let mut rows = Vec::new();
        suite.run(&Part::ALL, &mut |row, operations| rows.push((row, operations))).unwrap();
        let names: Vec<&str> = rows.iter().map(|(row, _)| row.name).collect();
        let mut expected = Part::ALL.map(Part::name).to_vec();
        let preview = expected.iter().position(|name| *name == "preview").unwrap();
        expected.splice(preview..=preview, ["preview-fast", "preview-tiny", "preview-half", "preview-full"]);
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
            lora: None,
            device: &device,
            size: Some([63, 64]),
            batch: 1,
            repeat: 1,
            steps: 1,
            operations: false,
        };
        let refused = suite.run(&[Part::Unet], &mut |_, _| ()).unwrap_err();
        assert!(refused.to_string().contains("found 63x64"), "{refused}");
    }
}
