//! Schedule buffers that a checkpoint stores: they are computed here, and differences reported.

use crate::note::Note;
use crate::ops::Weights;
use crate::sampler::DiffusionSchedule;

/// A note for each stored buffer that differs from the computed one by more than 1e-5.
pub fn differing_buffers(weights: &Weights, schedule: &DiffusionSchedule) -> Vec<Note> {
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
