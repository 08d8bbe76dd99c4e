//! PLMS: DDIM's step with a linear multi-step of predictions (Liu et al. 2022, eq. 12;
//! `PLMSSampler.p_sample_plms`).
//!
//! Trap: the first step asks the model twice and draws noise twice.

use crate::sampler::step::{History, Step, Stepped};
use crate::sampler::{Denoiser, Latent};

/// Former predictions that the longest formula reads.
const OLD_EPS_MAX: usize = 3;

/// DDIM's step with e_t' in place of e_t; `old_eps` holds the last predictions, the newest last.
pub(super) fn step<D: Denoiser>(
    step: &mut Step<'_, D>,
    x: &Latent,
    old_eps: &mut History,
) -> Result<Stepped, D::Error> {
    let (e_t, _) = step.predict(x, step.index)?;
    let e_t_prime = match old_eps.as_slice() {
        [] => {
            // Heun's rule: the mean of the predictions here and one step ahead.
            let guess = step.predict_start_from_eps(x, &e_t, step.index);
            let ahead = step.x_prev(&e_t, guess)?.x_prev;
            let (e_t_next, _) = step.predict(&ahead, step.index.saturating_sub(1))?;
            e_t.zip(&e_t_next, |e, next| (e + next) / 2.0)
        }
        [a] => e_t.zip(a, |e, a| (3.0 * e - a) / 2.0),
        [b, a] => combine(&e_t, [a, b], |e, [a, b]| (23.0 * e - 16.0 * a + 5.0 * b) / 12.0),
        [.., c, b, a] => {
            combine(&e_t, [a, b, c], |e, [a, b, c]| (55.0 * e - 59.0 * a + 37.0 * b - 9.0 * c) / 24.0)
        }
    };
    let pred_x0 = step.predict_start_from_eps(x, &e_t_prime, step.index);
    let stepped = step.x_prev(&e_t_prime, pred_x0)?;
    old_eps.push(e_t);
    if old_eps.len() > OLD_EPS_MAX {
        old_eps.remove(0);
    }
    Ok(stepped)
}

/// f of e_t and the older predictions, newest first, element by element.
fn combine<const N: usize>(e_t: &Latent, old: [&Latent; N], f: impl Fn(f32, [f32; N]) -> f32) -> Latent {
    let at = |i: usize| f(e_t.values[i], old.map(|latent| latent.values[i]));
    Latent::new(e_t.shape, (0..e_t.len()).map(at).collect())
}
