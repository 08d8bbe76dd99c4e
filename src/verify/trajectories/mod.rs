//! Recorded trajectories of samplers: other programs' runs over a made-up denoiser, computed again by
//! the rules of [`SamplerKind::TABLE`](crate::sampler::SamplerKind::TABLE) through
//! [`sampler::run`](crate::sampler::run). Only the denoiser and the noise are exchanged.
//!
//! Invariant: nothing is skipped. A group or tensor that is not known, or a configuration that the rules
//! here do not follow, is a failure with a sentence. The number of steps and the shapes are the file's.

mod brownian;
mod config;
mod diffusers;
mod file;
mod k_diffusion;
mod replay;
mod schedules;
mod toy;

pub use file::{Recording, RecordingError};

use super::Comparison;

/// What came of one group of a file.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The group's name.
    pub name: String,
    /// Its tensors; none where it could not be computed.
    pub tensors: Vec<Comparison>,
    /// Why it could not be computed, if so.
    pub failure: Option<String>,
}

impl Checked {
    /// Whether every tensor agrees.
    pub fn passes(&self) -> bool {
        self.failure.is_none()
            && !self.tensors.is_empty()
            && self.tensors.iter().all(|tensor| tensor.failure.is_none())
    }

    /// The largest difference, as a share of the largest number of its tensor; NaN where one could not
    /// be compared.
    pub fn largest(&self) -> f64 {
        let larger = |a: f64, b: f64| if b.is_nan() || b > a { b } else { a };
        self.tensors.iter().map(|tensor| tensor.relative).fold(0.0, larger)
    }
}

/// Computes every group of a file again, in the order of their names.
pub fn check(recording: &Recording) -> Vec<Checked> {
    recording.groups().into_iter().map(|name| checked(recording, &name)).collect()
}

fn checked(recording: &Recording, name: &str) -> Checked {
    let computed = match name {
        _ if name.starts_with("kd_brownian_seed") => brownian::compute(recording, name),
        _ if name.starts_with("kd_") => k_diffusion::compute(recording, name),
        _ if name.starts_with("df_") => diffusers::compute(recording, name),
        _ if name.starts_with("sg_") => schedules::compute(recording, name),
        _ => Err("this kind of group is not known".to_owned()),
    };
    let name = name.to_owned();
    match computed {
        Ok(computed) => {
            let tensors = recording.compare(&name, &computed);
            let failure = tensors.is_empty().then(|| "the file holds no tensor of it".to_owned());
            Checked { name, tensors, failure }
        }
        Err(failure) => Checked { name, tensors: Vec::new(), failure: Some(failure) },
    }
}
