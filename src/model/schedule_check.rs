//! Schedule buffers that a checkpoint stores, beside those that the config asks for.
//!
//! The computed ones are used, since half floats hold them too coarsely, and differences are reported.
//! But a stored schedule that ends without signal is another schedule, which no config of v1 can ask
//! for: it counts, as it does where the reference loads it over the computed one.

use crate::note::{FileNote, Note};
use crate::ops::Weights;
use crate::ops::host::HostData;
use crate::sampler::DiffusionSchedule;

/// The schedule that is used, and a note for each stored buffer that differs.
pub fn agreed(weights: &Weights, computed: DiffusionSchedule) -> (DiffusionSchedule, Vec<Note>) {
    let notes = differing_buffers(weights, &computed);
    let stored = if notes.is_empty() { None } else { stored_without_signal(weights, &computed) };
    match stored {
        Some(stored) => (stored, vec![Note::File(FileNote::ZeroTerminalSnr)]),
        None => (computed, notes),
    }
}

/// A note for each stored buffer that differs from the computed one by more than 1e-5.
fn differing_buffers(weights: &Weights, schedule: &DiffusionSchedule) -> Vec<Note> {
    let len = schedule.betas.len();
    [("betas", &schedule.betas), ("alphas_cumprod", &schedule.alphas_cumprod)]
        .into_iter()
        .filter(|(name, _)| weights.stores(name))
        .filter_map(|(name, computed)| match weights.get_f32(name, &[len]) {
            Ok(stored) => {
                let worst = stored.iter().zip(computed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                (worst > 1e-5).then(|| Note::BufferDiffers { name: name.to_owned(), by: Some(worst) })
            }
            Err(_) => Some(Note::BufferDiffers { name: name.to_owned(), by: None }),
        })
        .collect()
}

/// The stored schedule, if it is one and nothing of the picture is left at its end. Half floats only
/// tell that it is so; the numbers are then the computed ones, stretched.
fn stored_without_signal(weights: &Weights, computed: &DiffusionSchedule) -> Option<DiffusionSchedule> {
    let len = computed.timesteps();
    let read = |name| weights.stores(name).then(|| weights.get(name, &[len]).ok()).flatten();
    let from_alphas = |values: &[f32]| {
        let falls = values.is_sorted_by(|a, b| a >= b);
        let within = values.iter().all(|alpha| (0.0..=1.0).contains(alpha));
        (falls && within)
            .then(|| DiffusionSchedule::from_alphas_cumprod(values.iter().map(|a| f64::from(*a))))
    };
    let from_betas = |values: &[f32]| {
        let within = values.iter().all(|beta| (0.0..=1.0).contains(beta));
        within.then(|| DiffusionSchedule::from_betas(values.iter().map(|beta| f64::from(*beta))))
    };
    let (schedule, tensor) = match (read("alphas_cumprod"), read("betas")) {
        (Some(tensor), _) => (from_alphas(&tensor.to_f32()), tensor),
        (None, Some(tensor)) => (from_betas(&tensor.to_f32()), tensor),
        (None, None) => return None,
    };
    let schedule = schedule.filter(DiffusionSchedule::has_zero_terminal_snr)?;
    let coarse = matches!(tensor.data, HostData::F16(_) | HostData::Bf16(_));
    Some(if coarse { computed.with_zero_terminal_snr() } else { schedule })
}
