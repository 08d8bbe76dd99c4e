//! LCM: consistency in several steps (Luo et al. 2023, algorithm 3; diffusers' `LCMScheduler`).
//!
//! Trap: the boundary's scalings are all but 0 and 1 at every timestep of the distilled models.

use crate::sampler::step::{Step, Stepped};
use crate::sampler::{Denoiser, Latent, Level};

/// `timestep_scaling`.
const SCALING: f64 = 10.0;
/// The deviation of the data that the boundary condition assumes.
const SIGMA_DATA: f64 = 0.5;

/// d = c_out·x0 + c_skip·x; x ← √ᾱ'·d + √(1 − ᾱ')·z, in the last step d.
pub(super) fn step<D: Denoiser>(step: &mut Step<'_, D>, x: &Latent) -> Result<Stepped, D::Error> {
    let next = step.next_level();
    let (c_skip, c_out) = boundary(step.level());
    let predicted = step.predict(x, step.number)?.pred_x0;
    let picture = step.quantized(predicted)?.zip(x, |x0, x| c_out * x0 + c_skip * x);
    if step.number + 1 == step.steps() {
        return Ok(Stepped { x_prev: picture.clone(), pred_x0: picture });
    }
    let signal = next.signal() as f32;
    let noise = step.noise(x.shape, next.noise() as f32);
    Ok(Stepped { x_prev: picture.zip(&noise, |x0, noise| signal * x0 + noise), pred_x0: picture })
}

/// (c_skip, c_out).
fn boundary(level: Level) -> (f32, f32) {
    let scaled = SCALING * f64::from(level.t);
    let square = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
    ((SIGMA_DATA * SIGMA_DATA / square) as f32, (scaled / square.sqrt()) as f32)
}
