//! `safelight bench`: prints how long each part takes, as a table or as JSON lines.

use std::io::Write as _;

use crate::bench::{OperationRow, Part, Row, Subject, SubjectError, Suite, Synthesis, write_synthetic};
use crate::library::Sort;
use crate::ops::{Device, DeviceOptions, StopFlag, WeightsKept};

use super::arguments::{Bench, Model, SynthesisName};
use super::library::resolve;
use super::{Failure, interrupt};

impl From<SubjectError> for Failure {
    fn from(error: SubjectError) -> Self {
        match error {
            SubjectError::Input(sentence) => Self::Input(sentence),
            SubjectError::Model(error) => error.into(),
        }
    }
}

/// Runs `safelight bench`.
///
/// # Errors
/// If the model, the device or the size cannot be had.
pub fn run(arguments: &Bench) -> Result<(), Failure> {
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let (subject, kept) = subject(arguments)?;
    #[cfg(feature = "gpu")]
    super::cards::prepare_for(arguments.device);
    let options = DeviceOptions {
        choice: arguments.device,
        dtype: arguments.dtype.into(),
        threads: arguments.threads.map(usize::from),
        weights_kept: arguments.weights.map_or(kept, Into::into),
        card: None,
    };
    let (mut device, sentence) = Device::open(options, stop)?;
    if let Some(level) = arguments.simd {
        device = device.with_simd(level.into())?;
    }
    if let Some(path) = &arguments.write {
        write_synthetic(&subject, &device, path)?;
        return say(&path.display().to_string());
    }
    let suite = Suite {
        subject: &subject,
        device: &device,
        size: arguments.size,
        lora: arguments.lora.map(usize::from),
        batch: usize::from(arguments.batch),
        repeat: usize::from(arguments.repeat),
        steps: usize::from(arguments.steps),
        operations: arguments.operations,
    };
    if !arguments.json {
        say(&format!("{sentence}; kernels {}, {}", device.simd(), device.dtype().name()))?;
        say(Row::HEADING)?;
    }
    let parts = if arguments.only.is_empty() { Part::ALL.to_vec() } else { arguments.only.clone() };
    let mut printed = Ok(());
    suite.run(&parts, &mut |row, operations| {
        if printed.is_ok() {
            printed = print(arguments.json, &row, &operations, arguments.operations);
        }
    })?;
    printed
}

/// The model, and how its weights are kept without `--weights`.
fn subject(arguments: &Bench) -> Result<(Subject, WeightsKept), Failure> {
    match (&arguments.model.path, arguments.synthetic) {
        (Some(path), _) => {
            let Model { config, prediction, parts, .. } = &arguments.model;
            let path = resolve(path, &[Sort::Model])?;
            let subject = Subject::file(&path, config.as_deref(), *prediction, parts.overlays()?);
            Ok((subject, WeightsKept::File))
        }
        (None, synthetic) => {
            let synthesis = match synthetic.unwrap_or(SynthesisName::Sd15) {
                SynthesisName::Sd15 => Synthesis::Sd15,
                SynthesisName::Starter => Synthesis::Starter,
            };
            Ok((Subject::drawn(synthesis)?, WeightsKept::F16))
        }
    }
}

fn print(json: bool, row: &Row, operations: &[OperationRow], show_kernels: bool) -> Result<(), Failure> {
    if json {
        say_json(row)?;
        return operations.iter().try_for_each(say_json);
    }
    say(&row.line())?;
    if show_kernels {
        row.kernels.iter().try_for_each(|kernel| say(&kernel.line()))?;
    }
    operations.iter().try_for_each(|operation| say(&operation.line()))
}

fn say_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    say(&serde_json::to_string(value).map_err(|error| Failure::Ours(error.to_string()))?)
}

/// A line on stdout; a closed pipe ends the measurement.
fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failure::Ours(format!("cannot print ({error})")))
}
