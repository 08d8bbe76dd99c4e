//! `safelight inspect`: what a model file or folder is. Pictures are `inspect_picture`'s.

mod addition;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use crate::checkpoint::{self, Checkpoint, Part};
use crate::engine::{ModelConfig, find_config, of_model};
use crate::library::Sort;
use crate::model::instantiate_from_config;
use crate::ops::host::{HostData, HostTensor, TensorSource};
use crate::ops::{self, Device, StopFlag, Weights};
use crate::picture::open::is_picture;

use super::arguments::Inspect;
use super::library::resolve;
use super::verify::read_small;
use super::{Failure, inspect_picture};

/// Names shown of a long list.
const NAMES_SHOWN: usize = 12;

/// Runs `safelight inspect`.
///
/// # Errors
/// If it is neither a model nor a picture, or damaged.
pub fn run(arguments: &Inspect) -> Result<(), Failure> {
    if is_picture(&arguments.path).unwrap_or(false) {
        return inspect_picture::run(&arguments.path, arguments.json);
    }
    let path = resolve(&arguments.path, &Sort::ALL)?;
    if arguments.json {
        return Err(Failure::Input(format!(
            "expected a picture with --json, found none at {}; leave --json out for a model",
            path.display()
        )));
    }
    if addition::run(&arguments.path)? {
        return Ok(());
    }
    let input = |error: &dyn std::fmt::Display| Failure::Input(error.to_string());
    let checkpoint =
        Checkpoint::open_with(&path, &arguments.parts.overlays()?).map_err(|error| input(&error))?;
    let report = checkpoint::inspect(&checkpoint);
    say(&format!("{}: {}, {}", path.display(), report.kind.name(), megabytes(report.total_bytes)));
    if report.has_state_dict {
        say("  weights lie under state_dict");
    }
    for (part, sums) in &report.parts {
        let elements: Vec<String> =
            sums.elements.iter().map(|(element, count)| format!("{} {}", count, element.name())).collect();
        say(&format!(
            "  {:<13} {:>5} tensors  {:>8.2} M parameters  {:>9}  ({})",
            part.name(),
            sums.tensors,
            sums.parameters as f64 / 1e6,
            megabytes(sums.bytes),
            elements.join(", ")
        ));
    }
    list("beside the weights", &report.beside);
    list("belongs to no part", &report.leftovers);
    inspect_config(arguments, checkpoint)
}

/// The config, and whether it and the weights fit each other.
fn inspect_config(arguments: &Inspect, checkpoint: Checkpoint) -> Result<(), Failure> {
    let ModelConfig { config, file, folder, notes } = find_config(&checkpoint, arguments.config.as_deref())?;
    for note in notes {
        say(&format!("  note: {note}"));
    }
    let shapes = Arc::new(ShapesOnly { inner: checkpoint, missing: std::sync::Mutex::default() });
    let weights = Weights::new(shapes.clone(), Device::cpu(StopFlag::default()));
    let read = |name: &str| read_small(&folder.join(name));
    let model = instantiate_from_config(&config, &weights, &read)
        .map_err(|error| of_model(error, file.as_deref(), &shapes.inner))?;
    let unet = &model.config.unet;
    say(&format!(
        "  LatentDiffusion: conditioning_key {}, parameterization {}, {} timesteps, scale_factor {}, EMA {}",
        lower_case(model.config.conditioning_key),
        lower_case(model.config.parameterization),
        model.config.schedule.timesteps(),
        model.config.scale_factor,
        if model.config.use_ema { "copy runs" } else { "not used" }
    ));
    say(&format!(
        "  UNetModel: {} × {:?}, {} ResBlocks a level, attention at {:?}, {}, {} → {} channels",
        unet.model_channels,
        unet.channel_mult,
        unet.num_res_blocks,
        unet.attention_resolutions,
        unet.context_dim.map_or_else(|| "no context".to_owned(), |width| format!("context_dim {width}")),
        unet.in_channels,
        unet.out_channels
    ));
    say(&format!(
        "  pictures: {} × {} in training, sizes are multiples of {}",
        model.config.image_size * model.config.first_stage_factor,
        model.config.image_size * model.config.first_stage_factor,
        model.size_multiple()
    ));
    list("training only, in the config", &model.config.training_only);
    for note in &model.config.notes {
        say(&format!("  note: {note}"));
    }
    let missing = shapes.missing.lock().map(|names| names.clone()).unwrap_or_default();
    list("missing from the weights", &missing.into_iter().collect::<Vec<_>>());
    let mut unused = weights.unused();
    // The schedule is computed; stored buffers that differ are among the notes.
    unused.retain(|name| Part::of(name) != Part::Schedule);
    list("not used by the config", &unused);
    Ok(())
}

/// A checkpoint whose elements are not read: networks are built of zeros, so that they request every name and
/// shape at little cost.
struct ShapesOnly {
    inner: Checkpoint,
    missing: std::sync::Mutex<BTreeSet<String>>,
}

impl TensorSource for ShapesOnly {
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        self.inner.shape(name, expected).or_else(|| {
            if let Ok(mut missing) = self.missing.lock() {
                missing.insert(name.to_owned());
            }
            Some(expected.to_vec())
        })
    }

    fn read(&self, name: &str, shape: &[usize]) -> ops::Result<HostTensor<'_>> {
        // Small tensors (schedules, factors) are compared, so they are read.
        let len: usize = shape.iter().product();
        if self.inner.contains(name) && len <= 4096 {
            return self.inner.read(name, shape);
        }
        let zeros = HostData::F32(vec![0.0; len].into());
        Ok(HostTensor { shape: shape.to_vec(), data: zeros })
    }

    fn names(&self) -> Vec<String> {
        self.inner.names()
    }
}

fn list(title: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    say(&format!("  {title} ({}): {}{more}", names.len(), shown.join(", ")));
}

/// A choice as a config writes it.
fn lower_case(choice: impl std::fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}
