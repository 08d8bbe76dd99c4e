//! `safelight verify`: recorded runs of the reference, computed again and compared.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::checkpoint::Checkpoint;
use crate::model::synthetic::Synthetic;
use crate::model::{LatentDiffusion, instantiate_from_config};
use crate::ops::host::TensorSource;
use crate::ops::{Device, StopFlag, Weights};
use crate::verify::trajectories::{self, Recording};
use crate::verify::{Bounds, Case, Place, VerifyError, compare, compute, embedded};

use super::arguments::Verify;
use super::{Failure, interrupt};

/// A case's `tokenizer.json` may not be longer.
const TOKENIZER_BYTES_MAX: u64 = 16 << 20;

/// Runs `safelight verify`.
///
/// # Errors
/// With exit code 1 if a number differs, 2 if a case cannot be read.
pub fn run(arguments: &Verify) -> Result<(), Failure> {
    if let Some(path) = &arguments.samplers {
        return samplers(path);
    }
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let (device, sentence) = Device::open(arguments.compute.options(), stop)?;
    let cases = cases(&arguments.cases)?;
    let place = match (device.is_card(), device.threads()) {
        (true, _) => Place::Card,
        (false, Some(_)) => Place::Processor,
        (false, None) => Place::Other,
    };
    let bounds = Bounds::of(place, device.dtype());
    say(&format!("computing on {sentence}, {}; {}", device.dtype().name(), bounds.line()));
    let mut different = 0;
    for case in &cases {
        different += verify_case(case, &device, &bounds)?;
    }
    if different == 0 {
        say(&format!("{} cases computed as the reference does", cases.len()));
        return Ok(());
    }
    Err(Failure::Ours(format!("{different} tensors differ from the reference; the rows marked ✗ say which")))
}

/// Checks the samplers against recorded trajectories; prints each group's largest difference.
fn samplers(path: &Path) -> Result<(), Failure> {
    let recording = Recording::open(path).map_err(|error| Failure::Input(error.to_string()))?;
    let checked = trajectories::check(&recording);
    for group in &checked {
        let mark = if group.passes() { "✓" } else { "✗" };
        let failure = group.failure.as_deref().unwrap_or_default();
        let line = format!("{mark} {:<32} largest difference {:.2e}  {failure}", group.name, group.largest());
        say(line.trim_end());
        for tensor in &group.tensors {
            if let Some(failure) = &tensor.failure {
                say(&format!(
                    "    {:<12} {:?} max |a−b| {:.2e}  relative {:.2e}  {failure}",
                    tensor.name, tensor.shape, tensor.absolute, tensor.relative
                ));
            }
        }
    }
    let different = checked.iter().filter(|group| !group.passes()).count();
    if checked.is_empty() {
        return Err(Failure::Input(format!(
            "expected recorded trajectories, found none in {}",
            path.display()
        )));
    }
    if different == 0 {
        say(&format!("{} groups computed as recorded", checked.len()));
        return Ok(());
    }
    Err(Failure::Ours(format!(
        "{different} groups differ from the recorded ones; the rows marked ✗ say which"
    )))
}

fn cases(folders: &[std::path::PathBuf]) -> Result<Vec<Case>, Failure> {
    if folders.is_empty() {
        let mut cases = embedded::cases().map_err(Failure::Ours)?;
        cases.extend(starter_case()?);
        return Ok(cases);
    }
    folders
        .iter()
        .map(|folder| Case::open(folder).map_err(|error| Failure::Input(error.to_string())))
        .collect()
}

/// Computes and prints one case; how many tensors differ.
fn verify_case(case: &Case, device: &Device, bounds: &Bounds) -> Result<usize, Failure> {
    let began = Instant::now();
    let model = build(case, device)?;
    let computed = compute(case, &model).map_err(|error| match error {
        VerifyError::Ops(error) => Failure::from(error),
        other => Failure::Input(format!("{}: {other}", case.name)),
    })?;
    let comparisons = compare(case, &computed, bounds);
    say(&format!("{} ({:.1} s)", case.name, began.elapsed().as_secs_f64()));
    for tensor in &comparisons {
        let mark = if tensor.failure.is_some() { "✗" } else { "✓" };
        let failure = tensor.failure.as_deref().unwrap_or_default();
        let line = format!(
            "  {mark} {:<22} {:<20} max |a−b| {:.2e}  relative {:.2e}  {failure}",
            tensor.name,
            format!("{:?}", tensor.shape),
            tensor.absolute,
            tensor.relative
        );
        say(line.trim_end());
    }
    Ok(comparisons.iter().filter(|tensor| tensor.failure.is_some()).count())
}

/// The model of a case: weights beside it, or drawn from their names.
fn build(case: &Case, device: &Device) -> Result<LatentDiffusion, Failure> {
    let beside =
        case.folder.as_ref().map(|folder| folder.join("model.safetensors")).filter(|path| path.exists());
    let source: Arc<dyn TensorSource> = match beside {
        Some(path) => Arc::new(Checkpoint::open(path).map_err(|error| Failure::Input(error.to_string()))?),
        None if case.is_starter() => starter_weights()?,
        None => Arc::new(Synthetic { weights_seed: case.request.weights_seed }),
    };
    let weights = Weights::new(source, device.clone());
    let read_tokenizer = |name: &str| match &case.folder {
        Some(folder) => read_small(&folder.join(name)),
        None => embedded_tokenizer(name),
    };
    Ok(instantiate_from_config(&case.config, &weights, &read_tokenizer)?)
}

/// A file beside a config, if it is not too long.
///
/// # Errors
/// In one sentence, if it cannot be read or is.
pub fn read_small(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {} ({error})", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(TOKENIZER_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > TOKENIZER_BYTES_MAX {
        return Err(format!("expected a tokenizer, found a very large file: {}", path.display()));
    }
    Ok(bytes)
}

#[cfg(feature = "starter")]
fn starter_case() -> Result<Option<Case>, Failure> {
    embedded::starter().map(Some).map_err(Failure::Ours)
}

#[cfg(not(feature = "starter"))]
fn starter_case() -> Result<Option<Case>, Failure> {
    Ok(None)
}

#[cfg(feature = "starter")]
fn starter_weights() -> Result<Arc<dyn TensorSource>, Failure> {
    Ok(Arc::new(crate::starter::weights().map_err(|error| Failure::Ours(error.to_string()))?))
}

#[cfg(not(feature = "starter"))]
fn starter_weights() -> Result<Arc<dyn TensorSource>, Failure> {
    Err(Failure::Input("this build carries no starter model".to_owned()))
}

#[cfg(feature = "starter")]
fn embedded_tokenizer(_name: &str) -> Result<Vec<u8>, String> {
    Ok(crate::starter::TOKENIZER.to_vec())
}

#[cfg(not(feature = "starter"))]
fn embedded_tokenizer(name: &str) -> Result<Vec<u8>, String> {
    Err(format!("this build carries no {name}"))
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}
