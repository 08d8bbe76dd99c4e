//! Schedule buffers that a checkpoint stores: they are computed here, and differences reported.

use crate::ops::Weights;
use crate::sampler::DiffusionSchedule;

/// One sentence for each stored buffer that differs from the computed one by more than 1e-5.
pub fn differing_buffers(weights: &Weights, schedule: &DiffusionSchedule) -> Vec<String> {
    let len = schedule.betas.len();
    [("betas", &schedule.betas), ("alphas_cumprod", &schedule.alphas_cumprod)]
        .into_iter()
        .filter(|(name, _)| weights.stores(name))
        .filter_map(|(name, computed)| match weights.get_f32(name, &[len]) {
            Ok(stored) => {
                let worst = stored.iter().zip(computed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                (worst > 1e-5)
                    .then(|| format!("the file's {name} differ from the config's by up to {worst:.1e}; the config's are used"))
            }
            Err(error) => Some(format!("the file's {name} do not fit the config ({error}); the config's are used")),
        })
        .collect()
}
