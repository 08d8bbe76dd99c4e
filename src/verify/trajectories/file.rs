//! `Recording`: a file of recorded trajectories as it is read.
//!
//! A tensor is named `group/tensor`, or is a schedule alone (`sg_…`), or an input of all groups. The
//! header's metadata key `cases` describes the groups as JSON. Trap: steps and shapes differ from file to
//! file and stand in the tensors alone.

use std::collections::BTreeSet;
use std::path::Path;

use safetensors::SafeTensors;
use serde_json::{Map, Value};

use super::super::bounds::Bound;
use super::super::case::read_trace;
use super::super::compare::{Comparison, compare_tensor};
use crate::sampler::{DiffusionSchedule, Latent};
use crate::trace::{Recorded, Trace, Values};

/// The longest file, in bytes.
const BYTES_MAX: u64 = 1 << 30;
/// Floats may differ by this share of the largest recorded one.
const TOLERANCE: Bound = Bound { share: 1e-4, beyond: 0.0 };
/// Tensors that all groups read.
const INPUTS: [&str; 5] = ["x_T", "noise_pool", "x0_img2img", "alphas_cumprod", "alphas_cumprod_f32"];
/// A key of `cases` that is no group.
const VERSIONS: &str = "versions";

/// Why a file cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("expected recorded trajectories of samplers, found {cause}; check {path}")]
pub struct RecordingError {
    /// The file.
    path: String,
    /// What the system or the parser says.
    cause: String,
}

/// Python's JSON without its numbers that JSON has no words for: they become null.
fn without_infinities(text: &str) -> String {
    let mut parts = text.split('"');
    let mut clean = parts.next().unwrap_or_default().to_owned();
    // Outside quotes and inside them by turns; these headers escape no quotes.
    for (i, part) in parts.enumerate() {
        clean.push('"');
        if i % 2 == 1 {
            clean.push_str(
                &part.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"),
            );
        } else {
            clean.push_str(part);
        }
    }
    clean
}

/// A file of recorded trajectories.
#[derive(Clone, Debug)]
pub struct Recording {
    tensors: Trace,
    cases: Map<String, Value>,
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or is not of this form.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let wrong = |cause: String| RecordingError { path: path.display().to_string(), cause };
        let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if length > BYTES_MAX {
            return Err(wrong(format!("{length} bytes, which are too many")));
        }
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&bytes).map_err(wrong)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// In a few words, if they are not of this form.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let tensors = read_trace(bytes)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get("cases"));
        let cases = match text.map(|text| serde_json::from_str(&without_infinities(text))) {
            Some(Ok(Value::Object(cases))) => cases,
            Some(_) => return Err("cases that are no JSON object".to_owned()),
            None => return Err("no cases in its header".to_owned()),
        };
        Ok(Self { tensors, cases })
    }

    /// Every group that the tensors or the header name.
    pub(super) fn groups(&self) -> BTreeSet<String> {
        let of_tensors = self.tensors.tensors.keys().filter(|name| !INPUTS.contains(&name.as_str()));
        let of_tensors =
            of_tensors.map(|name| name.split_once('/').map_or(name.as_str(), |(group, _)| group));
        let of_header = self.cases.keys().map(String::as_str).filter(|name| *name != VERSIONS);
        of_tensors.chain(of_header).map(str::to_owned).collect()
    }

    /// What the header says of a group.
    pub(super) fn case(&self, group: &str) -> Result<&Map<String, Value>, String> {
        match self.cases.get(group) {
            Some(Value::Object(case)) => Ok(case),
            _ => Err("the header does not describe it".to_owned()),
        }
    }

    /// Compares every tensor of a group.
    pub(super) fn compare(&self, group: &str, computed: &Trace) -> Vec<Comparison> {
        let own = self.tensors.tensors.iter().filter_map(|(name, recorded)| {
            let short = name.strip_prefix(group)?;
            let short = if short.is_empty() { name } else { short.strip_prefix('/')? };
            Some(compare_tensor(short, recorded, computed.tensors.get(short), TOLERANCE))
        });
        own.collect()
    }

    /// The numbers of a tensor.
    pub(super) fn numbers(&self, name: &str) -> Result<&[f32], String> {
        match self.tensors.tensors.get(name).map(|recorded| &recorded.values) {
            Some(Values::F32(values)) => Ok(values),
            Some(_) => Err(format!("{name} is not of 32-bit floats")),
            None => Err(format!("the file has no {name}")),
        }
    }

    fn recorded(&self, name: &str) -> Result<&Recorded, String> {
        self.tensors.tensors.get(name).ok_or_else(|| format!("the file has no {name}"))
    }

    /// A tensor (b, c, h, w).
    pub(super) fn latent(&self, name: &str) -> Result<Latent, String> {
        let shape = &self.recorded(name)?.shape;
        let shape: [usize; 4] = shape
            .as_slice()
            .try_into()
            .map_err(|_| format!("{name} has the shape {shape:?} and not four dimensions"))?;
        if shape.contains(&0) {
            return Err(format!("{name} is empty"));
        }
        Ok(Latent::new(shape, self.numbers(name)?.to_vec()))
    }

    /// The recorded draws.
    pub(super) fn draws(&self) -> Result<Vec<Vec<f32>>, String> {
        let size = self.latent("x_T")?.len();
        let pool = self.numbers("noise_pool")?;
        if !pool.len().is_multiple_of(size) {
            return Err("noise_pool is no list of draws of x_T's size".to_owned());
        }
        Ok(pool.chunks(size).map(<[f32]>::to_vec).collect())
    }

    /// The schedule of training with the ᾱ of this tensor.
    pub(super) fn training(&self, name: &str) -> Result<DiffusionSchedule, String> {
        let alphas = self.numbers(name)?;
        if alphas.len() < 2 || !alphas.iter().all(|alpha| (0.0..=1.0).contains(alpha)) {
            return Err(format!("{name} is no list of shares"));
        }
        Ok(DiffusionSchedule::from_alphas_cumprod(alphas.iter().map(|alpha| f64::from(*alpha))))
    }

    /// Steps of a whole run, by a schedule whose length tells.
    pub(super) fn steps(&self) -> Result<usize, String> {
        let whole = self.groups().into_iter().filter(|group| {
            *group == "sg_karras" || (group.starts_with("kd_") && !group.contains("img2img"))
        });
        let name = |group: String| if group == "sg_karras" { group } else { format!("{group}/sigmas") };
        let counts = whole.map(name).filter_map(|name| self.numbers(&name).ok()?.len().checked_sub(1));
        counts
            .max()
            .filter(|steps| *steps > 0)
            .ok_or_else(|| "no schedule tells the number of steps".to_owned())
    }
}
